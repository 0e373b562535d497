#!/usr/bin/env python3
"""Pictures decoded and resized as for training, ours against Pillow, OpenCV and libvips, on one core.

2400 x 3200 JPEGs (quality 92, drawn here: flat shapes, lines, shading, a little grain) to the bucket 896 x 1152:
pictures a second, the ratio to each peer in turns (median), and the PSNR to the full decode with Pillow's Lanczos.
With --all also PNG, WebP and AVIF. By processor time. Needs opencv-python-headless beside the test packages.

    tools/bench/decode.py [--all] [--pictures 3] [--turns 9] [--build build/dev]
"""

import argparse
import io
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from paired import Side, serve
from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 896, 1152  # the bucket
RESIZED = (896, 1195)  # what 2400 x 3200 becomes before its crop
FORMATS = {"jpg": {"quality": 92}, "png": {"compress_level": 6}, "webp": {"quality": 90}, "avif": {"quality": 80}}


def draw(seed):
    """A picture of 2400 x 3200."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (2400, 3200), tuple(int(v) for v in rng.integers(120, 255, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(400):
        x, y = (int(v) for v in rng.integers((-200, -200), (2600, 3400)))
        size = int(rng.exponential(150)) + 10
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        kind = rng.integers(0, 3)
        if kind == 0:
            pen.ellipse([x, y, x + size, y + int(size * 1.3)], fill=colour)
        elif kind == 1:
            end = (x + int(rng.integers(-600, 600)), y + int(rng.integers(-600, 600)))
            pen.line([(x, y), end], fill=colour, width=int(rng.integers(1, 8)))
        else:
            pen.polygon([tuple(int(v) for v in (x, y) + rng.integers(-size, size, 2)) for _ in range(5)], fill=colour)
    shade = [Image.fromarray(rng.normal(0, 12, (50, 38)).astype(np.float32)).resize((2400, 3200), Image.BICUBIC)
             for _ in range(3)]
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.float32)
    pixels = pixels + np.stack([np.asarray(s) for s in shade], -1) + rng.normal(0, 2, (3200, 2400, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def cropped(pixels):
    top = (RESIZED[1] - HEIGHT) // 2
    return pixels[top:top + HEIGHT]


def pillow(data, draft):
    image = Image.open(io.BytesIO(data))
    if draft:
        image.draft("RGB", RESIZED)
    return cropped(np.asarray(image.convert("RGB").resize(RESIZED, Image.LANCZOS)))


def opencv(data, flag):
    import cv2
    cv2.setNumThreads(1)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    return cropped(cv2.cvtColor(cv2.resize(image, RESIZED, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB))


def peer_modes():
    import cv2
    return {"pillow": lambda data: pillow(data, False), "pillow-draft": lambda data: pillow(data, True),
            "opencv": lambda data: opencv(data, cv2.IMREAD_COLOR),
            "opencv-reduced": lambda data: opencv(data, cv2.IMREAD_REDUCED_COLOR_2)}


def peer(*paths):
    """The other side, in a process of its own."""
    pictures = [Path(path).read_bytes() for path in paths]
    serve(0, {name: lambda mode=mode: [mode(data) for data in pictures][-1].flat[WIDTH * HEIGHT * 3 // 2]
              for name, mode in peer_modes().items()})


def psnr(pixels, reference):
    error = np.mean((pixels.astype(float) - reference) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def compare(ours, other, mode, turns, count):
    """Prints the pictures a second of both by the processors' time, and the ratio: the median of the turns'."""
    pairs = [(ours.run("ours", 1), other.run(mode, 1)) for _ in range(turns)]
    mine, theirs = (count / statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(pair[1][1] / pair[0][1] for pair in pairs)
    print(f"  {mode:15} {theirs:6.1f} a second, ours {mine:6.1f}: {ratio:.2f} times as fast", flush=True)


def main():
    if sys.argv[1:2] == ["peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="PNG, WebP and AVIF as well")
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pictures = [draw(seed) for seed in range(arguments.pictures)]
        for suffix in FORMATS if arguments.all else ["jpg"]:
            paths = [Path(name) / f"{i}.{suffix}" for i in range(arguments.pictures)]
            for picture, path in zip(pictures, paths, strict=True):
                picture.save(path, **FORMATS[suffix])
            saved = Path(name) / "ours.rgb"
            ours = Side([arguments.build / "bin" / "decode-step", saved, WIDTH, HEIGHT, *paths])
            theirs = Side([sys.executable, __file__, "peer", *paths])
            last = paths[-1].read_bytes()
            reference = pillow(last, False).astype(float)
            ours.run("save", 1)
            print(f"{suffix}: {last.__len__() / 1e6:.1f} MB a picture; PSNR to the full decode + Lanczos: ours "
                  f"{psnr(np.fromfile(saved, np.uint8).reshape(reference.shape), reference):.1f} dB")
            for mode, peer_mode in peer_modes().items():
                if suffix != "jpg" and mode in ("pillow-draft", "opencv-reduced"):
                    continue
                print(f"  {mode:15} {psnr(peer_mode(last), reference):6.1f} dB")
                compare(ours, theirs, mode, arguments.turns, arguments.pictures)
            compare(ours, ours, "vips", arguments.turns, arguments.pictures)
            ours.close()
            theirs.close()


if __name__ == "__main__":
    main()
