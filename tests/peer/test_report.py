# labels: integration parity
"""Every part of report.json against counts by pandas, on synthetic posts and on real ones.

ATELIER_REPORT_POSTS (50,000) says how many are synthetic.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, run  # noqa: E402
from support.report_peer import (CATEGORIES, CLASSES, described, histogram, make_posts, pair,  # noqa: E402
                                 quantiles)

POSTS = int(os.environ.get("ATELIER_REPORT_POSTS", 50_000))
STRANGE = ["<script>alert('1')</script>", "a\"quote'", "x" * 300, "אבג_שלום", "😀_smile", "&amp;", "</td>", "a\\b"]
TARGET = {"boy_only": 0.2, "mixed": 0.2}
RUN = """
seed: 7
dataset:
  sources: [{{path: {posts}}}]
  tags: {{aliases: none, implications: none, categories: none}}
  select: {{min_score: 3, keep_deleted: false, keep_pending: false}}
  balance: {{target: {{boy_only: 0.2, mixed: 0.2}}}}
  captions:
    quality: {{within: rating}}
    drop_levels: {{mode: absolute, rate: 0.5, levels: [{{p: 0.3, keep: "n / 2"}}]}}
train: {{train_batch_size: 64, max_train_epochs: 1}}
"""


def synthetic(path):
    """Posts in Danbooru's shape, some with strange tags, equal files, parents, bans and other sites."""
    table = make_posts.Generator(POSTS, 3).chunk(1, POSTS)
    frame = table.to_pandas()
    rng = np.random.default_rng(5)
    strange = rng.random(POSTS) < 0.2
    names = rng.choice(STRANGE, POSTS)
    frame.loc[strange, "tag_string_general"] = frame.tag_string_general[strange] + " " + pd.Series(names)[strange]
    frame.loc[frame.index % 201 == 5, "tag_string_general"] += " loli"
    frame.loc[frame.index % 50 == 7, "md5"] = frame.md5.iloc[0]
    frame.loc[frame.index % 97 == 3, "md5"] = frame.md5.iloc[1]
    frame.loc[rng.random(POSTS) < 0.05, "tag_string_artist"] = ""
    frame["parent_id"] = pd.array(np.where(rng.random(POSTS) < 0.1, rng.integers(1, POSTS, POSTS), -1)).astype("Int64")
    frame.loc[frame.parent_id == -1, "parent_id"] = pd.NA
    frame["is_banned"] = rng.random(POSTS) < 0.01
    frame["is_pending"] = rng.random(POSTS) < 0.02
    sites = ["https://www.pixiv.net/artworks/1", "http://Example.com:80/a?b", "a book", "", "https://x.example#y"]
    frame["source"] = rng.choice(sites, POSTS)
    frame.to_parquet(path, index=False)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(folder, frame):
    (folder / "run.yaml").write_text(RUN.format(posts=folder / "posts.parquet"))
    return json.loads(run("atelier-data", "dataset", "stats", folder / "run.yaml", "--without-pictures", "--json",
                          f"dataset.manifest_dir={folder / 'manifest'}", "--quiet").stdout)


@pytest.fixture(scope="module")
def frame(folder):
    """The posts that are counted, with what each is."""
    posts = synthetic(folder / "posts.parquet")
    posts = described(posts)
    posts["why"] = np.select([posts.is_banned, posts.is_deleted, posts.is_pending, posts.score < 3],
                             ["banned", "deleted", "pending", "min_score"], "")
    posts["usable"] = posts.why == ""
    return posts


@pytest.fixture(scope="module")
def repeats(frame):
    """Of each post: what balance gives its class; 0 of one that is not used."""
    natural = frame[frame.usable]["class"].value_counts(normalize=True)
    rest = (1 - sum(TARGET.values())) / (1 - natural[list(TARGET)].sum())
    factors = {name: TARGET[name] / natural[name] if name in TARGET else rest for name in natural.index}
    assert max(factors.values()) < 5  # the cap is not reached
    return frame["class"].map(factors).fillna(0) * frame.usable


@pytest.fixture(scope="module")
def mentions(frame, repeats):
    """One row a tag of a post."""
    parts = []
    for name in CATEGORIES:
        tags = frame[f"tag_string_{name}"].str.split()
        part = pd.DataFrame({"tag": tags.explode()}).dropna()
        part["category"] = name
        parts.append(part)
    table = pd.concat(parts)
    table["usable"], table["repeats"] = frame.usable[table.index], repeats[table.index]
    table["class"] = frame["class"][table.index]
    return table


def test_posts_and_exclusions(frame, mentions, report):
    posts, usable = report["posts"], frame.usable
    assert posts["read"] == POSTS == posts["counted"] + posts["excluded_minors"]
    assert posts["counted"] == len(frame) and posts["usable"] == usable.sum() < len(frame)
    assert posts["excluded"] == frame.why[~usable].value_counts().to_dict()
    assert posts["tags"] == mentions.tag.nunique()
    assert posts["mentions"] == pair(pd.Series(True, index=mentions.index), mentions.usable)
    assert posts["quarantined"] == {} and report["quarantine"] == [] and report["picture_format"] == []
    assert posts["without_tags"] == pair(~frame.index.isin(mentions.index), usable)
    [source] = report["sources"]
    assert {key: value for key, value in source.items() if value and key not in ("path", "kind", "rating_scheme")} == {
        "read": POSTS, "rows": len(frame), "without_picture": len(frame), "excluded_minors": POSTS - len(frame)}
    assert posts["with_picture"] == posts["with_caption"] == {"posts": 0, "usable": 0}
    for entry in report["exclusions"]:
        rows = frame[frame.why == entry["reason"]].head(5)
        assert entry["posts"] == (frame.why == entry["reason"]).sum()
        assert [each["id"] for each in entry["examples"]] == rows.id.astype(str).tolist()
        if entry["reason"] == "min_score":
            assert [each["detail"] for each in entry["examples"]] == [f"score {score}" for score in rows.score]
    values = {"width": frame.image_width, "height": frame.image_height, "score": frame.score,
              "fav_count": frame.fav_count, "megapixels": frame.image_width * frame.image_height / 1e6,
              "aspect": frame.image_width / frame.image_height, "tags": mentions.groupby(level=0).size()}
    assert report["quantiles"].keys() == values.keys()
    for name, of in values.items():
        assert report["quantiles"][name] == pytest.approx(quantiles(of.to_numpy()), rel=1e-12), name


def test_people(frame, repeats, report):
    people, usable = report["people"], frame.usable
    samples = repeats.groupby(frame["class"]).sum()
    natural = frame[usable]["class"].value_counts(normalize=True)
    assert [entry["class"] for entry in people["classes"]] == CLASSES
    for entry in people["classes"]:
        name = entry["class"]
        mine = frame["class"] == name
        assert {"posts": entry["posts"], "usable": entry["usable"]} == pair(mine, usable)
        assert sum(size["posts"] for size in entry["group_size"].values()) == entry["posts"]
        assert entry["natural"] == pytest.approx(natural.get(name, 0))
        assert entry["samples"] == pytest.approx(samples.get(name, 0), rel=1e-5)
        assert entry["reached"] == pytest.approx(samples.get(name, 0) / samples.sum(), abs=1e-6)
        assert entry["wanted"] == pytest.approx(TARGET.get(name, entry["reached"]), abs=1e-6)
        assert entry["repeats"] == pytest.approx(repeats[mine & usable].mean(), rel=1e-5)
    for key, column in (("by_rating", frame.rated), ("by_year", frame.year)):
        for entry in people[key]:
            rows = frame[column == entry[key[3:]]]
            assert entry["classes"] == {name: pair(rows["class"] == name, rows.usable) for name in CLASSES}, entry
        assert sum(pairs["posts"] for entry in people[key] for pairs in entry["classes"].values()) == len(frame)
    weights = repeats[usable]
    balance = people["balance"]
    assert balance["active"] and balance["apply"] == "repeats"
    assert balance["samples_per_epoch"] == pytest.approx(weights.sum(), rel=1e-5)
    assert report["posts"]["samples_per_epoch"] == balance["samples_per_epoch"]
    assert balance["effective_posts"] == pytest.approx(weights.sum() ** 2 / (weights ** 2).sum(), rel=1e-5)
    assert balance["effective_share"] == pytest.approx(balance["effective_posts"] / usable.sum())
    assert balance["largest_repeat"] == pytest.approx(weights.max(), rel=1e-5)


def test_tags(mentions, report):
    for name in CATEGORIES:
        rows, counted = mentions[mentions.category == name], report["tags"][name]
        posts = rows.tag.value_counts()
        usable = rows[rows.usable].tag.value_counts()
        ordered = sorted(posts.items(), key=lambda item: (-item[1], item[0].encode()))
        assert counted["distinct"] == len(ordered)
        assert counted["mentions"] == {"posts": len(rows), "usable": int(rows.usable.sum())}
        assert counted["top"] == [{"tag": tag, "posts": count, "usable": usable.get(tag, 0), "raw_posts": count}
                                  for tag, count in ordered[:1000]]
        assert counted["rest"] == {"tags": max(0, len(ordered) - 1000), "posts": sum(c for _, c in ordered[1000:]),
                                   "usable": sum(usable.get(tag, 0) for tag, _ in ordered[1000:])}
        for point in counted["rank_curve"]:
            assert point["posts"] == ordered[point["rank"] - 1][1]
        ranks = {round(2 ** (k / 4)) for k in range(80)} | {len(ordered)}
        assert [point["rank"] for point in counted["rank_curve"]] == sorted(r for r in ranks if r <= len(ordered))
        assert [rare["below"] for rare in counted["rare"]] == [25, 100, 1000]
        for rare in counted["rare"]:
            few = posts[posts < rare["below"]]
            assert [rare["tags"], rare["mentions"]] == [len(few), few.sum()]
            assert rare["share"] == pytest.approx(len(few) / len(posts))
            assert rare["mention_share"] == pytest.approx(few.sum() / len(rows))


def test_strange_tags_are_text(mentions, report):
    top = {tag["tag"]: tag["posts"] for tag in report["tags"]["general"]["top"]}
    counts = mentions.tag.value_counts()
    for tag in STRANGE:
        assert top[tag] == counts[tag] > 10, tag


def test_tags_that_lean_to_a_class(frame, mentions, report):
    general = mentions[mentions.category == "general"]
    posts = general.tag.value_counts()
    frequent = [tag for tag, _ in sorted(posts.items(), key=lambda item: (-item[1], item[0].encode()))[:1000]]
    people = pd.Series(frequent).str.fullmatch(r"([1-6]\+?|multiple_)(girl|boy|other)s?|no_humans")
    candidates = [tag for tag, names in zip(frequent, people) if not names]
    assert [entry["class"] for entry in report["lean"]] == [name for name in CLASSES if (frame["class"] == name).any()]
    for entry in report["lean"]:
        mine = frame["class"] == entry["class"]
        together = general[general["class"] == entry["class"]].tag.value_counts()
        lifts = {tag: together[tag] / mine.sum() / (posts[tag] / len(frame))
                 for tag in candidates if together.get(tag, 0) >= 25}
        expected = sorted(lifts, key=lambda tag: -lifts[tag])[:20]
        assert entry["posts"] == mine.sum()
        assert [tag["lift"] for tag in entry["tags"]] == pytest.approx([lifts[tag] for tag in expected])
        for tag in entry["tags"]:
            assert [tag["posts"], tag["class_posts"]] == [posts[tag["tag"]], together[tag["tag"]]]
            assert tag["lift"] == pytest.approx(lifts[tag["tag"]])


def test_exposure(frame, mentions, report):
    for name in ["artist", "character", "copyright"]:
        rows = mentions[(mentions.category == name) & mentions.usable]
        exposed = report["exposure"][name]
        posts, samples = rows.tag.value_counts(), rows.groupby("tag").repeats.sum()
        assert exposed["distinct"] == len(posts)
        assert exposed["with"] == rows.index.nunique() == frame.usable.sum() - exposed["without"]
        assert exposed["samples"] == pytest.approx(samples.sum(), rel=1e-5)
        ordered = samples.sort_values().to_numpy()
        n = len(ordered)
        assert exposed["top_1_percent"] == pytest.approx(ordered[n - -(-n // 100):].sum() / ordered.sum(), rel=1e-5)
        gini = np.abs(ordered[:, None] - ordered[None, :2000]).sum() if n <= 2000 else None  # the other definition
        if gini is not None:
            assert exposed["gini"] == pytest.approx(gini / (2 * n * ordered.sum()), rel=1e-4)
        area = np.trapezoid(np.concatenate([[0], ordered.cumsum() / ordered.sum()]), dx=1 / n)
        assert exposed["gini"] == pytest.approx(1 - 2 * area, rel=1e-4)
        for i, point in enumerate(exposed["lorenz"]):
            assert point["samples"] == pytest.approx(ordered[:n * i // 20].sum() / ordered.sum(), abs=1e-6)
        top = exposed["top"]
        assert len(top) == min(n, 1000)
        assert [tag["samples"] for tag in top] == pytest.approx(ordered[::-1][:1000], rel=1e-5)
        assert [tag["posts"] for tag in top] == [posts[tag["tag"]] for tag in top]
        assert [tag["samples"] for tag in top] == pytest.approx([samples[tag["tag"]] for tag in top], rel=1e-5)
        assert exposed["rest"]["tags"] == n - len(top)
        assert [point["tags"] for point in exposed["lorenz"]] == pytest.approx(np.linspace(0, 1, 21))
        assert exposed["rest"]["samples"] == pytest.approx(ordered[::-1][1000:].sum(), rel=1e-5, abs=1e-3)
        assert exposed["rest"]["posts"] == posts.sum() - sum(tag["posts"] for tag in top)


def sd_scripts_buckets():
    """1024, 512 to 2048, steps of 64: for each width the largest height within the area, both ways."""
    sizes = {(1024, 1024)}
    for width in range(512, 2049, 64):
        height = min(2048, 1024 * 1024 // width // 64 * 64)
        if height >= 512:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


def bucket_of(width, height):
    sizes = sd_scripts_buckets()
    if (width, height) in sizes:
        return width, height
    return min(sizes, key=lambda size: abs(width / height - size[0] / size[1]))


def test_sizes(frame, repeats, report):
    sizes = report["sizes"]
    width, height = frame.image_width.to_numpy(), frame.image_height.to_numpy()
    assert sizes["known"] == pair(pd.Series(True, index=frame.index), frame.usable)
    edges = np.array(sizes["edges"])
    assert np.array_equal(edges, [1, *np.round(2 ** (np.arange(24, 65) / 4))])
    cells = pd.DataFrame({"w": np.searchsorted(edges, width, side="right") - 1,
                          "h": np.searchsorted(edges, height, side="right") - 1, "usable": frame.usable})
    expected = {key: {"posts": len(part), "usable": int(part.usable.sum())} for key, part in cells.groupby(["w", "h"])}
    assert {(cell["width"], cell["height"]): {"posts": cell["posts"], "usable": cell["usable"]}
            for cell in sizes["density"]} == expected
    for name, values in (("megapixels", width * height / 1e6), ("aspect", width / height)):
        edges = [bin["from"] for bin in sizes[name]]
        assert [bin["to"] for bin in sizes[name]] == [*edges[1:], None]
        assert [bin["posts"] for bin in sizes[name]] == histogram(edges, values).tolist()
        assert [bin["usable"] for bin in sizes[name]] == histogram(edges, values[frame.usable]).tolist()

    used = frame[frame.usable].assign(repeats=repeats)
    rows = []
    for (w, h), part in used.groupby(["image_width", "image_height"]):
        to_w, to_h = bucket_of(w, h)
        scale = max(to_w / w, to_h / h)
        whole = (to_w, int(h * to_w / w + 0.5)) if w * to_h <= to_w * h else (int(w * to_h / h + 0.5), to_h)
        rows.append({"bucket": (to_w, to_h), "posts": len(part), "samples": part.repeats.sum(), "scale": scale,
                     "loss": 1 - to_w * to_h / (whole[0] * whole[1]), "upscaled": len(part) * (w < to_w or h < to_h)})
    each = pd.DataFrame(rows)
    assert sorted((b["width"], b["height"]) for b in sizes["buckets"]) == sorted(set(each.bucket))
    for bucket in sizes["buckets"]:
        mine = each[each.bucket == (bucket["width"], bucket["height"])]
        assert [bucket["posts"], bucket["upscaled"]] == [mine.posts.sum(), mine.upscaled.sum()]
        assert bucket["samples"] == pytest.approx(mine.samples.sum(), rel=1e-5)
        assert bucket["crop_loss"] == pytest.approx((mine.loss * mine.samples).sum() / mine.samples.sum(), abs=1e-6)
        assert bucket["batches"] == -(-round(bucket["fill"] * bucket["batches"] * 64) // 64)
        assert not bucket["small"] and 0.9 < bucket["fill"] <= 1
    assert sizes["crop_loss"]["mean"] == pytest.approx((each.loss * each.samples).sum() / each.samples.sum(), abs=1e-6)
    assert sizes["scale"]["largest"] == pytest.approx(each.scale.max())
    assert sizes["scale"]["upscaled"] == each.upscaled.sum()
    for part, values in ((sizes["crop_loss"], each.loss), (sizes["scale"], each.scale)):
        edges = [bin["from"] for bin in part["histogram"]]
        assert [bin["posts"] for bin in part["histogram"]] == histogram(edges, values, each.posts).tolist()
        assert [bin["samples"] for bin in part["histogram"]] == \
            pytest.approx(histogram(edges, values, each.samples), rel=1e-5, abs=1e-3)
    assert sizes["batch_size"] == 64 and sizes["epochs"] == 1
    assert sizes["waste"] == pytest.approx(1 - sizes["fill"])
    assert sizes["fill"] == pytest.approx(sum(b["fill"] * b["batches"] for b in sizes["buckets"])
                                          / sum(b["batches"] for b in sizes["buckets"]))
    assert [(r["resolution"], r["posts"]) for r in sizes["resolutions"]] == [(1024, frame.usable.sum())]


def test_time_ratings_and_quality(frame, report):
    time = report["time"]
    assert {entry["year"]: (entry["posts"], entry["usable"]) for entry in time["years"]} == \
        {year: (len(part), part.usable.sum()) for year, part in frame.groupby("year")}
    for entry in time["ratings"]:
        mine = frame[frame.rated == entry["rating"]]
        assert [entry["posts"], entry["usable"]] == [len(mine), mine.usable.sum()]
        for name in ("score", "fav_count"):
            assert entry[name] == pytest.approx(quantiles(mine[name].to_numpy())), entry["rating"]
    by_rating = frame.groupby("rated").score
    percentile = 100 * (by_rating.rank(method="average") - 0.5) / by_rating.transform("size")
    cuts = [8, 20, 60, 82, 92]
    words = ["worst quality", "bad quality", "average quality", "good quality", "best quality", "masterpiece"]
    word = pd.Series(np.array(words)[np.searchsorted(cuts, percentile.round(9), side="left")], index=frame.index)
    counted = time["quality"]["words"]
    assert [(entry["word"], entry["above"], entry["upto"]) for entry in counted] == \
        [*zip(words, [0, *cuts], [*cuts, 100]), (None, None, None)]
    for entry in counted[:-1]:
        mine = frame[word == entry["word"]]
        assert [entry["posts"], entry["usable"]] == [len(mine), mine.usable.sum()]
        found = {each["rating"]: [each["posts"], each["lowest"], each["highest"]] for each in entry["ratings"]}
        assert found == {name: [len(part), part.score.min(), part.score.max()] for name, part in mine.groupby("rated")}
    assert counted[-1]["posts"] == 0


def test_captions(folder, frame, report):
    captions = report["captions"]
    assert 9_000 < captions["samples"] <= 10_000
    for encoder in captions["encoders"]:
        assert sum(bin["captions"] for bin in encoder["histogram"]) == encoder["tokens"]["count"] == captions["samples"]
        longer = {each["than"]: each["captions"] for each in encoder["longer"]}
        assert longer[75] == captions["truncated"] >= longer[150] >= longer[225]
        beyond = sum(bin["captions"] for bin in encoder["histogram"] if bin["from"] >= 175)
        assert longer[225] <= beyond <= longer[150]
    none, dropped = captions["levels"]
    assert none["level"] is None and dropped["level"] == 0
    assert dropped["share"] == pytest.approx(0.3, abs=0.03)
    assert none["captions"] + dropped["captions"] == captions["samples"]
    assert dropped["mean_tokens"] < 0.8 * none["mean_tokens"]
    tokenizer = clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")
    examples = captions["examples"]
    assert len({example["id"] for example in examples}) == len(examples) == 20
    posts = frame.set_index(frame.id.astype(str))
    for example in examples:
        post = posts.loc[example["id"]]
        assert post.usable and example["rating"] == post.rated
        for name in CATEGORIES:
            assert sorted(example["tags"][name]) == sorted(set(post[f"tag_string_{name}"].split()))
        assert example["tokens"] == len(tokenizer(example["caption"]).input_ids) - 2


def test_duplicates_and_licence(frame, report):
    groups = frame.md5.value_counts()
    assert report["duplicates"]["known"] == [
        {"by": "md5", "posts": len(frame), "groups": int((groups > 1).sum()), "surplus": int((groups - 1).sum())},
        {"by": "pixel_hash", "posts": 0, "groups": 0, "surplus": 0}]
    assert report["duplicates"]["left_out"] == {"md5": 0, "pixels": 0, "near": 0}
    assert report["duplicates"]["with_parent"] == pair(frame.parent_id.notna(), frame.usable)
    licence, usable = report["licence"], frame.usable
    assert licence["without_source"] == pair(frame.source == "", usable)
    assert licence["without_artist"] == pair(frame.tag_string_artist.str.strip() == "", usable)
    for name in ("deleted", "banned", "pending"):
        assert licence[name] == pair(frame[f"is_{name}"], usable)
    sites = {"https://www.pixiv.net/artworks/1": "pixiv.net", "http://Example.com:80/a?b": "example.com",
             "a book": "other text", "https://x.example#y": "x.example"}
    expected = [{"site": sites[url]} | pair(frame.source == url, usable) for url in sites]
    assert licence["sites"] == sorted(expected, key=lambda site: (-site["posts"], site["site"]))
    assert licence["further_sites"] == {"sites": 0, "posts": 0, "usable": 0}
    assert licence["opt_outs"] == {"artists": False, "sources": False, "posts": False, "excluded": {
        "opt_out_artist": 0, "opt_out_source": 0, "opt_out_post": 0, "banned": (frame.why == "banned").sum()}}
    assert licence["excluded_minors"] == POSTS - len(frame)


def test_findings_are_in_order_and_name_what_is_wrong(report):
    weights = [finding["weight"] for finding in report["findings"]]
    codes = {finding["code"] for finding in report["findings"]}
    assert weights == sorted(weights, reverse=True)
    assert {"no_pictures", "duplicates", "truncated_captions", "without_pictures", "opt_outs", "minors"} <= codes


def test_how_it_was_made_makes_it_again_on_one_core(folder, report):
    (folder / "again.yaml").write_text(report["made"]["configuration"])
    core = min(os.sched_getaffinity(0))  # by one thread
    again = json.loads(run("atelier-data", "dataset", "stats", folder / "again.yaml", "--without-pictures", "--json",
                           "--quiet", preexec_fn=lambda: os.sched_setaffinity(0, {core})).stdout)
    for each in (again, report):
        each = each["made"]
        assert each["command"][:3] == ["atelier", "dataset", "stats"] and each["program"].startswith("atelier ")
    assert {key: value for key, value in again.items() if key != "made"} == \
        {key: value for key, value in report.items() if key != "made"}


ONE = {"id": 1, "rating": "g", "tag_string": "solo", "image_width": 100, "image_height": 80}
ODD = {
    "one post": ([ONE], 1),
    "no dates, no artists": ([ONE, ONE | {"id": 2}], 2),
    "nothing but a damaged line": (["not json"], 0),
    "nothing but what is never used": ([ONE | {"rating": "e", "tag_string": "loli"}], 0),
    "no size": ([{"id": 1, "rating": "g", "tag_string": "solo"}], 0),
    "no tags": ([ONE | {"tag_string": ""}], 1),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_datasets_have_a_report_that_says_so(tmp_path, name):
    lines, usable = ODD[name]
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (tmp_path / "posts.jsonl").write_text(text)
    out = run("atelier-data", "dataset", "stats", tmp_path / "posts.jsonl", "--out", tmp_path / "out", "--quiet").stdout
    assert max(map(len, out.splitlines())) <= 80
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["posts"]["usable"] == usable
    codes = [finding["code"] for finding in report["findings"]]
    assert (codes[0] == "nothing_usable") == (usable == 0)
    assert ("exposure" in report) == ("captions" in report) == ("buckets" in report["sizes"]) == (usable > 0)
    if usable:
        assert "without_artist" in codes and "without_date" in codes


def test_two_reports_are_compared(tmp_path):
    for name, tags in (("a", "solo 1girl"), ("b", "solo 1boy")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(ONE | {"tag_string": tags}) + "\n")
    stats = ["atelier-data", "dataset", "stats"]
    run(*stats, tmp_path / "a.jsonl", "--out", tmp_path / "a", "--quiet")
    other = tmp_path / "a/report.json"
    both = json.loads(run(*stats, tmp_path / "b.jsonl", "--compare", other, "--json", "--quiet").stdout)
    assert both["compare"] == json.loads(other.read_text())
    tables = run(*stats, tmp_path / "b.jsonl", "--compare", other, "--quiet").stdout
    assert "boy_only, usable                     1      0".split() in [line.split() for line in tables.splitlines()]
    for content, words in (("{}", "not a report"), ("nonsense", "not a report"),
                           (json.dumps(both | {"version": 1}), "version 1")):
        (tmp_path / "bad.json").write_text(content)
        failed = run(*stats, tmp_path / "b.jsonl", "--compare", tmp_path / "bad.json", check=False)
        assert failed.returncode == 2 and words in failed.stderr


def test_texts_of_one_post_say_post(tmp_path):
    post = ONE | {"is_deleted": True, "rating": None}
    minor = post | {"id": 2, "tag_string": "loli"}
    (tmp_path / "posts.jsonl").write_text(json.dumps(post) + "\n" + json.dumps(minor) + "\n")
    report = json.loads(run("atelier-data", "dataset", "stats", tmp_path / "posts.jsonl", "--json", "--quiet").stdout)
    texts = {finding["code"]: finding["text"] for finding in report["findings"]}
    assert not any("1 posts" in text or "1 have" in text for text in texts.values()), texts
    assert texts["without_date"] == "1 of 1 post (100.0 %) has no date."
    assert texts["minors"] == "Left out and kept nowhere: 1 post sexualising minors."


def test_without_out_nothing_is_written(tmp_path):
    (tmp_path / "posts.jsonl").write_text(json.dumps(ONE) + "\n")
    run("atelier-data", "dataset", "stats", "posts.jsonl", "--quiet", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["posts.jsonl"]
