"""Makes the pictures of this folder and, with Pillow and numpy, what decoding them must give (NAME.ppm).

Run by hand where the set changes: python3 make_images.py. The tests read the committed files.
"""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

HERE = Path(__file__).parent


def scene(width, height):
    """Gradients, discs and stripes: smooth parts and edges. [height, width, 3] uint8"""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    rgb = np.stack([u, v, 0.5 + 0.5 * np.sin(6 * u + 4 * v)], -1)
    for cx, cy, r, colour in [(0.3, 0.4, 0.2, (0.9, 0.2, 0.1)), (0.7, 0.6, 0.15, (0.1, 0.3, 0.9))]:
        rgb[(u - cx) ** 2 + (v - cy) ** 2 < r * r] = colour
    rgb[(v > 0.85) & ((x // max(1, width // 16)) % 2 == 0)] = 1
    return np.round(rgb * 255).astype(np.uint8)


def save_expected(name, rgb):
    rgb = np.asarray(rgb)
    assert rgb.dtype == np.uint8 and rgb.shape[2] == 3
    (HERE / f"{name}.ppm").write_bytes(b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes())


def composite(rgba, background=(255, 255, 255)):
    """Source-over in double. rgba [.., 4] in 0..1"""
    alpha = rgba[..., 3:]
    return np.round(255 * rgba[..., :3] * alpha + np.array(background) * (1 - alpha)).astype(np.uint8)


def write_png16(path, array):
    """Pillow writes no 16-bit colour: a PNG by hand. array [H, W, 3 or 4] uint16"""
    height, width, bands = array.shape
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def wide_gamut_profile():
    """An ICC v2 matrix profile: Adobe RGB's primaries (D50-adapted), gamma 2.2."""
    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(fixed(v) for v in values)

    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + b"\0" * 78
    tags = {b"desc": name, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz((0.9642, 1.0, 0.8249)),
            b"rXYZ": xyz((0.60974, 0.31111, 0.01947)), b"gXYZ": xyz((0.20528, 0.62567, 0.06087)),
            b"bXYZ": xyz((0.14919, 0.06322, 0.74457)), b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma}
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", offset + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    size = offset + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header.ljust(128, b"\0") + table + data


def kinds_of_png():
    rgb = scene(40, 30)
    Image.fromarray(rgb).save(HERE / "rgb.png")
    save_expected("rgb.png", rgb)
    grey = Image.fromarray(rgb).convert("L")
    grey.save(HERE / "grey.png")
    save_expected("grey.png", grey.convert("RGB"))
    bits = grey.point(lambda p: 255 * (p > 127)).convert("1")
    bits.save(HERE / "bits.png")
    save_expected("bits.png", bits.convert("RGB"))

    y, x = np.mgrid[0:30, 0:40]
    alpha = np.round(x / 39 * 255).astype(np.uint8)
    rgba = np.dstack([rgb, alpha])
    Image.fromarray(rgba).save(HERE / "rgba.png")
    save_expected("rgba.png", composite(rgba / 255))
    save_expected("rgba.png.blue", composite(rgba / 255, (16, 32, 240)))
    grey_alpha = np.dstack([np.asarray(grey), alpha])
    Image.fromarray(grey_alpha, "LA").save(HERE / "grey_alpha.png")
    save_expected("grey_alpha.png", composite(np.dstack([np.asarray(grey)] * 3 + [alpha]) / 255))

    palette = Image.fromarray(rgb).quantize(16)
    palette.save(HERE / "palette.png", transparency=3)
    shown = np.asarray(palette.convert("RGB")).copy()
    shown[np.asarray(palette) == 3] = 255
    save_expected("palette.png", shown)

    deep = np.dstack([scene(40, 30), alpha]).astype(np.uint16) * 257
    write_png16(HERE / "rgb16.png", deep[..., :3])
    save_expected("rgb16.png", (deep[..., :3] >> 8).astype(np.uint8))
    write_png16(HERE / "rgba16.png", deep)
    save_expected("rgba16.png", composite(deep / 65535))
    grey16 = np.asarray(grey).astype(np.uint16) * 257
    Image.fromarray(grey16).save(HERE / "grey16.png")
    save_expected("grey16.png", grey.convert("RGB"))


def colour_profiles():
    profile = wide_gamut_profile()
    picture = Image.fromarray(scene(40, 30))
    srgb = ImageCms.createProfile("sRGB")
    wide = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    picture.save(HERE / "profile.png", icc_profile=profile)
    save_expected("profile.png", ImageCms.profileToProfile(picture, wide, srgb))
    picture.save(HERE / "profile_broken.png", icc_profile=b"no profile")
    save_expected("profile_broken.png", picture)


def kinds_of_jpeg():
    picture = Image.fromarray(scene(50, 34))
    for name, options in {"rgb.jpg": {}, "progressive.jpg": {"progressive": True}, "444.jpg": {"subsampling": 0}}.items():
        picture.save(HERE / name, quality=90, **options)
        save_expected(name, Image.open(HERE / name).convert("RGB"))
    picture.convert("L").save(HERE / "grey.jpg", quality=90)
    save_expected("grey.jpg", Image.open(HERE / "grey.jpg").convert("RGB"))
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[:, 16:, 3] = 255  # paper | black
    Image.fromarray(inks, "CMYK").save(HERE / "cmyk.jpg", quality=95)


def orientations():
    picture = Image.fromarray(scene(24, 16))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for name, options in {f"exif{orientation}.jpg": {"quality": 95}, f"exif{orientation}.png": {},
                              f"exif{orientation}.webp": {"lossless": True}}.items():
            if orientation not in (1, 6) and not name.endswith("jpg"):
                continue
            picture.save(HERE / name, exif=exif, **options)
            save_expected(name, ImageOps.exif_transpose(Image.open(HERE / name)).convert("RGB"))


def webp_and_animations():
    rgb = scene(40, 30)
    y, x = np.mgrid[0:30, 0:40]
    rgba = np.dstack([rgb, np.round(x / 39 * 255).astype(np.uint8)])
    Image.fromarray(rgb).save(HERE / "lossy.webp", quality=90)
    save_expected("lossy.webp", Image.open(HERE / "lossy.webp").convert("RGB"))
    Image.fromarray(rgba).save(HERE / "alpha.webp", lossless=True, exact=True)
    save_expected("alpha.webp", composite(rgba / 255))
    frames = [Image.fromarray(np.roll(rgb, shift, 1)) for shift in (0, 10, 20)]
    frames[0].save(HERE / "animated.webp", save_all=True, append_images=frames[1:], lossless=True, duration=100)
    save_expected("animated.webp", rgb)
    frames[0].save(HERE / "animated.png", save_all=True, append_images=frames[1:], duration=100)
    save_expected("animated.png", rgb)
    flat = [frame.quantize(32) for frame in frames]
    flat[0].save(HERE / "animated.gif", save_all=True, append_images=flat[1:], duration=100)
    save_expected("animated.gif", Image.open(HERE / "animated.gif").convert("RGB"))
    flat[0].save(HERE / "still.gif")
    save_expected("still.gif", Image.open(HERE / "still.gif").convert("RGB"))


def resizes():
    large = Image.fromarray(scene(256, 192))
    large.save(HERE / "large.png")
    save_expected("large_100x75", large.resize((100, 75), Image.LANCZOS))
    save_expected("large_70x120", large.resize((70, 120), Image.LANCZOS))
    small = Image.fromarray(scene(40, 30))
    save_expected("rgb_100x75", small.resize((100, 75), Image.BICUBIC))
    huge = Image.fromarray(scene(640, 480))
    huge.save(HERE / "huge.jpg", quality=90)
    save_expected("huge_64x48", Image.open(HERE / "huge.jpg").resize((64, 48), Image.LANCZOS))


if __name__ == "__main__":
    kinds_of_png()
    colour_profiles()
    kinds_of_jpeg()
    orientations()
    webp_and_animations()
    resizes()
