# labels: integration
"""Hashes of pictures: Danbooru's pixel hash by its definition, difference and frequency hashes against ImageHash."""

import hashlib
import json
import sys
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import run  # noqa: E402


def drawing(seed, size=(480, 360)):
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(v) for v in rng.integers(0, 255, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = (int(v) for v in rng.integers(-50, size))
        side = int(rng.integers(10, 160))
        pen.ellipse([x, y, x + side, y + side], fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    return image.filter(ImageFilter.GaussianBlur(1))


def pam_md5(image):
    """The MD5 of the picture as a PAM file with alpha."""
    rgba = np.asarray(image.convert("RGBA"))
    header = f"P7\nWIDTH {image.width}\nHEIGHT {image.height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    return hashlib.md5(header.encode() + rgba.tobytes()).hexdigest()


def write(folder, name, image, **options):
    image.save(folder / name, **options)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hashes")


def facts_of(folder, paths):
    return [json.loads(line) for line in run("decode-pictures", folder, *paths).stdout.splitlines()]


def test_pixel_hash_is_the_md5_of_a_pam_file(folder):
    image = drawing(1)
    rgba = image.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(image.size))
    turned = Image.Exif()
    turned[0x0112] = 6
    cases = {"plain.png": (image, {}, image), "same.webp": (image, {"lossless": True}, image),
             "alpha.png": (rgba, {}, rgba), "grey.png": (image.convert("L"), {}, image.convert("L")),
             "palette.gif": (image.quantize(64), {}, image.quantize(64)),
             "turned.png": (image, {"exif": turned}, image.transpose(Image.Transpose.ROTATE_270)),
             "turned_alpha.png": (rgba, {"exif": turned}, rgba.transpose(Image.Transpose.ROTATE_270))}
    paths = [write(folder, name, picture, **options) for name, (picture, options, _) in cases.items()]
    for facts, (name, (_, _, shown)) in zip(facts_of(folder, paths), cases.items(), strict=True):
        assert facts["pixel_hash"] == pam_md5(shown), name
    first, second = (facts["pixel_hash"] for facts in facts_of(folder, paths[:2]))
    assert first == second, "two files that show the same"


def test_pixel_hash_of_an_animation_is_its_files(folder):
    frames = [drawing(seed, (64, 48)) for seed in (1, 2)]
    path = write(folder, "animated.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert facts_of(folder, [path])[0]["pixel_hash"] == hashlib.md5(path.read_bytes()).hexdigest()


def bits_apart(mine, peer):
    assert len(mine) == len(peer)
    return (int(mine, 16) ^ int(peer, 16)).bit_count()


def test_looks_are_hashed_as_imagehash_does(folder):
    """Thumbnails are made in another way; a bit differs only where two values are all but equal."""
    images = [drawing(seed, size) for seed, size in enumerate([(480, 360), (200, 700), (90, 60), (256, 256), (120, 900),
                                                               (1200, 1600), (17, 16), (640, 480)])]
    paths = [write(folder, f"look{i}.png", image) for i, image in enumerate(images)]
    for image, facts in zip(images, facts_of(folder, paths), strict=True):
        assert bits_apart(facts["difference"], str(imagehash.dhash(image))) <= 2
        assert bits_apart(facts["fine_difference"], str(imagehash.dhash(image, 16))) <= 4
        assert bits_apart(facts["frequency"], str(imagehash.phash(image))) <= 2
        assert bits_apart(facts["fine_frequency"], str(imagehash.phash(image, 16))) <= 6


def test_a_picture_saved_again_stays_near_and_another_does_not(folder):
    one, other = drawing(1, (1200, 900)), drawing(2, (1200, 900))
    small = one.resize((500, 375), Image.BICUBIC)
    paths = [write(folder, "one.png", one), write(folder, "again.jpg", one, quality=70),
             write(folder, "small.webp", small, quality=80), write(folder, "other.png", other)]
    facts = facts_of(folder, paths)
    for name, near, far in (("difference", 4, 16), ("fine_difference", 16, 64), ("frequency", 4, 16),
                            ("fine_frequency", 24, 64)):
        for again in facts[1:3]:
            assert bits_apart(facts[0][name], again[name]) <= near, name
        assert bits_apart(facts[0][name], facts[3][name]) >= far, name


def test_plain_pictures_are_told(folder):
    line_art = Image.new("RGB", (600, 800), "white")
    ImageDraw.Draw(line_art).line([(100, 100), (500, 700)], fill="black", width=2)
    paths = [write(folder, "white.png", Image.new("RGB", (300, 300), "white")), write(folder, "line.png", line_art),
             write(folder, "full.png", drawing(3))]
    assert [facts["is_plain"] for facts in facts_of(folder, paths)] == [True, True, False]


def test_transparent_pixels_do_not_count(folder):
    """What cannot be seen does not change the look: both are composited on white."""
    image = drawing(4).convert("RGBA")
    hidden = np.asarray(image).copy()
    hidden[:100, :, 3] = 0
    other = hidden.copy()
    other[:100, :, :3] = 0
    paths = [write(folder, f"hidden{i}.png", Image.fromarray(array)) for i, array in enumerate((hidden, other))]
    one, two = facts_of(folder, paths)
    assert one["fine_frequency"] == two["fine_frequency"]
    assert one["pixel_hash"] != two["pixel_hash"], "Danbooru's counts them"
