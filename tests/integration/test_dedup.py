# labels: integration
"""`dataset dedup`, `dataset.select.dedup` and `dataset verify`, on pictures whose likeness is known."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import imagehash
import numpy as np
import pyarrow.feather as feather
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import program, run  # noqa: E402


def picture(seed, size=(600, 400)):
    """Coloured clouds, like no others."""
    grid = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    first = picture(1)
    first.save(pictures / "a.png", compress_level=1)
    shutil.copy(pictures / "a.png", pictures / "a_copy.png")
    first.save(pictures / "a_pixels.png", compress_level=9)
    first.save(pictures / "a_jpeg.jpg", quality=60)
    first.resize((300, 200), Image.Resampling.LANCZOS).save(pictures / "a_small.png")
    first.crop((0, 0, 420, 280)).save(pictures / "a_crop.png")
    picture(2).save(pictures / "b.png")
    for name, colour in ("red", (200, 0, 0)), ("blue", (0, 0, 200)), ("red_2", (201, 0, 0)):
        Image.new("RGB", (500, 500), colour).save(pictures / f"plain_{name}.png")
    whole = (pictures / "b.png").read_bytes()
    (pictures / "corrupt.png").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "run.yaml").write_text(f"output_dir: {tmp_path}/out\ndataset:\n  sources: [{{path: pictures}}]\n")
    return tmp_path


def dedup(folder, *arguments):
    """What is left out and why, by the picture that stays; and what the program said."""
    result = run("atelier", "dataset", "dedup", folder / "run.yaml", *arguments)
    groups = {}
    for line in map(json.loads, result.stdout.splitlines()):
        groups[line["kept"]["id"]] = [(post["id"], post["kind"]) for post in line["left_out"]]
        for post in line["left_out"]:
            assert (0 <= post["distance"] <= 17) and (post["kind"] == "near" or post["distance"] == 0)
    return groups, result.stderr


def stats(folder, *overrides):
    return json.loads(run("atelier", "dataset", "stats", folder / "run.yaml", *overrides, "--json").stdout)["posts"]


def test_copies_fall_together_and_what_only_seems_alike_does_not(folder):
    exact = [("a_copy.png", "md5"), ("a_pixels.png", "pixels")]
    groups, said = dedup(folder, "--method", "exact")
    assert groups == {"a.png": exact}
    groups, said = dedup(folder)
    assert list(groups) == ["a.png"]
    assert sorted(groups["a.png"]) == sorted([*exact, ("a_jpeg.jpg", "near"), ("a_small.png", "near")])
    assert "4 of 11 pictures are duplicates (md5 1, pixels 1, near 2)" in said and "are used all the same" in said
    assert "1 pictures cannot be read or decoded" in said
    assert "are left out" in dedup(folder, "dataset.select.dedup.method=near")[1]


def test_every_verb_leaves_them_out(folder):
    near, exact = "dataset.select.dedup.method=near", "dataset.select.dedup.method=exact"
    assert stats(folder)["excluded"] == {}
    assert stats(folder, exact)["excluded"] == {"duplicate": 2}
    assert stats(folder, near)["excluded"] == {"duplicate": 4}
    result = run("atelier", "dataset", "captions", folder / "run.yaml", near)
    ids = {json.loads(line)["id"] for line in result.stdout.splitlines()}
    assert ids == {"a.png", "a_crop.png", "b.png", "corrupt.png", "plain_red.png", "plain_blue.png", "plain_red_2.png"}
    assert "duplicate 4" in result.stderr
    # After the other filters: what they leave out stands for nothing.
    small = stats(folder, near, "dataset.select.max_megapixels=0.2")
    assert small["excluded"] == {"max_megapixels": 9} and small["usable"] == 2


def test_the_fingerprints_are_those_of_others(folder):
    dedup(folder)
    table = feather.read_table(folder / "out/fingerprints.arrow").to_pylist()
    by_md5 = {entry["md5"].hex(): entry for entry in table}
    assert len(table) == 11 and [entry["key"] for entry in table] == sorted(entry["key"] for entry in table)
    for path in (folder / "pictures").iterdir():
        entry = by_md5[hashlib.md5(path.read_bytes()).hexdigest()]
        if path.name == "corrupt.png":
            assert entry["unreadable"] and entry["difference"] is None
            continue
        assert not entry["unreadable"]
        if path.name.startswith("plain"):
            assert entry["contrast"] < 1
            continue
        for key, side in ("difference", 8), ("fine_difference", 16):
            theirs = int(str(imagehash.dhash(Image.open(path), side)), 16)
            assert (int.from_bytes(entry[key], "big") ^ theirs).bit_count() <= 4, path.name


def write_posts(folder, posts):
    (folder / "posts.jsonl").write_text("".join(json.dumps({"tag_string": "1girl", **post}) + "\n" for post in posts))
    (folder / "run.yaml").write_text(
        f"output_dir: {folder}/out\ndataset:\n  sources: [{{path: posts.jsonl, image_dir: pictures}}]\n")


def test_variants_of_a_post_are_kept(folder):
    third = picture(3)
    for number, quality in ("1", 95), ("2", 80), ("3", 70), ("4", 60):
        third.save(folder / f"pictures/{number}.jpg", quality=quality)
    # 2 and 4 are children of 9, which is not here; 1 and 3 stand alone.
    write_posts(folder, [{"id": 1, "file_ext": "jpg"}, {"id": 2, "file_ext": "jpg", "parent_id": 9},
                         {"id": 3, "file_ext": "jpg"}, {"id": 4, "file_ext": "jpg", "parent_id": 2}])
    assert dedup(folder)[0] == {"1": [("2", "near"), ("3", "near"), ("4", "near")]}
    write_posts(folder, [{"id": 2, "file_ext": "jpg", "parent_id": 9}, {"id": 4, "file_ext": "jpg", "parent_id": 2}])
    assert dedup(folder)[0] == {}
    assert dedup(folder, "dataset.select.dedup.keep_variants=false")[0] == {"2": [("4", "near")]}


def test_exact_opens_no_picture_whose_record_says_enough(folder):
    for name in "1", "2", "3":
        shutil.copy(folder / "pictures/a.png", folder / f"pictures/{name}.png")
    same, other = "0" * 31 + "1", "0" * 31 + "2"
    write_posts(folder, [{"id": 1, "file_ext": "png", "md5": same, "score": 1},
                         {"id": 2, "file_ext": "png", "md5": other},
                         {"id": 3, "file_ext": "png", "md5": same, "score": 7}])
    groups, _ = dedup(folder, "--method", "exact")
    assert groups == {"3": [("1", "md5")]}  # equal in all but the score
    assert not (folder / "out/fingerprints.arrow").exists()


def test_an_interrupted_search_goes_on_where_it_was(folder):
    pictures = folder / "pictures"
    shutil.rmtree(pictures)
    pictures.mkdir()
    picture(5, (1600, 1600)).save(pictures / "0.png", compress_level=1)
    whole = (pictures / "0.png").read_bytes()
    for number in range(1, 40):
        (pictures / f"{number}.png").write_bytes(whole + b"%d" % number)  # bytes after a picture's end are not read
    command = [program("atelier-data"), "dataset", "dedup", folder / "run.yaml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (folder / "out/fingerprints.arrow.lock").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.8)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and out == ""
    known = {entry["md5"].hex() for entry in feather.read_table(folder / "out/fingerprints.arrow").to_pylist()}
    assert 0 < len(known) < 40
    for path in pictures.iterdir():  # what is known already would now be found unreadable
        if hashlib.md5(path.read_bytes()).hexdigest() in known:
            when = path.stat().st_mtime_ns
            path.write_bytes(bytes(path.stat().st_size))
            os.utime(path, ns=(when, when))
    groups, said = dedup(folder)
    assert [len(left_out) for left_out in groups.values()] == [39] and "cannot be read" not in said
    assert feather.read_table(folder / "out/fingerprints.arrow").num_rows == 40


def test_damaged_fingerprints_are_made_anew(folder):
    before = dedup(folder)[0]
    (folder / "out/fingerprints.arrow").write_bytes(b"ARROW1\0\0 but no more")
    after, said = dedup(folder)
    assert after == before and "made anew" in said


def test_verify_lists_what_is_bad_and_its_list_leaves_it_out(folder):
    run("atelier", "dataset", "build", folder / "run.yaml")
    pictures = folder / "pictures"
    when = pictures.stat().st_mtime_ns
    changed = pictures / "b.png"  # another picture in as many bytes, unnoticed since
    size, then = changed.stat().st_size, changed.stat().st_mtime_ns
    Image.new("RGB", (60, 40), "green").save(changed)
    changed.write_bytes(changed.read_bytes().ljust(size, b"\0"))
    os.utime(changed, ns=(then, then))
    os.utime(pictures, ns=(when, when))
    listed = folder / "bad.jsonl"
    result = run("atelier", "dataset", "verify", folder / "run.yaml", "--out", listed, check=False)
    assert result.returncode == 3 and "2 pictures are bad" in result.stderr and result.stdout == ""
    found = {entry["id"]: entry for entry in map(json.loads, listed.read_text().splitlines())}
    assert {name: entry["reason"] for name, entry in found.items()} == \
        {"b.png": "picture_changed", "corrupt.png": "picture_corrupt"}
    assert "60 x 40" in found["b.png"]["detail"] and found["b.png"]["path"] == str(changed)
    unlisted = run("atelier", "dataset", "verify", folder / "run.yaml", check=False)
    assert unlisted.returncode == 3 and unlisted.stdout == listed.read_text()

    without = f"dataset.select.quarantine={listed}"
    assert stats(folder, without)["excluded"] == {"quarantine": 2}
    good = run("atelier", "dataset", "verify", folder / "run.yaml", without)
    assert good.stdout == "" and "9 of 9 pictures are whole" in good.stderr


def test_a_list_that_verify_writes_anew_keeps_what_was_on_it(folder):
    listed = folder / "bad.jsonl"
    command = ["atelier", "dataset", "verify", folder / "run.yaml", f"dataset.select.quarantine={listed}",
               "--out", listed]
    first = run(*command, check=False)  # the list is not there yet
    assert first.returncode == 3 and "1 pictures are bad" in first.stderr
    written = listed.read_text()
    assert run(*command, check=False).returncode == 3 and listed.read_text() == written
    assert run(*command[:-2]).stdout == ""  # the others are whole
    nowhere = run(*command[:-1], folder / "nowhere/bad.jsonl", check=False)
    assert nowhere.returncode == 2 and "verify:" not in nowhere.stderr  # told before the work
