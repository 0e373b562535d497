# labels: integration
"""Balance as `dataset plan` reports it against scipy and numpy: raking as the convex problem that it solves,
water-filling by bisection, LVIS' repeat factors, temperature, classes by expression, loss weights. Posts without
pictures."""

import collections
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402

POSTS = 6000
RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
PEOPLE = [("1girl solo", 60), ("2girls multiple_girls", 14), ("1boy solo", 8), ("1boy 1girl", 8), ("1other solo", 2),
          ("no_humans", 5), ("", 3)]
SIZES = [(850, 1200), (1000, 1000), (1200, 1697), (1920, 1080), (600, 600), (512, 512)]
YAML = """
output_dir: {folder}/out
dataset:
  sources: [{{path: {folder}/posts.jsonl, rating_scheme: modern}}]
  buckets: {{resolution: 512, min_bucket_reso: 256, max_bucket_reso: 1024}}
train: {{global_batch_size: 16, max_train_epochs: 8}}
"""


def ranked(rng, kind, names, count):
    """`count` names, the i-th with a frequency of 1 / i; fewer where one is drawn twice."""
    weights = [1 / (i + 1) for i in range(names)]
    return " ".join({f"{kind}_{i}" for i in rng.choices(range(names), weights, k=count)})


def make_post(number, rng):
    [people] = rng.choices([tags for tags, _ in PEOPLE], [weight for _, weight in PEOPLE])
    width, height = rng.choice(SIZES)
    post = {"id": number, "created_at": f"{rng.randint(2018, 2024)}-{rng.randint(2, 11):02}-07T12:00:00.000-04:00",
            "rating": rng.choices("gsqe", [15, 60, 15, 10])[0], "score": int(rng.expovariate(1 / 20)), "fav_count": 1,
            "image_width": width, "image_height": height, "md5": f"{rng.getrandbits(128):032x}", "file_ext": "jpg",
            "tag_string_general": f"{people} {ranked(rng, 'thing', 300, 12)}".strip(),
            "tag_string_character": ranked(rng, "character", 200, rng.choice([0, 1, 1, 2, 3])),
            "tag_string_copyright": ranked(rng, "copyright", 40, 1), "tag_string_artist": ranked(rng, "artist", 400, 1),
            "tag_string_meta": ""}
    post["tag_string"] = " ".join(post[key] for key in list(post) if key.startswith("tag_string_"))
    return post


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("balance")
    rng = random.Random(5)
    posts = [make_post(number, rng) for number in range(1, POSTS + 1)]
    (folder / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    (folder / "run.yaml").write_text(YAML.format(folder=folder))
    return folder, posts


def plan(folder, balance, *args):
    result = run("atelier-data", "dataset", "plan", folder / "run.yaml", f"dataset.balance={balance}",
                 "--without-pictures", "--json", *args)
    return json.loads(result.stdout)


def classes(report, division=0):
    return {each["name"]: each for each in report["balance"]["divisions"][division]["classes"]}


def person_class(post):
    names = set(post["tag_string"].split())
    girl = any(name.endswith(("girl", "girls")) for name in names)
    boy = any(name.endswith(("boy", "boys")) for name in names)
    if girl or boy:
        return "mixed" if girl and boy else "girl_only" if girl else "boy_only"
    return "no_humans" if "no_humans" in names else "other" if "1other" in names else "unknown"


def rating(post):
    return RATINGS[post["rating"]]


def year(post):
    return post["created_at"][:4]  # no post is near New Year


def fill(posts, shares, cap, length):
    """Repeats min(cap, f q / n) with the f that gives `length` samples, found by bisection."""
    density = np.divide(shares, posts, out=np.zeros(len(posts)), where=posts > 0)
    low, high = 0.0, 1e9
    for _ in range(300):
        f = (low + high) / 2
        low, high = (f, high) if (np.minimum(cap, f * density) * posts).sum() < length else (low, f)
    return np.minimum(cap, low * density)


def shares_of(counts, target):
    rest = 1 - sum(target.values())
    others = sum(n for name, n in counts.items() if name not in target)
    return {name: target.get(name, rest * n / others) for name, n in counts.items()}


def raked(cells, weights, marginals):
    """The shares nearest to `weights` in Kullback-Leibler divergence with these marginals: minimised in its dual, where
    a cell's share is its weight times exp of its classes' multipliers."""
    names = [(m, name) for m, marginal in enumerate(marginals) for name in marginal]
    incidence = np.array([[cell[m] == name for m, name in names] for cell in cells], float)
    wanted = np.array([marginals[m][name] for m, name in names])

    def dual(x):
        share = weights * np.exp(incidence @ x)
        return share.sum() - wanted @ x, incidence.T @ share - wanted

    x = optimize.minimize(dual, np.zeros(len(names)), jac=True, method="BFGS", options={"gtol": 1e-11}).x
    return weights * np.exp(incidence @ x)


def test_water_filling(data):
    folder, posts = data
    counts = collections.Counter(map(person_class, posts))
    target = {"girl_only": 0.3, "boy_only": 0.4, "no_humans": 0.1}
    report = plan(folder, "{target: {girl_only: 0.3, boy_only: 0.4, no_humans: 0.1}, max_repeat: 3}")
    shares = shares_of(counts, target)
    names = list(counts)
    n = np.array([counts[name] for name in names])
    repeats = fill(n, np.array([shares[name] for name in names]), 3, POSTS)
    found = classes(report)
    assert (repeats == 3).any() and (repeats < 3).any()
    for name, expected in zip(names, repeats):
        assert found[name]["pictures"] == counts[name]
        assert found[name]["wanted"] == pytest.approx(shares[name], abs=1e-12)
        assert found[name]["repeats"] == pytest.approx(expected, rel=1e-9)
        assert found[name]["reached"] == pytest.approx(expected * counts[name] / POSTS, abs=1e-3)
    effective = (repeats * n).sum() ** 2 / (repeats**2 * n).sum()
    assert report["balance"]["effective_pictures"] == pytest.approx(effective, rel=1e-9)
    over = [max(0, POSTS * shares[name] - 3 * counts[name]) for name in names]
    assert report["balance"]["cut_off"] == pytest.approx(sum(over) / POSTS, rel=1e-9)
    assert report["largest_repeat"] == pytest.approx(3, rel=1e-9)


def test_mixing_and_temperature(data):
    folder, posts = data
    counts = collections.Counter(map(rating, posts))
    report = plan(folder, "{by: rating, temperature: 3, mixing: 0.6, max_repeat: 100}")
    power = {name: n ** (1 / 3) for name, n in counts.items()}
    for name, n in counts.items():
        share = 0.4 * n / POSTS + 0.6 * power[name] / sum(power.values())
        assert classes(report)[name]["wanted"] == pytest.approx(share, rel=1e-9)
        assert classes(report)[name]["repeats"] == pytest.approx(share * POSTS / n, rel=1e-9)


def test_raking_is_the_nearest_distribution(data):
    folder, posts = data
    report = plan(folder, "{target: {girl_only: 0.4, boy_only: 0.3}, max_repeat: 1000, "
                          "rake: [{by: rating, target: {general: 0.3, explicit: 0.2}}, {by: year}]}")
    kinds = (person_class, rating, year)
    cells = collections.Counter(tuple(kind(post) for kind in kinds) for post in posts)
    counts = [collections.Counter(map(kind, posts)) for kind in kinds]
    marginals = [shares_of(counts[0], {"girl_only": 0.4, "boy_only": 0.3}),
                 shares_of(counts[1], {"general": 0.3, "explicit": 0.2}),
                 {name: n / POSTS for name, n in counts[2].items()}]
    weights = np.array(list(cells.values())) / POSTS
    shares = raked(list(cells), weights, marginals)
    assert report["balance"]["rake_error"] < 1e-9
    for m, marginal in enumerate(marginals):
        for name, share in marginal.items():
            found = classes(report, m)[name]
            assert found["wanted"] == pytest.approx(share, abs=1e-9)
            assert found["reached"] == pytest.approx(share, abs=0.004)
    repeats = shares / weights
    assert report["balance"]["effective_pictures"] == pytest.approx(
        POSTS * repeats @ weights / (repeats**2 @ weights), rel=1e-5)
    assert report["largest_repeat"] == pytest.approx(repeats.max(), rel=0.011)  # levels of 1 %


def test_what_raking_cannot_reach_is_said(data):
    folder, _ = data
    report = plan(folder, "{by: rating, target: {safe: 0.2, general: 0.3}}")
    assert report["balance"]["divisions"][0]["unreachable"] == ["safe"]


def test_repeat_factors(data):
    """LVIS: with `epoch: cover` and no target the repeats are max over tags of max(1, sqrt(t / f))."""
    folder, posts = data
    lines = folder / "factors.jsonl"
    report = plan(folder, "{repeat_factor: {threshold: 0.02, min_count: 5}, epoch: cover, max_repeat: 1000}",
                  "--out", lines)
    tags_of = [post["tag_string_artist"].split() + post["tag_string_character"].split() for post in posts]
    counts = collections.Counter(tag for tags in tags_of for tag in tags)
    factor = np.array([max([1.0] + [math.sqrt(0.02 * POSTS / counts[t]) for t in tags if counts[t] >= 5])
                       for tags in tags_of])
    assert factor.max() > 3
    assert report["samples_per_epoch"] == pytest.approx(factor.sum(), rel=1e-6)
    uses = collections.Counter(name for line in lines.read_text().splitlines()
                               for name, _ in json.loads(line)["samples"])
    for post, r in zip(posts, factor):
        assert math.floor(8 * r * 0.99) <= uses[str(post["id"])] <= math.ceil(8 * r * 1.01)
    check_exposure(report, posts, uses)


def check_exposure(report, posts, uses):
    """Artists and characters of the report, recounted from the lines of the plan."""
    for category in ("artist", "character"):
        expected = collections.defaultdict(lambda: [0, 0, 0])
        for post in posts:
            seen = uses[str(post["id"])]
            for tag in post[f"tag_string_{category}"].split():
                expected[tag] = [a + b for a, b in zip(expected[tag], (1, seen == 0, seen))]
        found = {each["name"]: [each["pictures"], each["unreached"], each["samples"]]
                 for each in report["exposure"][category]}
        assert found == expected
    samples = [each["samples"] for each in report["exposure"]["artist"]]
    assert samples == sorted(samples, reverse=True)


def test_exposure_of_a_short_run(data):
    folder, posts = data
    lines = folder / "short.jsonl"
    report = plan(folder, "{}", "--out", lines, "train.max_train_epochs=null", "train.max_train_steps=100")
    uses = collections.Counter(name for line in lines.read_text().splitlines()
                               for name, _ in json.loads(line)["samples"])
    assert report["unreached"] == POSTS - len(uses) > 0
    check_exposure(report, posts, uses)


def test_artists_by_temperature(data):
    """A post with several characters belongs to the rarest."""
    folder, posts = data
    report = plan(folder, "{by: character, temperature: 4, max_repeat: 1000}")
    counts = collections.Counter(tag for post in posts for tag in set(post["tag_string_character"].split()))
    rarest = collections.Counter(
        min(post["tag_string_character"].split(), key=lambda t: (counts[t], [-ord(c) for c in t]), default="none")
        for post in posts)
    total = sum(n**0.25 for n in rarest.values())
    found = {name: each for name, each in classes(report).items() if each["pictures"]}
    assert {name: each["pictures"] for name, each in found.items()} == rarest
    for name, n in rarest.items():
        assert found[name]["repeats"] == pytest.approx(n**0.25 / total * POSTS / n, rel=1e-9)
        assert found[name]["samples"] == pytest.approx(8 * n**0.25 / total * POSTS, rel=0.012, abs=n + 1)


def test_classes_by_expression(data):
    folder, posts = data
    balance = ('{by: classes, classes: [{name: solo_girls, tags: "1girl & solo"}, {name: liked, tags: "score>=40"}], '
               "target: {solo_girls: 0.2, liked: 0.5}, max_repeat: 1000}")

    def name_of(post):
        tags = post["tag_string"].split()
        return "solo_girls" if "1girl" in tags and "solo" in tags else "liked" if post["score"] >= 40 else "others"

    counts = collections.Counter(map(name_of, posts))
    found = classes(plan(folder, balance))
    for name, share in {"solo_girls": 0.2, "liked": 0.5, "others": 0.3}.items():
        assert found[name]["pictures"] == counts[name]
        assert found[name]["repeats"] == pytest.approx(share * POSTS / counts[name], rel=1e-9)


def test_loss_weights_leave_the_samples_alone(data):
    folder, posts = data
    report = plan(folder, "{target: {girl_only: 0.4, boy_only: 0.3}, max_repeat: 100, apply: loss_weight}")
    found = classes(report)
    counts = collections.Counter(map(person_class, posts))
    assert report["samples"] == 8 * POSTS and report["largest_repeat"] == 1
    for name, share in shares_of(counts, {"girl_only": 0.4, "boy_only": 0.3}).items():
        assert found[name]["samples"] == 8 * counts[name]
        assert found[name]["reached"] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("balance, words", [
    ("{by: classes}", "needs classes"),
    ('{by: classes, classes: [{name: a, tags: "(solo"}]}', "classes[0].tags"),
    ('{by: classes, classes: [{name: others, tags: "solo"}]}', "others"),
    ("{by: rating, target: {generel: 0.5}}", "general"),
    ("{target: {girl_only: 1}, others: drop, rake: [{by: rating, target: {safe: 1}, others: drop}]}", "no class"),
    ("{rake: [{by: rating, temperature: 2, target: {general: 0.5}}]}", "dataset.balance.rake[0]"),
])
def test_wrong_balance(data, balance, words):
    folder, _ = data
    result = run("atelier-data", "dataset", "plan", folder / "run.yaml", f"dataset.balance={balance}",
                 "--without-pictures", check=False)
    assert result.returncode == 2 and words in result.stderr
