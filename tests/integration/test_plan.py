# labels: integration
"""`dataset plan` as a user runs it: its lines recounted with exact fractions from the pictures alone."""

import collections
import itertools
import json
import math
import random
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402

EPOCHS = 3
BATCH = 12
CLASSES = {
    "girl_only": "1girl, solo, hat",
    "boy_only": "1boy, solo",
    "mixed": "1boy, 1girl",
    "no_humans": "no_humans, tree",
}
COUNTS = {"girl_only": 90, "boy_only": 20, "mixed": 10, "no_humans": 7}
TARGET = {"girl_only": Fraction(2, 5), "boy_only": Fraction(3, 10)}
MAX_REPEAT = 2
SIZES = {(96, 96): 5, (200, 200): 5, (120, 180): 8, (64, 128): 1, (300, 150): 1, (90, 110): 6}  # with weights
YAML = """
output_dir: {out}
seed: 7
dataset:
  sources:
    - path: a
    - path: b
      repeats: 2.5
  balance: {{by: person_class, target: {{girl_only: 0.4, boy_only: 0.3}}, max_repeat: 2}}
  buckets: {{resolution: 96, min_bucket_reso: 64, max_bucket_reso: 160, bucket_reso_steps: 16}}
train:
  train_batch_size: 4
  global_batch_size: 12
  max_train_epochs: 3
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two folders; returns the folder of the YAML and what is in them: id -> (class, source, size)."""
    folder = tmp_path_factory.mktemp("plan")
    rng = random.Random(3)
    content = {}
    for name, count in COUNTS.items():
        for i in range(count):
            source = "ab"[i % 10 == 0]
            [size] = rng.choices(list(SIZES), SIZES.values())
            path = folder / source / f"{name}-{i:03}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", size).save(path)
            path.with_suffix(".txt").write_text(CLASSES[name])
            content[path.name] = (name, source, size)
    (folder / "run.yaml").write_text(YAML.format(out=folder / "out"))
    return folder, content


def plan(folder, name, *args):
    out = folder / f"{name}.jsonl"
    result = run("atelier-data", "dataset", "plan", folder / "run.yaml", *args, "--out", out)
    return [json.loads(line) for line in out.read_text().splitlines()], result.stdout


def class_repeats():
    """t N / n, capped, what the cap cuts off given to the others in proportion, until nothing is above the cap."""
    total = sum(COUNTS.values())
    others = sum(n for name, n in COUNTS.items() if name not in TARGET)
    rest = 1 - sum(TARGET.values())
    share = {name: TARGET.get(name, rest * Fraction(n, others)) for name, n in COUNTS.items()}
    capped = set()
    while True:
        left = total - sum(MAX_REPEAT * COUNTS[name] for name in capped)
        free = sum(share[name] for name in COUNTS if name not in capped)
        repeats = {name: MAX_REPEAT if name in capped else share[name] / free * left / COUNTS[name] for name in COUNTS}
        above = {name for name in COUNTS if repeats[name] > MAX_REPEAT}
        if not above:
            return repeats
        capped |= above


def bucket_of(size):
    """sd-scripts' make_bucket_resolutions and select_bucket in their own words."""
    sizes = {(96, 96)}
    for side in range(64, 161, 16):
        other = min(160, 96 * 96 // side // 16 * 16)
        if other >= 64:
            sizes |= {(side, other), (other, side)}
    if size in sizes:
        return size
    ratio = Fraction(*size)
    return min(sorted(sizes), key=lambda bucket: abs(Fraction(*bucket) - ratio))


def strata(content):
    """(bucket, repeats) -> ids."""
    repeats = class_repeats()
    source_repeats = {"a": Fraction(1), "b": Fraction(5, 2)}
    result = collections.defaultdict(list)
    for name, (person_class, source, size) in content.items():
        result[bucket_of(size), repeats[person_class] * source_repeats[source]].append(name)
    return result


def uses_of(lines):
    return collections.Counter(sample[0] for line in lines for sample in line["samples"])


def test_every_picture_is_used_as_often_as_its_repeats_say(pictures):
    folder, content = pictures
    lines, _ = plan(folder, "uses")
    uses = uses_of(lines)
    by_class = collections.Counter()
    expected_by_class = collections.Counter()
    for (_, repeats), ids in strata(content).items():
        assert sum(uses[name] for name in ids) == math.floor(len(ids) * repeats * EPOCHS)
        for name in ids:
            assert uses[name] in (math.floor(repeats * EPOCHS), math.ceil(repeats * EPOCHS))
        if len({content[name][0] for name in ids}) == 1:  # a stratum of one class: its share to the sample
            expected_by_class[content[ids[0]][0]] += math.floor(len(ids) * repeats * EPOCHS)
            by_class[content[ids[0]][0]] += sum(uses[name] for name in ids)
    assert by_class["girl_only"] > 0 and by_class == expected_by_class


def test_batches_follow_from_the_totals(pictures):
    folder, content = pictures
    lines, _ = plan(folder, "batches")
    samples = collections.defaultdict(lambda: [0] * (EPOCHS + 1))
    mean = collections.Counter()
    for (bucket, repeats), ids in strata(content).items():
        mean[bucket] += len(ids) * repeats
        for epoch in range(EPOCHS + 1):
            samples[bucket][epoch] += math.floor(len(ids) * repeats * epoch)
    found = collections.defaultdict(list)
    for line in lines:
        assert len(line["samples"]) <= BATCH and "micro" not in line
        for name, _ in line["samples"]:
            assert bucket_of(content[name][2]) == (line["width"], line["height"])
        found[line["width"], line["height"], line["epoch"]].append(len(line["samples"]))
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["epoch"] for line in lines] == sorted(line["epoch"] for line in lines)
    assert any(size < BATCH for size in mean.values()) and any(size >= BATCH for size in mean.values())
    for bucket, before in samples.items():
        for epoch in range(EPOCHS):
            if mean[bucket] < BATCH:  # small: everything, every epoch
                count = before[epoch + 1] - before[epoch]
                expected = [BATCH] * (count // BATCH) + [count % BATCH] * (count % BATCH > 0)
            else:
                expected = [BATCH] * (before[epoch + 1] // BATCH - before[epoch] // BATCH)
                if epoch == EPOCHS - 1 and before[EPOCHS] % BATCH:
                    expected.append(before[EPOCHS] % BATCH)
            assert sorted(found[(*bucket, epoch)], reverse=True) == expected


def test_repeats_are_numbered_within_their_epoch(pictures):
    folder, _ = pictures
    lines, _ = plan(folder, "repeats", "--epochs", 1)
    seen = collections.defaultdict(list)
    for name, repeat in itertools.chain.from_iterable(line["samples"] for line in lines):
        seen[name].append(repeat)
    assert all(sorted(repeats) == list(range(len(repeats))) for repeats in seen.values())
    assert max(map(len, seen.values())) > 1


def test_world_sizes_list_the_same_batches(pictures):
    folder, _ = pictures
    one, _ = plan(folder, "w1")
    for world_size in (2, 3, 4, 6):
        plan(folder, f"w{world_size}", "--world-size", world_size)
        assert (folder / f"w{world_size}.jsonl").read_bytes() == (folder / "w1.jsonl").read_bytes()
    assert plan(folder, "seed", "seed=8")[0] != one
    assert uses_of(plan(folder, "seed", "seed=8")[0]).total() == uses_of(one).total()


def test_steps_of_several_batches(pictures):
    folder, content = pictures
    overrides = ["train.global_batch_size=null", "train.gradient_accumulation_steps=3"]
    lines, _ = plan(folder, "micro", "--world-size", 2, *overrides)
    assert max(len(line["samples"]) for line in lines) == 8
    assert [(line["step"], line["micro"]) for line in lines] == [(1 + i // 3, i % 3) for i in range(len(lines))]
    expected = sum(math.floor(len(ids) * repeats * EPOCHS) for (_, repeats), ids in strata(content).items())
    assert uses_of(lines).total() == expected


def test_steps_of_a_run_that_counts_steps(pictures):
    folder, content = pictures
    lines, table = plan(folder, "steps", "train.max_train_epochs=null", "train.max_train_steps=5")
    assert len(lines) == 5
    unreached = len(content) - len(uses_of(lines))
    assert any(row.split()[:3] == ["never", "reached", str(unreached)] for row in table.splitlines())


def test_table_shows_the_shares_of_the_lines(pictures):
    folder, content = pictures
    lines, table = plan(folder, "table")
    uses = uses_of(lines)
    assert all(len(row) <= 80 for row in table.splitlines())
    for name, count in COUNTS.items():
        samples = sum(uses[picture] for picture, (person_class, *_) in content.items() if person_class == name)
        row = next(row.split() for row in table.splitlines() if row.startswith(name))
        assert row[1] == str(count)
        assert row[6] == f"{100 * samples / uses.total():.1f}"  # name, pictures, natural %, wanted %, reached %
        assert float(row[8]) == pytest.approx(float(class_repeats()[name]), abs=5e-4)


def test_lengths_of_captions_are_those_of_the_captions(pictures):
    """Every class is repeated alike, so that the run's samples are the epochs' captions."""
    folder, content = pictures
    for index, name in enumerate(content):
        long = ", ".join(["tag"] * (100 if index % 4 == 0 else index % 7))
        (folder / content[name][1] / name).with_suffix(".txt").write_text(long)
    yaml = folder / "lengths.yaml"
    yaml.write_text(YAML.format(out=folder / "lengths").replace("target: {girl_only: 0.4, boy_only: 0.3}, ", ""))
    report = json.loads(run("atelier-data", "dataset", "plan", yaml, "--json").stdout)["captions"]
    lines = []
    for epoch in range(EPOCHS):
        printed = run("atelier-data", "dataset", "captions", yaml, "--epoch", epoch, "--quiet").stdout
        lines += [json.loads(line) for line in printed.splitlines()]
    tokens = [line["tokens"][0] for line in lines]
    assert report["captions"] == len(lines)
    assert report["truncated"] == sum(line["truncated"] for line in lines) > 0
    assert report["empty"] == sum(line["caption"] == "" for line in lines) > 0
    assert report["tokens"]["max"] == max(tokens) == 201  # a hundred tags, 99 commas, begin and end
    assert report["tokens"]["mean"] == pytest.approx(sum(tokens) / len(tokens))
    table = run("atelier-data", "dataset", "plan", yaml).stdout
    share = f"{100 * report['truncated'] / len(lines):.1f} %"
    assert any(row.startswith("cut, ") and row.endswith(share) for row in table.splitlines())


def test_a_run_without_samples_is_an_error(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (96, 96)).save(tmp_path / "pictures" / "a.png")
    (tmp_path / "run.yaml").write_text(f"""
output_dir: {tmp_path / "out"}
dataset:
  sources: [{{path: pictures, repeats: 0.3}}]
  buckets: {{resolution: 96, min_bucket_reso: 64, max_bucket_reso: 160, bucket_reso_steps: 16}}
train: {{max_train_epochs: 3}}
""")
    result = run("atelier-data", "dataset", "plan", tmp_path / "run.yaml", check=False)
    assert result.returncode == 3 and "before its first sample" in result.stderr
    table = run("atelier-data", "dataset", "plan", tmp_path / "run.yaml", "train.max_train_epochs=4").stdout
    assert ["steps", "1"] in [row.split() for row in table.splitlines()]


@pytest.mark.parametrize(
    "override, code, words",
    [
        ("dataset.buckets.bucket_reso_steps=12", 2, "multiple of 8"),
        ("train.global_batch_size=7", 2, "7"),
        ("dataset.balance.target={girl_onyl: 0.5}", 2, "girl_only"),
        ("dataset.balance.target={girl_only: 0.5, boy_only: 0.5}", 2, "others: drop"),
        ("dataset.select.min_side=5000", 3, "no usable picture"),
    ],
)
def test_wrong_options(pictures, override, code, words):
    folder, _ = pictures
    out = folder / "never.jsonl"
    arguments = ["dataset", "plan", folder / "run.yaml", override, "--world-size", 2, "--out", out]
    result = run("atelier-data", *arguments, check=False)
    assert result.returncode == code and words in result.stderr
    assert not out.exists() and not list(folder.glob("never*"))


def test_a_plan_names_whom_its_pictures_are_by(tmp_path):
    artists = {"1": ["ada"], "2": ["ada", "bob"], "3": ["eve"], "4": []}
    (tmp_path / "posts.jsonl").write_text("".join(json.dumps({
        "id": int(post), "image_width": 64, "image_height": 64, "tag_string_general": "1girl",
        "tag_string_artist": " ".join(names)}) + "\n" for post, names in artists.items()))
    (tmp_path / "opted_out.txt").write_text("eve\n")
    (tmp_path / "run.yaml").write_text(f"""
output_dir: {tmp_path / "out"}
dataset:
  sources: [{{path: posts.jsonl, repeats: 1.5}}]
  select: {{opt_out: {{artists: opted_out.txt}}}}
  buckets: {{resolution: 64, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16}}
train: {{train_batch_size: 2, max_train_epochs: 3}}
""")
    run("atelier-data", "dataset", "plan", tmp_path / "run.yaml", "--without-pictures", "--out", tmp_path / "plan.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text().splitlines()]
    uses = collections.Counter(post for line in lines for post, _ in line["samples"])
    assert "3" not in uses and sum(uses.values()) == 13  # floor(3 posts x 1.5 x 3 epochs)
    expected = [["artist", "posts", "uses"], ["ada", "2", str(uses["1"] + uses["2"])], ["bob", "1", str(uses["2"])]]
    table = (tmp_path / "out" / "manifest.credits.tsv").read_text().splitlines()
    assert [line.split("\t") for line in table] == expected
