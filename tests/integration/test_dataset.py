# labels: integration
"""`dataset build` and `dataset stats` as a user runs them: good folders, bad input, killed builds."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pyarrow.feather
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import SOURCE, program, run  # noqa: E402

PICTURES = [  # name, size, caption
    ("a.png", (600, 400), "1girl, solo, hat"), ("b.png", (400, 600), "1girl, solo"), ("c.png", (500, 500), "2girls"),
    ("d.png", (512, 512), "1boy, solo, hat"), ("e.png", (100, 900), "1girl, 1boy"),
    ("sub/f.png", (640, 640), "no_humans"), ("g.jpg", (300, 300), None)]


@pytest.fixture
def folder(tmp_path):
    for name, size, caption in PICTURES:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, "green").save(path)
        if caption:
            path.with_suffix(".txt").write_text(caption)
    (tmp_path / "run.yaml").write_text(f"output_dir: {tmp_path}/out\ndataset:\n  sources: [{{path: pictures}}]\n")
    return tmp_path


def build(folder, *overrides, check=True):
    return run("atelier-data", "dataset", "build", folder / "run.yaml", *overrides, check=check)


def stats(*args, check=True):
    result = run("atelier-data", "dataset", "stats", *args, "--json", check=check)
    return json.loads(result.stdout) if check else result


def quarantine(folder):
    lines = (folder / "out/manifest/quarantine.jsonl").read_text().splitlines()
    return {entry["id"]: entry["reason"] for entry in map(json.loads, lines)}


def test_a_folder_needs_no_yaml(folder):
    report = stats(folder / "pictures")
    assert report["posts"]["read"] == report["posts"]["usable"] == len(PICTURES)
    assert {entry["class"]: entry["usable"] for entry in report["people"]["classes"]} == \
        {"girl_only": 3, "boy_only": 1, "mixed": 1, "other": 0, "no_humans": 1, "unknown": 1}
    assert report["sources"][0]["without_caption"] == 1
    assert report["picture_format"] == [{"format": "jpeg", "posts": 1, "usable": 1},
                                        {"format": "png", "posts": 6, "usable": 6}]
    top = {tag["tag"]: tag["posts"] for tag in report["tags"]["general"]["top"]}
    assert top == {"1girl": 3, "solo": 3, "hat": 2, "1boy": 2, "2girls": 1, "multiple_girls": 1, "no_humans": 1}
    assert not list(folder.glob("**/*.arrow"))


def test_a_run_a_manifest_and_the_file_say_the_same(folder):
    by_run = stats(folder / "run.yaml")
    by_manifest = stats(folder / "out/manifest", "--out", folder / "report")
    assert by_manifest == json.loads((folder / "report/report.json").read_text())
    assert by_run["format"] == "atelier-dataset-report" and by_run["version"] == 2
    for report in (by_manifest, by_run):
        assert report.pop("made")["command"][:3] == ["atelier", "dataset", "stats"]
    assert by_manifest == by_run


def test_selection_and_balance_show_in_the_report(folder):
    report = stats(folder / "run.yaml", "dataset.select={min_side: 300, max_aspect: 1.5, tags: '!no_humans'}",
                   "dataset.balance={target: {girl_only: 0.5, boy_only: 0.5}, others: drop}",
                   "dataset.buckets={resolution: 512, min_bucket_reso: 256, max_bucket_reso: 768}")
    assert report["posts"]["excluded"] == {"min_side": 1, "tags": 1}
    assert report["posts"]["usable"] == 5
    classes = {entry["class"]: entry for entry in report["people"]["classes"]}
    assert classes["girl_only"]["reached"] == pytest.approx(0.5, abs=1e-6)
    assert classes["boy_only"]["reached"] == pytest.approx(0.5, abs=1e-6)
    assert classes["boy_only"]["repeats"] == pytest.approx(3 * classes["girl_only"]["repeats"], abs=1e-6)
    assert classes["unknown"]["wanted"] == classes["unknown"]["repeats"] == 0
    assert sum(bucket["posts"] for bucket in report["sizes"]["buckets"]) == 4
    samples = sum(bucket["samples"] for bucket in report["sizes"]["buckets"])
    assert samples == pytest.approx(report["posts"]["samples_per_epoch"])
    assert {(b["width"], b["height"]) for b in report["sizes"]["buckets"]} >= {(512, 512)}


def test_tables_fit_80_columns(folder):
    posts = SOURCE / "tests/golden/posts/danbooru_api_posts_2016_2020.jsonl"
    for inputs in ([folder / "run.yaml"], [folder / "pictures", posts]):
        lines = run("atelier-data", "dataset", "stats", *inputs, "--quiet").stdout.splitlines()
        assert len(lines) > 30 and max(map(len, lines)) <= 80


def test_bad_pictures_and_captions_are_quarantined_with_their_reason(folder):
    pictures = folder / "pictures"
    (pictures / "empty.png").write_bytes(b"")
    (pictures / "text.jpg").write_text("not a picture")
    (pictures / "cut_header.png").write_bytes((pictures / "a.png").read_bytes()[:20])
    (pictures / "cut.jpg").write_bytes((pictures / "g.jpg").read_bytes()[:-2])
    (pictures / "latin1.png").write_bytes((pictures / "a.png").read_bytes())
    (pictures / "latin1.txt").write_bytes("café".encode("latin-1"))
    (pictures / "nul.png").write_bytes((pictures / "a.png").read_bytes())
    (pictures / "nul.txt").write_bytes(b"1girl\0, solo")
    (pictures / "bom.png").write_bytes((pictures / "a.png").read_bytes())
    (pictures / "bom.txt").write_bytes("\ufeff1boy, solo\r\nmore\r\n".encode())
    (pictures / "readme.md").write_text("hello")
    (pictures / ".hidden.png").write_bytes(b"")
    os.symlink("nowhere", pictures / "dangling.png")
    shutil.copy(pictures / "a.png", os.fsencode(pictures) + b"/bad_\xff_name.png")
    failed = build(folder, check=False)
    assert failed.returncode == 3 and "7 samples of 16 are quarantined, 1 % are allowed" in failed.stderr
    assert str(folder / "out/manifest.quarantine.jsonl") in failed.stderr and not (folder / "out/manifest").exists()
    listed = list(map(json.loads, (folder / "out/manifest.quarantine.jsonl").read_text().splitlines()))
    output = build(folder, "dataset.select.max_bad_share=0.5").stdout
    assert quarantine(folder) == {entry["id"]: entry["reason"] for entry in listed}
    assert not (folder / "out/manifest.quarantine.jsonl").exists()
    assert quarantine(folder) == {
        "empty.png": "picture_unreadable", "text.jpg": "picture_unreadable", "cut_header.png": "picture_unreadable",
        "dangling.png": "picture_unreadable", "latin1.png": "caption_not_utf8", "nul.png": "caption_has_nul",
        "bad_?_name.png": "name_not_utf8"}
    assert "picture_unreadable 4" in output
    report = stats(folder / "out/manifest")
    assert report["posts"]["quarantined"] == {"picture_unreadable": 4, "caption_not_utf8": 1, "caption_has_nul": 1,
                                              "name_not_utf8": 1}
    source = report["sources"][0]
    assert source["truncated"] == 1 and source["further_caption_lines"] == 1 and source["other_files"] == 1
    assert report["posts"]["read"] == len(PICTURES) + 9
    assert report["people"]["classes"][1]["posts"] == 2  # the one with the BOM is read
    failed = stats(folder / "run.yaml", "dataset.select.max_bad_samples=6", check=False)
    assert failed.returncode == 3 and "7 samples of 16 are quarantined, 6 are allowed" in failed.stderr


@pytest.mark.parametrize("arguments, code, words", [
    (["build", "none.yaml"], 2, "none.yaml"),
    (["build", "run.yaml", "dataset.sources=[{path: nowhere}]"], 2, "nowhere"),
    (["build", "run.yaml", "dataset.sources=[]"], 2, "dataset.sources"),
    (["build", "run.yaml", "dataset.selects.min_side=3"], 2, "select"),
    (["build", "run.yaml", "dataset.select.min_side=wide"], 2, "min_side"),
    (["build", "run.yaml", "dataset.select.min_side=-1"], 2, "min_side"),
    (["stats", "run.yaml", "dataset.select.tags='(solo'"], 2, "parenthesis"),
    (["stats", "run.yaml", "dataset.select.opt_out.artists=none.txt"], 2, "none.txt"),
    (["stats", "run.yaml", "dataset.sources=[{path: run.yaml}]"], 2, "run.yaml"),
    (["build", "run.yaml", "dataset.sources=[{path: empty.jsonl, image_dir: gone}]"], 2, "gone"),
    (["build", "run.yaml", "dataset.sources=[{path: pictures, image_dir: pictures}]"], 2, "image_dir"),
    (["stats", "nowhere"], 2, "nowhere"),
    (["build", "run.yaml", "dataset.manifest_dir=pictures"], 2, "holds other files"),
    (["build", "--nope", "run.yaml"], 2, "--nope"),
    (["build", "--nope"], 2, "unknown option --nope"),
    (["build", "recipe:nope"], 2, "portraits"),
    (["stats", "empty"], 3, "empty"),
    (["stats", "empty.jsonl"], 3, "empty.jsonl"),
    (["build", "run.yaml", "dataset.sources=[{path: empty}]"], 3, "no picture and no post"),
    (["plan", "run.yaml", "--epochs", "1", "dataset.sources=[{path: empty}]"], 3, "no picture and no post"),
    (["plan", "run.yaml", "--epochs", "1", "dataset.select.min_side=5000"], 3, "min_side 7"),
])
def test_bad_input_has_its_exit_code_and_says_where(folder, arguments, code, words):
    (folder / "empty").mkdir()
    (folder / "empty.jsonl").write_text("")
    result = run("atelier-data", "dataset", *arguments, check=False, cwd=folder)
    assert result.returncode == code, result.stderr
    assert result.stderr.count("error:") == 1 and words in result.stderr
    assert result.stdout == ""


def test_a_source_that_holds_the_runs_own_folder_is_warned_of(folder):
    held = run("atelier", "dataset", "build", folder / "run.yaml", f"dataset.sources=[{{path: {folder}}}]")
    assert "holds the run's own folder" in held.stderr
    assert "own folder" not in run("atelier", "dataset", "build", folder / "run.yaml").stderr


def test_a_folder_of_pictures_that_is_renamed_is_read_again(folder):
    (folder / "pictures/old").mkdir()
    Image.new("RGB", (64, 64)).save(folder / "pictures/old/x.png")
    build(folder)
    (folder / "pictures/old").rename(folder / "pictures/new")
    build(folder)
    ids = pyarrow.feather.read_table(folder / "out/manifest/posts.arrow")["id"].to_pylist()
    assert "new/x.png" in ids and "old/x.png" not in ids


def test_damage_of_a_file_is_a_warning_of_its_own(folder):
    (folder / "a.tar").write_bytes(b"<html>not found</html>" * 100)
    with tarfile.open(folder / "b.tar", "w") as tar:
        tar.add(folder / "pictures/a.png", "a.png")
    result = run("atelier", "dataset", "build", folder / "run.yaml", f"dataset.sources=[{{path: '{folder}/?.tar'}}]",
                 "dataset.select.max_bad_share=1")
    assert "a.tar" in result.stderr and "file_damaged" in result.stderr


def test_a_killed_build_leaves_nothing_and_the_next_one_cleans_up(folder):
    posts = folder / "posts.jsonl"
    with posts.open("w") as file:
        for number in range(60_000):
            tags = " ".join(f"tag{(number * k) % 1009}" for k in range(1, 30))
            file.write(json.dumps({"id": number, "tag_string": tags}) + "\n")
    out = folder / "out"
    source = f"dataset.sources=[{{path: {posts}}}]"
    kills = 0
    for wait in [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2]:
        process = subprocess.Popen([program("atelier-data"), "dataset", "build", folder / "run.yaml", source],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        if (out / "manifest").exists():  # finished before the kill: whole
            assert json.loads((out / "manifest/manifest.json").read_text())["rows"] == 60_000
            shutil.rmtree(out / "manifest")
    assert kills >= 3
    build(folder, source)
    assert stats(out / "manifest")["posts"]["read"] == 60_000
    assert sorted(path.name for path in out.iterdir()) == ["manifest", "manifest.lock"]


def test_a_build_waits_for_another_and_can_be_interrupted_meanwhile(folder):
    (folder / "out").mkdir()
    with open(folder / "out/manifest.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([program("atelier-data"), "dataset", "build", folder / "run.yaml"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 130 and "interrupted" in error
    assert not (folder / "out/manifest").exists()
    build(folder)
    assert stats(folder / "out/manifest")["posts"]["read"] == len(PICTURES)


@pytest.mark.parametrize("arguments", [
    ["atelier", "dataset", "stats", "pictures"], ["atelier", "dataset", "captions", "run.yaml"],
    ["atelier", "model", "tokenize", "pictures/a.txt"], ["atelier", "config", "show", "run.yaml"]])
def test_results_that_cannot_be_written_are_an_error(folder, arguments):
    with open("/dev/full", "w") as full:
        result = subprocess.run([str(program(arguments[0])), *arguments[1:]], stdout=full, stderr=subprocess.PIPE,
                                text=True, cwd=folder)
    assert result.returncode == 4 and "standard output" in result.stderr


def test_captions_name_the_ids_that_are_not_there(folder):
    result = run("atelier", "dataset", "captions", folder / "run.yaml", "--id", "a.png", "--id", "x.png",
                 "--count", "5")
    assert "x.png" in result.stderr and "a.png" not in result.stderr.replace(str(folder), "")


@pytest.mark.parametrize("family, verb", [("dataset", "captions"), ("model", "inspect"), ("config", "schema")])
def test_a_family_of_verbs_lists_itself(family, verb):
    for arguments in [family], [family, "--help"]:
        listed = run("atelier", *arguments).stdout.splitlines()
        assert all(line.startswith(f"  {family} ") for line in listed) and any(verb in line for line in listed)
    failed = run("atelier", family, "nope", check=False)
    assert failed.returncode == 2 and verb in failed.stderr
