# labels: integration
"""Every kind of odd, colour-managed and broken picture, made here: what each becomes, pixels against Pillow and
Little CMS, resizing against Pillow's Lanczos."""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from pyarrow import ipc
from PIL import Image, ImageCms, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import icc  # noqa: E402
from programs import run  # noqa: E402

WHITE = (255, 255, 255)


def scene(width=48, height=32):
    """Gradients and a disc. [height, width, 3] uint8"""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    rgb = np.stack([u, v, 0.5 + 0.5 * np.sin(5 * u + 3 * v)], -1)
    rgb[(u - 0.4) ** 2 + (v - 0.5) ** 2 < 0.04] = (0.9, 0.2, 0.1)
    return np.round(rgb * 255).astype(np.uint8)


def encoded(image, suffix, **options):
    out = io.BytesIO()
    image.save(out, {"jpg": "jpeg"}.get(suffix, suffix), **options)
    return out.getvalue()


def to_srgb(image, profile):
    return np.asarray(ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                                                ImageCms.createProfile("sRGB"), outputMode="RGB"))


def over(rgba, background=WHITE):
    """Source-over in double. rgba [h, w, 4] uint8"""
    alpha = rgba[..., 3:] / 255
    return np.round(rgba[..., :3] * alpha + np.array(background) * (1 - alpha)).astype(np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_by_hand(width, height, depth, colour, lines, extra=b""):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    return b"\x89PNG\r\n\x1a\n" + header + extra + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def jpeg_segments(data):
    """(marker, whole segment) up to the scan, and the rest."""
    at, found = 2, []
    while data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2:at + 4])[0] + 2
        found.append((data[at + 1], data[at:at + length]))
        at += length
    return found, data[at:]


def with_adobe_transform(data, transform):
    """The Adobe marker's last byte says how inks are stored (0: CMYK, 2: YCCK); None takes the marker out."""
    segments, rest = jpeg_segments(data)
    out = data[:2]
    for marker, segment in segments:
        if marker == 0xEE and segment[4:9] == b"Adobe":
            if transform is None:
                continue
            segment = segment[:-1] + bytes([transform])
        out += segment
    return out + rest


def cuts_between_scans(data):
    """Where a progressive JPEG's second and last scan begin (their tables included)."""
    tables = [at for at in range(len(data) - 1) if data[at] == 0xFF and data[at + 1] in (0xC4, 0xDA)]
    scans = [at for at in range(len(data) - 1) if data[at:at + 2] == b"\xff\xda"]
    return {"first_scan": min(at for at in tables if at > scans[0]), "without_last_scan": scans[-1]}


def inks():
    """Paper, each ink, two mixtures, black: patches of 16 px. [16, 112, 4] uint8"""
    patches = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (120, 60, 30, 40), (20, 200, 180, 10),
               (0, 0, 0, 255)]
    return np.repeat(np.repeat(np.array([patches], np.uint8), 16, 0), 16, 1)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def good_pictures():
    """name -> (bytes, RGB it must become, largest difference allowed)"""
    rgb, cases = scene(), {}
    picture = Image.fromarray(rgb)
    grey = picture.convert("L")
    for name, profile in {"adobe_rgb": icc.adobe_rgb(), "display_p3": icc.display_p3(), "srgb": icc.srgb()}.items():
        cases[f"{name}.png"] = encoded(picture, "png", icc_profile=profile), to_srgb(picture, profile), 2
        for suffix, options in {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}.items():
            data = encoded(picture, suffix, icc_profile=profile, **options)
            cases[f"{name}.{suffix}"] = data, to_srgb(Image.open(io.BytesIO(data)).convert("RGB"), profile), 2
    patch = Image.new("RGB", (16, 16), (0, 255, 0))
    cases["adobe_green_patch.png"] = (encoded(patch, "png", icc_profile=icc.adobe_rgb()),
                                      to_srgb(patch, icc.adobe_rgb()), 1)
    wrong_space = icc.four_inks()
    cases["profile_of_other_colours.png"] = encoded(picture, "png", icc_profile=wrong_space), rgb, 0
    data = encoded(grey, "jpg", quality=95, icc_profile=icc.grey_gamma(1.8))
    cases["grey_profile.jpg"] = data, to_srgb(Image.open(io.BytesIO(data)), icc.grey_gamma(1.8)), 1

    for orientation in range(1, 9):
        for suffix, options in {"jpg": {"quality": 90}, "png": {}, "webp": {"lossless": True}}.items():
            data = encoded(picture, suffix, exif=exif_of(orientation), **options)
            shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGB"))
            cases[f"exif{orientation}.{suffix}"] = data, np.asarray(shown), 1
        data = encoded(picture, "avif", exif=exif_of(orientation), quality=100, subsampling="4:4:4")
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        cases[f"exif{orientation}.avif"] = data, np.asarray(shown.convert("RGB")), 3

    y, x = np.mgrid[0:32, 0:48]
    rgba = np.dstack([rgb, np.round(x / 47 * 255).astype(np.uint8)])
    grey_alpha = np.dstack([np.asarray(grey), rgba[..., 3]])
    cases["alpha.png"] = encoded(Image.fromarray(rgba), "png"), over(rgba), 1
    cases["alpha.webp"] = encoded(Image.fromarray(rgba), "webp", lossless=True, exact=True), over(rgba), 1
    data = encoded(Image.fromarray(rgba), "avif", quality=100, subsampling="4:4:4")
    cases["alpha.avif"] = data, over(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))), 3
    cases["grey_alpha.png"] = (encoded(Image.fromarray(grey_alpha, "LA"), "png"),
                               over(np.asarray(Image.fromarray(grey_alpha, "LA").convert("RGBA"))), 1)
    palette = picture.quantize(16)
    shown = np.asarray(palette.convert("RGB")).copy()
    shown[np.asarray(palette) == 3] = 255
    cases["palette_transparent.png"] = encoded(palette, "png", transparency=3), shown, 0
    cases["palette.gif"] = encoded(palette, "gif"), np.asarray(palette.convert("RGB")), 0
    bits = grey.point(lambda level: 255 * (level > 127)).convert("1")
    cases["one_bit.png"] = encoded(bits, "png"), np.asarray(bits.convert("RGB")), 0

    deep = rgb.astype(np.uint16) * 257
    cases["rgb16.png"] = png_by_hand(48, 32, 16, 2, [line.astype(">u2").tobytes() for line in deep]), rgb, 0
    deep_alpha = rgba.astype(np.uint16) * 257
    cases["rgba16.png"] = (png_by_hand(48, 32, 16, 6, [line.astype(">u2").tobytes() for line in deep_alpha]),
                           over(rgba), 1)
    deep_grey = np.asarray(grey).astype(np.uint16) * 257
    cases["grey16.png"] = (png_by_hand(48, 32, 16, 0, [line.astype(">u2").tobytes() for line in deep_grey]),
                           np.asarray(grey.convert("RGB")), 0)
    profile = png_chunk(b"iCCP", b"wide\0\0" + zlib.compress(icc.adobe_rgb()))
    cases["adobe_rgb16.png"] = (png_by_hand(48, 32, 16, 2, [line.astype(">u2").tobytes() for line in deep], profile),
                                to_srgb(picture, icc.adobe_rgb()), 1)

    cmyk = Image.fromarray(inks(), "CMYK")
    data = encoded(cmyk, "jpg", quality=95)
    decoded = Image.open(io.BytesIO(data))
    cases["cmyk.jpg"] = data, np.asarray(decoded.convert("RGB")), 2
    ycck = with_adobe_transform(data, 2)
    cases["ycck.jpg"] = ycck, np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB")), 2
    not_inverted = Image.fromarray(255 - np.asarray(decoded), "CMYK").convert("RGB")
    cases["cmyk_without_adobe.jpg"] = with_adobe_transform(data, None), np.asarray(not_inverted), 2
    data = encoded(cmyk, "jpg", quality=95, icc_profile=icc.four_inks())
    cases["cmyk_profile.jpg"] = data, to_srgb(Image.open(io.BytesIO(data)), icc.four_inks()), 2

    second = Image.fromarray(rgb[:, ::-1])
    for suffix in ("png", "webp", "gif", "avif"):
        options = {"png": {}, "webp": {"lossless": True}, "gif": {}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
        frames = [palette, second.quantize(16)] if suffix == "gif" else [picture, second]
        data = encoded(frames[0], suffix, save_all=True, append_images=frames[1:], duration=100, **options[suffix])
        first = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        cases[f"animated.{suffix}"] = data, first, 3 if suffix == "avif" else 0
    cases["a_png_named.jpg"] = encoded(picture, "png"), rgb, 0
    cases["a_jpeg_named.png"] = (lambda data: (data, np.asarray(Image.open(io.BytesIO(data))), 1))(
        encoded(picture, "jpg", quality=90))
    jpeg = encoded(picture, "jpg", quality=90)
    cases["no_end_marker.jpg"] = jpeg[:-2], np.asarray(Image.open(io.BytesIO(jpeg))), 1
    cases["progressive.jpg"] = (lambda data: (data, np.asarray(Image.open(io.BytesIO(data))), 1))(
        encoded(picture, "jpg", quality=90, progressive=True))
    return cases


def bad_pictures():
    """name -> (bytes, what the error must say)"""
    picture = Image.fromarray(scene(120, 80))
    bad = {"empty.png": (b"", "empty"), "caption.jpg": (b"1girl, solo", "not a picture"),
           "page.jpg": (b"<!DOCTYPE html><html>", "HTML"), "drawing.jxl": (b"\xff\x0a\x00\x00", "JPEG XL"),
           "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"), "clip.png": (b"\0\0\0\x18ftypmp42\0\0\0\0", "video"),
           "print.jpg": (b"II*\0\x08\0\0\0", "TIFF"), "icon.png": (b"BM" + b"\0" * 60, "BMP"),
           "bomb.png": (png_by_hand(60000, 60000, 8, 2, [b"\0" * 30]), "3,600,000,000 pixels"),
           "no_size.png": (png_by_hand(0, 10, 8, 2, [b""]), "size"),
           "header_only.jpg": (encoded(picture, "jpg")[:4], "cut short")}
    for suffix, options in {"jpg": {}, "png": {}, "webp": {}, "gif": {}, "avif": {}}.items():
        data = encoded(picture, suffix, **options)
        bad[f"half.{suffix}"] = data[:len(data) * 6 // 10], ""
    data = bytearray(encoded(picture, "jpg", quality=90))
    data[len(data) // 2:len(data) // 2 + 40] = b"\xff\xd9" * 20
    bad["ends_in_the_middle.jpg"] = bytes(data), ""
    data = bytearray(encoded(picture, "png"))
    data[len(data) // 2] ^= 0xFF
    bad["flipped_bits.png"] = bytes(data), ""
    progressive = encoded(picture, "jpg", progressive=True)
    for name, cut in cuts_between_scans(progressive).items():
        bad[f"progressive_{name}.jpg"] = progressive[:cut], "scans are missing"
    bad["progressive_half.jpg"] = progressive[:len(progressive) // 2], ""
    return bad


GOOD, BAD = good_pictures(), bad_pictures()


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """name -> (facts, pixels or None), all by one call."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for name, (data, *_) in (GOOD | BAD).items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    lines = run("decode-pictures", folder, *paths, timeout=120).stdout.splitlines()
    answers = {}
    for i, (path, line) in enumerate(zip(paths, lines, strict=True)):
        facts = json.loads(line)
        pixels = None
        if "error" not in facts:
            pixels = np.fromfile(folder / f"{i}.rgb", np.uint8).reshape(facts["height"], facts["width"], 3)
        answers[path.name] = facts, pixels
    return answers


@pytest.mark.parametrize("name", GOOD)
def test_what_it_becomes(name, decoded):
    _, expected, tolerance = GOOD[name]
    facts, pixels = decoded[name]
    assert "error" not in facts, facts
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance
    assert facts["animated"] == name.startswith("animated")
    assert facts["truncated"] == (name == "no_end_marker.jpg")


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name, decoded):
    facts, _ = decoded[name]
    assert BAD[name][1] in facts.get("error", "was decoded"), facts
    assert "error" in facts


def test_profiles_were_worth_converting(decoded):
    """The tolerances above are far below what ignoring a profile would cost."""
    for name in ("adobe_rgb.png", "display_p3.jpg", "cmyk_profile.jpg", "adobe_rgb16.png"):
        plain = Image.open(io.BytesIO(GOOD[name][0])).convert("RGB") if "16" not in name else Image.fromarray(scene())
        assert np.abs(np.asarray(plain).astype(int) - GOOD[name][1]).max() > 20, name
    green = decoded["adobe_green_patch.png"][1]
    assert np.ptp(green.reshape(-1, 3), axis=0).max() == 0


def resized(tmp_path, data, width, height):
    path = tmp_path / "picture"
    path.write_bytes(data)
    facts = json.loads(run("decode-pictures", "--size", f"{width}x{height}", tmp_path, path).stdout)
    assert "error" not in facts, facts
    rgb = np.fromfile(tmp_path / "0.rgb", np.uint8).reshape(height, width, 3)
    return rgb, np.fromfile(tmp_path / "0.alpha", np.uint8).reshape(height, width)


def pillow_resized(channels, size):
    """Lanczos downwards and bicubic upwards in Pillow's floating point. [h, w, n] uint8"""
    out = []
    for channel in np.moveaxis(np.atleast_3d(channels), -1, 0):
        image = Image.fromarray(channel.astype(np.float32))
        across = Image.LANCZOS if size[0] < image.width else Image.BICUBIC
        down = Image.LANCZOS if size[1] < image.height else Image.BICUBIC
        out.append(np.asarray(image.resize((image.width, size[1]), down).resize(size, across)))
    return np.round(np.clip(np.stack(out, -1), 0, 255)).astype(int)


def psnr(pixels, reference):
    return 10 * np.log10(255**2 / max(np.mean((pixels.astype(float) - reference) ** 2), 1e-9))


@pytest.mark.parametrize("size", [(100, 75), (333, 20), (31, 190), (600, 417), (400, 300), (399, 301)])
def test_resizing_is_pillows(size, tmp_path):
    picture = Image.fromarray(scene(400, 300))
    pixels, _ = resized(tmp_path, encoded(picture, "png"), *size)
    assert np.abs(pixels - pillow_resized(np.asarray(picture), size)).max() <= 1


def test_transparent_black_leaves_no_dark_fringe(tmp_path):
    """A white disc, all around it transparent black: on white nothing is to be seen at any size."""
    y, x = np.mgrid[0:200, 0:200]
    inside = (x - 99.5) ** 2 + (y - 99.5) ** 2 < 60**2
    rgba = np.where(inside[..., None], 255, 0).astype(np.uint8).repeat(4, -1)
    for size in (50, 73, 260):
        pixels, alpha = resized(tmp_path, encoded(Image.fromarray(rgba), "png"), size, size)
        assert pixels.min() == 255
        assert np.abs(alpha - pillow_resized(rgba[..., 3], (size, size))[..., 0]).max() <= 1


@pytest.mark.parametrize("scale", [1.3, 1.7, 2.6, 5.3, 11])
def test_a_jpeg_shrunk_while_decoding_looks_like_the_whole(scale, tmp_path):
    picture = Image.fromarray(scene(1201, 803))
    data = encoded(picture, "jpg", quality=92)
    size = round(1201 / scale), round(803 / scale)
    pixels, _ = resized(tmp_path, data, *size)
    assert psnr(pixels, np.asarray(Image.open(io.BytesIO(data)).resize(size, Image.LANCZOS)).astype(float)) > 38


@pytest.mark.parametrize("scale", [1.2, 2.7, 11.3])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "grey"])
def test_jpegs_of_every_subsampling_are_resized_as_the_whole(subsampling, scale, tmp_path):
    """Of 4:4:4, and of 4:2:0 that is shrunk, Y, Cb and Cr are resized and then made RGB; of the others RGB is."""
    picture = Image.fromarray(scene(1003, 611))
    if subsampling == "grey":
        data = encoded(picture.convert("L"), "jpg", quality=95)
    else:
        data = encoded(picture, "jpg", quality=95, subsampling=subsampling)
    size = round(1003 / scale), round(611 / scale)
    pixels, alpha = resized(tmp_path, data, *size)
    whole = Image.open(io.BytesIO(data)).convert("RGB").resize(size, Image.LANCZOS)
    assert psnr(pixels, np.asarray(whole).astype(float)) > 38
    assert alpha.min() == 255


def test_a_folder_of_them_is_built_and_verified(tmp_path):
    """As a user meets them: each good one is a row of its upright size, each bad one is named once, none is lost."""
    (tmp_path / "pictures").mkdir()
    for name, (data, *_) in (GOOD | BAD).items():
        (tmp_path / "pictures" / name).write_bytes(data)
    (tmp_path / "run.yaml").write_text(f"output_dir: {tmp_path / 'out'}\ndataset: {{sources: [{{path: pictures}}]}}\n")
    arguments = [tmp_path / "run.yaml", "dataset.select.max_bad_samples=1000"]
    run("atelier-data", "dataset", "build", *arguments)
    manifest = tmp_path / "out" / "manifest"
    rows = {row["id"]: row for row in ipc.open_file(manifest / "posts.arrow").read_all().to_pylist()}
    at_build = [json.loads(line)["id"] for line in (manifest / "quarantine.jsonl").read_text().splitlines()]
    verified = run("atelier-data", "dataset", "verify", *arguments, check=False)
    assert verified.returncode == 3
    by_verify = [json.loads(line)["id"] for line in verified.stdout.splitlines()]

    assert sorted(at_build + by_verify) == sorted(BAD)
    assert set(rows) == set(GOOD) | set(by_verify)
    for name, (_, expected, _) in GOOD.items():
        assert (rows[name]["height"], rows[name]["width"]) == expected.shape[:2], name
        assert rows[name]["animated"] == name.startswith("animated"), name
        assert rows[name]["truncated"] == (name == "no_end_marker.jpg"), name
