# labels: integration
"""What report.json says of exclusions, opt-outs, quarantine, pictures, duplicates, resolutions, batches, sites and
quality words where a run has all of them, against pandas, hashlib and the files themselves."""

import hashlib
import io
import json
import shutil
import sys
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.report_peer import (ALL_RATINGS, CATEGORIES, NO_RULES, described, histogram, pair, posts_of,  # noqa: E402
                                 quantiles, stats)

POSTS = 8_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def frame(folder):
    posts = posts_of(POSTS, 23)
    posts["source"] = [f"https://site{min(i % 300, i % 70)}.example/{i}" if i % 11 else "" for i in range(POSTS)]
    posts.loc[posts.index % 60 == 4, [f"tag_string_{name}" for name in CATEGORIES]] = ""
    posts.to_parquet(folder / "posts.parquet", index=False)
    return described(posts)


def dataset(folder, **options):
    return {"sources": [{"path": str(folder / "posts.parquet")}], "tags": NO_RULES} | options


@pytest.fixture(scope="module")
def filtered(folder, frame):
    """(report, why each post is left out), every filter of a record at work."""
    (folder / "artists.txt").write_text("# who asked\n" + "\n".join(frame.tag_string_artist.unique()[5:12]) + "\n")
    (folder / "sources.txt").write_text("https://site3.example\nhttps://site4*.example\n")
    (folder / "some_posts.txt").write_text("\n".join([*frame.id.astype(str)[100:120], *frame.md5[200:215]]) + "\n")
    (folder / "quarantine.txt").write_text("\n".join(frame.id.astype(str)[300:330]) + "\n")
    lists = {"artists": "artists.txt", "sources": "sources.txt", "posts": "some_posts.txt"}
    select = {"opt_out": {key: str(folder / name) for key, name in lists.items()},
              "quarantine": str(folder / "quarantine.txt"),
              "min_side": 700, "min_megapixels": 1.01, "max_megapixels": 8, "max_aspect": 1.75,
              "keep_deleted": False, "keep_pending": False,
              "ratings": ["general", "sensitive", "questionable", "unknown"], "min_score": 1, "min_fav_count": 2,
              "min_year": 2007, "max_year": 2024, "tags": "!solo"}
    report = stats(folder, "filters", dataset(folder, select=select), None, "--without-pictures")
    width, height = frame.image_width, frame.image_height
    longer, shorter, pixels = np.maximum(width, height), np.minimum(width, height), width * height
    artists = set(frame.tag_string_artist.unique()[5:12])
    reasons = {
        "opt_out_artist": frame.tag_string_artist.map(lambda tags: bool(artists & set(tags.split()))),
        "opt_out_source": frame.source.str.match(r"https://site(3|4[^./]*)\.example/"),
        "opt_out_post": frame.index.isin(range(100, 120)) | frame.md5.isin(set(frame.md5[200:215])),
        "banned": frame.is_banned, "quarantine": frame.index.isin(range(300, 330)),
        "min_side": shorter < 700, "min_megapixels": pixels < 1.01e6, "max_megapixels": pixels > 8e6,
        "max_aspect": longer > 1.75 * shorter,
        "deleted": frame.is_deleted, "pending": frame.is_pending, "rating": frame.rated == "explicit",
        "min_score": ~(frame.score >= 1).fillna(False), "min_fav_count": ~(frame.fav_count >= 2).fillna(False),
        "year": ~frame.year.between(2007, 2024),
        "tags": frame.tag_string_general.str.contains(r"(?<!\S)solo(?!\S)")}
    why = pd.Series(np.select([np.asarray(each, dtype=bool) for each in reasons.values()], list(reasons), ""))
    assert set(why) == {*reasons, ""}
    return report, why


def test_each_post_is_left_out_for_the_first_reason(frame, filtered):
    report, why = filtered
    assert report["posts"]["excluded"] == why[why != ""].value_counts().to_dict()
    assert report["posts"]["usable"] == (why == "").sum() > 100
    assert list(report["posts"]["excluded"]) == [entry["reason"] for entry in report["exclusions"]]
    size = frame.image_width.astype(str) + " x " + frame.image_height.astype(str) + " px"
    detail = {"opt_out_artist": frame.tag_string_artist, "opt_out_source": frame.source, "rating": frame.rated,
              "min_side": size, "min_megapixels": size, "max_megapixels": size, "max_aspect": size,
              "min_score": ("score " + frame.score.astype("string")).fillna("no score"),
              "min_fav_count": ("favourites " + frame.fav_count.astype("string")).fillna("no favourites"),
              "year": ("year " + frame.year.astype("Int32").astype("string")).fillna("no year")}
    for entry in report["exclusions"]:
        rows = frame[why == entry["reason"]].head(5)
        assert entry["posts"] == (why == entry["reason"]).sum()
        assert [(each["id"], each["source"]) for each in entry["examples"]] == [(str(id), 0) for id in rows.id]
        if entry["reason"] in detail:
            assert [each["detail"] for each in entry["examples"]] == detail[entry["reason"]][rows.index].tolist()


def test_opt_outs_are_honoured(filtered):
    report, why = filtered
    reasons = ["opt_out_artist", "opt_out_source", "opt_out_post", "banned"]
    counts = {reason: (why == reason).sum() for reason in reasons}
    assert report["licence"]["opt_outs"] == {"artists": True, "sources": True, "posts": True, "excluded": counts}
    assert min(counts.values()) > 10
    [finding] = [each for each in report["findings"] if each["code"] == "opt_outs"]
    assert f"{sum(counts.values()):,} posts" in finding["text"]


def test_sites_tags_and_quality_words(folder, frame):
    captions = {"quality": {"basis": "fav_count", "within": "all"}}
    report = stats(folder, "quality", dataset(folder, captions=captions), None, "--without-pictures")
    all_used = ~frame.is_banned
    host = frame.source.str.extract(r"//([^/]*)/")[0]
    table = sorted(({"site": site} | pair(host == site, all_used) for site in host.dropna().unique()),
                   key=lambda row: (-row["posts"], row["site"]))
    assert report["licence"]["sites"] == table[:50]
    assert report["licence"]["further_sites"] == {"sites": len(table) - 50} | {
        key: sum(row[key] for row in table[50:]) for key in ("posts", "usable")}
    assert report["licence"]["opt_outs"]["artists"] is False
    none = sum(frame[f"tag_string_{name}"].str.split().str.len() for name in CATEGORIES) == 0
    assert report["posts"]["without_tags"] == pair(none, all_used) and none.sum() > 100
    years = report["time"]["years"]
    assert years[-1] == {"year": None} | pair(frame.year.isna(), all_used)
    assert [entry["rating"] for entry in report["time"]["ratings"]] == ALL_RATINGS
    for entry in report["time"]["ratings"]:
        mine = frame[frame.rated == entry["rating"]]
        assert {"posts": entry["posts"], "usable": entry["usable"]} == pair(frame.rated == entry["rating"], all_used)
        for name in ("score", "fav_count"):
            assert entry[name] == quantiles(mine[name].dropna().to_numpy(dtype=int))
    assert report["quantiles"]["score"] == quantiles(frame.score.dropna().to_numpy(dtype=int))
    quality = report["time"]["quality"]
    assert (quality["basis"], quality["within"]) == ("fav_count", "all")
    known = frame.fav_count.dropna().astype(int)
    percentile = 100 * (known.rank(method="average") - 0.5) / len(known)
    place = np.searchsorted([8, 20, 60, 82, 92], percentile.round(9), side="left")
    for number, entry in enumerate(quality["words"][:-1]):
        mine = frame.loc[known.index[place == number]]
        assert [entry["posts"], entry["usable"]] == [len(mine), (~mine.is_banned).sum()]
        assert entry["ratings"] == [
            {"rating": rating, "posts": len(part), "lowest": part.min(), "highest": part.max()}
            for rating in ALL_RATINGS if len(part := mine.fav_count[mine.rated == rating])]
    last = quality["words"][-1]
    assert last["word"] is None and {"posts": last["posts"], "usable": last["usable"]} == \
        pair(frame.fav_count.isna(), all_used) and last["ratings"] == []


def test_quality_words_of_a_moving_window(folder, frame):
    """Ranked among the posts of a rating within 200 days before and after."""
    captions = {"quality": {"within": "rating_window", "window": "400 days"}}
    quality = stats(folder, "window", dataset(folder, captions=captions), None, "--without-pictures")["time"]["quality"]
    assert (quality["basis"], quality["within"], quality["window"]) == ("score", "rating_window", "400 days")
    known = frame[frame.score.notna() & frame.created_at.notna()]
    place = pd.Series(-1, frame.index)
    for _, mine in known.groupby("rated"):
        seconds = (mine.created_at - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
        score = mine.score.to_numpy(dtype=int)
        for row, time, own in zip(mine.index, seconds, score):
            around = score[np.abs(seconds - time) <= 200 * 86400]
            percentile = 100 * ((around < own).sum() + (around == own).sum() / 2) / len(around)
            place[row] = np.searchsorted([8, 20, 60, 82, 92], percentile, side="left")
    assert len(set(place[known.index])) == 6
    for number, entry in enumerate(quality["words"]):
        mine = frame[place == (number if entry["word"] else -1)]
        assert [entry["posts"], entry["usable"]] == [len(mine), (~mine.is_banned).sum()]
        assert entry["ratings"] == [
            {"rating": rating, "posts": len(part), "lowest": part.min(), "highest": part.max()}
            for rating in ALL_RATINGS if len(part := mine.score[mine.rated == rating].dropna())]


def buckets_of(resolution, low, high):
    """sd-scripts' table: for each width the largest height within the area, both ways; steps of 64."""
    sizes = {(resolution, resolution)}
    for width in range(low, high + 1, 64):
        height = min(high, resolution * resolution // width // 64 * 64)
        if height >= low:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


def test_resolutions_and_batches(folder, frame):
    """Two resolutions with limits, a source used 1.5 times, three epochs: batches go on across epochs."""
    buckets = {"max_upscale": 1.5, "max_crop_loss": 0.005,
               "resolutions": [{"resolution": 1024}, {"resolution": 1536, "repeats": 0.5}]}
    options = dataset(folder, buckets=buckets)
    options["sources"][0]["repeats"] = 1.5
    train = {"train_batch_size": 16, "max_train_epochs": 3}
    sizes = stats(folder, "resolutions", options, train, "--without-pictures")["sizes"]
    used = frame[~frame.is_banned].groupby(["image_width", "image_height"]).size()
    rows, beyond = [], {}
    for resolution, low, high, repeats in ((1024, 512, 2048, 1.5), (1536, 768, 3072, 0.75)):
        table = buckets_of(resolution, low, high)
        for (w, h), posts in used.items():
            to_w, to_h = (w, h) if (w, h) in table else min(table, key=lambda size: abs(w / h - size[0] / size[1]))
            scale = max(to_w / w, to_h / h)
            whole = (to_w, int(h * to_w / w + 0.5)) if w * to_h <= to_w * h else (int(w * to_h / h + 0.5), to_h)
            loss = 1 - to_w * to_h / (whole[0] * whole[1])
            if scale > 1.5 or loss > 0.005:
                key = resolution, "upscale" if scale > 1.5 else "crop"
                beyond[key] = beyond.get(key, 0) + posts
            else:
                upscaled = posts * (w < to_w or h < to_h)
                rows.append((resolution, to_w, to_h, posts, posts * repeats, scale, loss, upscaled))
    each = pd.DataFrame(rows, columns="resolution width height posts samples scale loss upscaled".split())
    assert {kind for _, kind in beyond} == {"upscale", "crop"} and each.upscaled.sum() > 0
    for entry, repeats in zip(sizes["resolutions"], (1, 0.5), strict=True):
        mine = each[each.resolution == entry["resolution"]]
        assert entry["repeats"] == repeats and entry["samples"] == pytest.approx(mine.samples.sum(), rel=1e-9)
        assert [entry["posts"], entry["upscaled"]] == [mine.posts.sum(), mine.upscaled.sum()]
        assert entry["beyond_max_upscale"] == beyond.get((entry["resolution"], "upscale"), 0)
        assert entry["beyond_max_crop_loss"] == beyond.get((entry["resolution"], "crop"), 0)
    expected = each.groupby(["resolution", "width", "height"])
    keys = ["resolution", "width", "height"]
    assert sorted(tuple(bucket[key] for key in keys) for bucket in sizes["buckets"]) == sorted(expected.groups)
    all_samples = all_batches = 0
    for bucket in sizes["buckets"]:
        mine = expected.get_group(tuple(bucket[key] for key in keys))
        samples = int(3 * mine.samples.sum())  # of three epochs, rounded down
        batches = -(-samples // 16)
        assert [bucket["posts"], bucket["upscaled"]] == [mine.posts.sum(), mine.upscaled.sum()]
        assert bucket["batches"] == batches
        assert [bucket["samples"], bucket["crop_loss"], bucket["fill"]] == pytest.approx(
            [mine.samples.sum(), (mine.loss * mine.samples).sum() / mine.samples.sum(), samples / (16 * batches)])
        assert bucket["small"] == (mine.samples.sum() < 16)
        all_samples, all_batches = all_samples + samples, all_batches + batches
    assert (sizes["epochs"], sizes["batch_size"]) == (3, 16)
    fill = all_samples / (16 * all_batches)
    assert [sizes["fill"], sizes["waste"]] == pytest.approx([fill, 1 - fill])
    assert sizes["scale"]["largest"] == pytest.approx(each.scale.max())
    assert sizes["scale"]["upscaled"] == each.upscaled.sum()
    assert sizes["crop_loss"]["mean"] == pytest.approx((each.loss * each.samples).sum() / each.samples.sum())
    for part, values in ((sizes["crop_loss"], each.loss), (sizes["scale"], each.scale)):
        edges = [bin["from"] for bin in part["histogram"]]
        assert [bin["posts"] for bin in part["histogram"]] == histogram(edges, values, each.posts).tolist()
        assert [bin["samples"] for bin in part["histogram"]] == \
            pytest.approx(histogram(edges, values, each.samples))


def test_small_buckets_and_words_of_a_source(tmp_path):
    """Buckets of less than a batch give a short batch every epoch; one source has quality words of its own; posts share
    pixel hashes."""
    sizes = {(1024, 1024): 100, (832, 1216): 20, (1216, 832): 7}
    posts = [{"id": i, "rating": "g", "tag_string": "solo", "image_width": size[0], "image_height": size[1], "score": i,
              "pixel_hash": f"{i % 50:032x}" if i < 110 else None}
             for i, size in enumerate(size for size, count in sizes.items() for _ in range(count))]
    for name, part in (("first", posts[:60]), ("second", posts[60:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(post) + "\n" for post in part))
    own = {"quality": {"within": "all", "cuts": [50], "words": ["low", "high"]}}
    options = {"sources": [{"path": str(tmp_path / "first.jsonl")},
                           {"path": str(tmp_path / "second.jsonl"), "captions": own}], "tags": NO_RULES}
    report = stats(tmp_path, "small", options, {"train_batch_size": 32, "max_train_epochs": 3}, "--without-pictures")
    found = {(each["width"], each["height"]): [each["posts"], each["small"], each["batches"], each["fill"]]
             for each in report["sizes"]["buckets"]}
    assert found == {(1024, 1024): [100, False, 10, pytest.approx(300 / 320)],
                     (832, 1216): [20, True, 3, pytest.approx(20 / 32)],
                     (1216, 832): [7, True, 3, pytest.approx(7 / 32)]}
    assert report["sizes"]["fill"] == pytest.approx((300 + 60 + 21) / (32 * 16))
    hashes = pd.Series([post["pixel_hash"] for post in posts]).value_counts()
    assert report["duplicates"]["known"][1] == {"by": "pixel_hash", "posts": 110, "groups": (hashes > 1).sum(),
                                                "surplus": (hashes - 1).sum()}
    words = {entry["word"]: (entry["posts"], [rating["lowest"] for rating in entry["ratings"]])
             for entry in report["time"]["quality"]["words"]}
    middle = (len(posts) - 1) / 2  # scores are 0 to n - 1, ranked among all posts
    low = sum(60 <= post["score"] <= middle for post in posts)
    assert {word: count for word, count in words.items() if count[0]} == {
        "low": (low, [60]), "high": (len(posts) - 60 - low, [60 + low]), None: (60, [])}


def test_quarantine_by_reason(folder):
    good = [{"id": i, "rating": "g", "tag_string": "solo", "image_width": 100, "image_height": 80} for i in range(40)]
    bad = {"bad_json": ["{", "nonsense"], "duplicate_id": [json.dumps(good[3])] * 7,
           "bad_value": [json.dumps(good[0] | {"id": 99, "image_width": "wide"})],
           "no_id": [json.dumps({"tag_string": "solo"})] * 3}
    lines = [json.dumps(post) for post in good] + [line for some in bad.values() for line in some]
    for name in ("one", "two"):  # `two`: a source without fault
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in (lines if name == "one" else lines[:5])))
    options = {"sources": [{"path": str(folder / f"{name}.jsonl")} for name in ("one", "two")], "tags": NO_RULES,
               "select": {"max_bad_share": 1}, "manifest_dir": str(folder / "bad_manifest")}
    report = stats(folder, "quarantine", options, None, "--without-pictures")
    counts = {reason: len(some) for reason, some in bad.items()}
    assert report["posts"]["quarantined"] == counts
    assert report["posts"]["read"] == len(lines) + 5 == report["posts"]["counted"] + sum(counts.values())
    keys = ("read", "rows", "quarantined", "excluded_minors", "without_picture")
    assert [[source[key] for key in keys] for source in report["sources"]] == \
        [[len(lines), 40, counts, 0, 40], [5, 5, {}, 0, 5]]
    assert [(entry["reason"], entry["samples"]) for entry in report["quarantine"]] == sorted(counts.items())
    listed = [json.loads(line) for line in (folder / "bad_manifest/quarantine.jsonl").read_text().splitlines()]
    for entry in report["quarantine"]:
        mine = [each for each in listed if each["reason"] == entry["reason"]]
        assert len(mine) == entry["samples"]
        assert entry["examples"] == [{key: each[key] for key in ("source", "id", "detail")} for each in mine[:5]]
    [finding] = [each for each in report["findings"] if each["code"] == "quarantine"]
    assert finding["text"].startswith(f"{sum(counts.values())} of {len(lines) + 5} samples")


def picture(seed):
    grid = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(grid).resize((600, 400), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("method", ["none", "exact", "near"])
def test_pictures_and_their_duplicates(tmp_path, method):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    first = picture(1)
    first.save(pictures / "a.png", compress_level=1)
    shutil.copy(pictures / "a.png", pictures / "a_copy.png")
    first.save(pictures / "a_pixels.png", compress_level=9)
    first.save(pictures / "a_near.jpg", quality=60)
    for seed in range(2, 6):
        picture(seed).save(pictures / f"b{seed}.webp", lossless=True)
        (pictures / f"b{seed}.txt").write_text("1girl, hat\na further line\nand one more\n")
    (pictures / "notes.md").write_text("no picture")
    options = {"sources": [{"path": str(pictures)}], "select": {"dedup": {"method": method}}}
    report = stats(tmp_path, "run", options)
    left_out = {"none": {}, "exact": {"a_copy.png": "md5", "a_pixels.png": "pixels"},
                "near": {"a_copy.png": "md5", "a_pixels.png": "pixels", "a_near.jpg": "near"}}[method]
    duplicates = report["duplicates"]
    assert duplicates["method"] == method
    assert duplicates["left_out"] == {kind: list(left_out.values()).count(kind) for kind in ("md5", "pixels", "near")}
    assert {each["id"]: (each["kept"], each["kind"]) for each in duplicates["examples"]} == \
        {name: ("a.png", kind) for name, kind in left_out.items()}
    for each in duplicates["examples"]:
        looks = [imagehash.dhash(Image.open(pictures / each[name]), 16) for name in ("id", "kept")]
        assert abs(each["distance"] - (looks[0] - looks[1])) <= (8 if each["kind"] == "near" else 0)  # two roundings
    assert report["posts"]["excluded"] == ({"duplicate": len(left_out)} if left_out else {})
    for entry in report["exclusions"]:
        assert [(each["id"], each["detail"]) for each in entry["examples"]] == \
            [(name, "the same as a.png") for name in sorted(left_out)]
    files = sorted(path for path in pictures.iterdir() if path.suffix in (".png", ".jpg", ".webp"))
    assert report["posts"]["with_picture"] == {"posts": len(files), "usable": len(files) - len(left_out)}
    assert report["posts"]["with_caption"] == {"posts": 4, "usable": 4}
    formats = {".png": "png", ".jpg": "jpeg", ".webp": "webp"}
    found = {name: [path for path in files if formats[path.suffix] == name] for name in formats.values()}
    assert {entry["format"]: (entry["posts"], entry["usable"]) for entry in report["picture_format"]} == \
        {name: (len(some), sum(path.name not in left_out for path in some)) for name, some in found.items()}
    [source] = report["sources"]
    assert {key: source[key] for key in ("read", "rows", "without_picture", "without_caption", "further_caption_lines",
                                         "truncated", "animated", "other_files")} == \
        {"read": 8, "rows": 8, "without_picture": 0, "without_caption": 4, "further_caption_lines": 8, "truncated": 0,
         "animated": 0, "other_files": 1}
    equal = pd.Series([hashlib.md5(path.read_bytes()).hexdigest() for path in files]).value_counts()
    by_md5 = duplicates["known"][0]
    if by_md5["posts"]:  # a folder's files are hashed where duplicates are looked for
        assert (by_md5["groups"], by_md5["surplus"]) == ((equal > 1).sum(), (equal - 1).sum())


def test_animated_and_cut_pictures_are_counted(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    picture(1).save(pictures / "still.gif")
    picture(2).save(pictures / "moving.gif", save_all=True, append_images=[picture(3)])
    whole = io.BytesIO()
    picture(4).save(whole, "jpeg")
    (pictures / "cut.jpg").write_bytes(whole.getvalue()[:-2])
    [source] = stats(tmp_path, "run", {"sources": [{"path": str(pictures)}]})["sources"]
    assert {key: source[key] for key in ("rows", "truncated", "animated")} == \
        {"rows": 3, "truncated": 1, "animated": 1}


def test_pictures_left_out_for_their_files(tmp_path):
    for seed in range(4):
        picture(seed).save(tmp_path / f"{seed}.png")
    Image.new("RGB", (600, 400)).save(tmp_path / "plain.png")
    picture(5).save(tmp_path / "other.jpg")
    select = {"min_bytes_per_pixel": 0.05, "formats": ["png"]}
    report = stats(tmp_path, "run", {"sources": [{"path": str(tmp_path)}], "select": select})
    size = (tmp_path / "plain.png").stat().st_size
    assert [(entry["reason"], entry["posts"], entry["examples"]) for entry in report["exclusions"]] == [
        ("bytes_per_pixel", 1, [{"id": "plain.png", "source": 0, "detail": f"{size:,} bytes, 600 x 400 px"}]),
        ("format", 1, [{"id": "other.jpg", "source": 0, "detail": "jpeg"}])]
    assert report["posts"]["usable"] == 4
