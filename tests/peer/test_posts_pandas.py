# labels: integration parity
"""Statistics and manifest of real posts, counted again with pandas and pyarrow from the files themselves."""

import json
import math
import re
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, SOURCE, run  # noqa: E402
from support.report_peer import histogram, quantiles, who  # noqa: E402
from support.tags import followed  # noqa: E402

POSTS = sorted((SOURCE / "tests" / "golden" / "posts").glob("*.jsonl"))
CATEGORIES = {0: "general", 1: "artist", 3: "copyright", 4: "character", 5: "meta"}
NAMES = ["general", "artist", "copyright", "character", "meta"]


def read_post(record, source):
    """One row of the frame; tags as a list of (name, category or None)."""
    if isinstance(record.get("tags"), list):
        tags = [(tag["name"], CATEGORIES[int(tag["category"])]) for tag in record["tags"]]
    elif "tag_string_general" in record:
        tags = [(tag, name) for name in NAMES for tag in record.get(f"tag_string_{name}", "").split()]
    else:
        tags = [(tag, None) for tag in record["tag_string"].split()]
    created = record.get("created_at")
    favs = record.get("fav_count", len(record.get("favs", [])))
    return {"id": str(record["id"]), "source": source, "mark": record["rating"], "tags": tags,
            "created": pd.to_datetime(created, utc=True) if created else pd.NaT,
            "width": int(record["image_width"]), "height": int(record["image_height"]),
            "score": int(record["score"]), "fav_count": int(favs), "md5": record["md5"]}


@pytest.fixture(scope="module")
def posts():
    frame = pd.DataFrame([read_post(json.loads(line), source) for source, path in enumerate(POSTS)
                          for line in path.read_text().splitlines()])
    modern = frame.groupby("source").apply(lambda part: (part.mark == "g").any() or not part.created.max().year < 2022)
    words = {"g": "general", "q": "questionable", "e": "explicit"}
    frame["rating"] = [words.get(mark) or ("sensitive" if modern[source] else "safe")
                       for mark, source in zip(frame.mark, frame.source)]
    return frame


@pytest.fixture(scope="module")
def written(posts):
    """One row a tag of a post as written."""
    frame = posts[["id", "source", "tags"]].explode("tags", ignore_index=True)
    frame[["tag", "said"]] = frame.tags.tolist()
    return frame


@pytest.fixture(scope="module")
def mentions(written):
    """One row a tag of a post, aliases and implications followed."""
    return followed(written)


@pytest.fixture(scope="module")
def report():
    return json.loads(run("atelier-data", "dataset", "stats", *POSTS, "--json", "--quiet").stdout)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifest")
    sources = "".join(f"    - path: {path}\n" for path in POSTS)
    (folder / "run.yaml").write_text(f"dataset:\n  sources:\n{sources}")
    run("atelier-data", "dataset", "build", folder / "run.yaml", f"dataset.manifest_dir={folder / 'manifest'}")
    return folder / "manifest"


def number_of(tags, kind, many):
    """(count tags of this kind, most people they name): by regular expression over the tags' names."""
    counts = [int(match[1]) for tag in tags if (match := re.fullmatch(rf"([1-6])\+?{kind}s?", tag))]
    return counts, max(counts + [2 if f"multiple_{many}" in tags else 0])


def person_class(tags):
    tags = set(tags)
    people = {kind: number_of(tags, kind, f"{kind}s") for kind in ("girl", "boy", "other")}
    girls, boys, others = (people[kind][1] for kind in ("girl", "boy", "other"))
    if girls and boys:
        return "mixed"
    if girls or boys or others:
        return "girl_only" if girls else "boy_only" if boys else "other"
    if "no_humans" in tags:
        return "no_humans"
    return "boy_only" if "male_focus" in tags else None  # None: by characters


def group_size(tags):
    tags = set(tags)
    people = [number_of(tags, kind, f"{kind}s") for kind in ("girl", "boy", "other")]
    total = sum(most for _, most in people)
    if total == 0:
        return "solo" if "solo" in tags else "unknown"
    if not any(counts for counts, _ in people):
        return "group"
    return {1: "solo", 2: "pair"}.get(total, "group")


def test_every_post_is_counted(posts, report):
    assert len(posts) == 140
    assert report["posts"]["read"] == report["posts"]["counted"] == 140
    assert report["posts"]["excluded_minors"] == 0 and report["posts"]["quarantined"] == {}
    assert report["posts"]["usable"] == 140 and report["posts"]["excluded"] == {}
    assert report["made"]["without_pictures"] and report["posts"]["with_picture"] == {"posts": 0, "usable": 0}
    assert [source["read"] for source in report["sources"]] == posts.groupby("source").size().tolist()


def test_ratings_and_years(posts, report):
    assert {entry["rating"]: entry["posts"] for entry in report["time"]["ratings"] if entry["posts"]} == \
        posts.rating.value_counts().to_dict()
    years = {int(year): count for year, count in posts.created.dt.year.value_counts().items()}
    years[None] = int(posts.created.isna().sum())
    assert {entry["year"]: entry["posts"] for entry in report["time"]["years"]} == years


def test_tags_by_category(written, mentions, report):
    for name in NAMES:
        counts = mentions[mentions.category == name].tag.value_counts()
        counted = report["tags"][name]
        assert counted["distinct"] == len(counts)
        assert counted["mentions"]["posts"] == counts.sum()
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[:1000]
        assert [(tag["tag"], tag["posts"]) for tag in counted["top"]] == top
        raw = written.drop_duplicates(["source", "id", "tag"]).tag.value_counts()
        assert [tag["raw_posts"] for tag in counted["top"]] == [raw.get(tag, 0) for tag, _ in top]


def test_person_classes(mentions, report):
    groups = dict(line.split("\t") for line in (SOURCE / "configs/lists/character_groups.tsv").read_text().splitlines()
                  if not line.startswith("#"))
    counts, sizes = {}, {}
    for names in mentions.groupby(["source", "id"]).tag.agg(list):
        found = person_class(names)
        if not found:  # these posts' characters are of one kind each
            kinds = {groups[name] for name in names if name in groups} - {"furry"}
            assert len(kinds) < 2
            by_kind = {"girl": "girl_only", "boy": "boy_only", "no-human": "no_humans"}
            found = by_kind[kinds.pop()] if kinds else "unknown"
        counts[found] = counts.get(found, 0) + 1
        sizes[found, group_size(names)] = sizes.get((found, group_size(names)), 0) + 1
    classes = {entry["class"]: entry for entry in report["people"]["classes"]}
    assert {name: entry["posts"] for name, entry in classes.items() if entry["posts"]} == counts
    assert {(name, size): tally["posts"] for name, entry in classes.items()
            for size, tally in entry["group_size"].items() if tally["posts"]} == sizes


def test_inferred_people_and_contradictions(mentions, report):
    groups = dict(line.split("\t") for line in (SOURCE / "configs/lists/character_groups.tsv").read_text().splitlines()
                  if not line.startswith("#"))
    found = pd.DataFrame([who(names, groups) for names in mentions.groupby(["source", "id"]).tag.agg(list)],
                         columns=["class", "size", "inferred", "conflict"])
    assert report["people"]["conflicts"] == found.conflict.sum()
    assert {entry["class"]: entry["inferred"] for entry in report["people"]["classes"] if entry["inferred"]} == \
        found[found.inferred]["class"].value_counts().to_dict() != {}


@pytest.mark.parametrize("name", ["artist", "character", "copyright"])
def test_exposure_without_balance_is_posts(mentions, report, name):
    mine, exposed = mentions[mentions.category == name], report["exposure"][name]
    counts = mine.tag.value_counts()
    with_tag = len(mine[["source", "id"]].drop_duplicates())
    assert [exposed["distinct"], exposed["with"], exposed["without"]] == [len(counts), with_tag, 140 - with_tag]
    assert exposed["samples"] == pytest.approx(counts.sum())
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))
    assert [(tag["tag"], tag["posts"], tag["samples"]) for tag in exposed["top"]] == \
        [(tag, count, pytest.approx(count)) for tag, count in top]
    values = counts.sort_values().to_numpy()
    apart = abs(values[:, None] - values[None, :]).sum()  # the mean difference of any two
    assert exposed["gini"] == pytest.approx(apart / (2 * len(values) * values.sum()))
    assert exposed["top_1_percent"] == pytest.approx(values[-math.ceil(len(values) / 100):].sum() / values.sum())


def test_sizes_and_records(posts, mentions, report):
    raw = pd.DataFrame([json.loads(line) for path in POSTS for line in path.read_text().splitlines()])
    sizes, edges = report["sizes"], report["sizes"]["edges"]
    cells = pd.Series(zip(histogram_bin(edges, posts.width), histogram_bin(edges, posts.height))).value_counts()
    assert {(cell["width"], cell["height"]): cell["posts"] for cell in sizes["density"]} == cells.to_dict()
    for name, values in (("megapixels", posts.width * posts.height / 1e6), ("aspect", posts.width / posts.height)):
        edges = [bin["from"] for bin in sizes[name]]
        assert [bin["posts"] for bin in sizes[name]] == histogram(edges, values).tolist()
    assert sum(bucket["posts"] for bucket in sizes["buckets"]) == 140
    licence = report["licence"]
    for flag in ("is_deleted", "is_banned", "is_pending"):
        marked = raw[flag].map(lambda value: value in (True, "t", "true")) if flag in raw else pd.Series(dtype=bool)
        if flag == "is_pending" and "is_flagged" in raw:
            marked |= raw.is_flagged.map(lambda value: value in (True, "t", "true"))
        assert licence[flag[3:]]["posts"] == marked.sum()
    assert licence["without_source"]["posts"] == (raw.source.fillna("").str.strip() == "").sum()
    artists = mentions[mentions.category == "artist"][["source", "id"]].drop_duplicates()
    assert licence["without_artist"]["posts"] == 140 - len(artists)
    host = raw.source.fillna("").str.extract(r"^[a-z]+://(?:www\.)?([^/?#:]*)", flags=re.IGNORECASE)[0].str.lower()
    assert {site["site"]: site["posts"] for site in licence["sites"] if site["site"] != "other text"} == \
        host.value_counts().to_dict()
    by_md5 = posts.md5.value_counts()
    assert report["duplicates"]["known"][0] == {"by": "md5", "posts": 140, "groups": (by_md5 > 1).sum(),
                                                "surplus": (by_md5 - 1).sum()}


def histogram_bin(edges, values):
    return [sum(edge <= value for edge in edges) - 1 for value in values]


def test_captions_of_all_posts(tmp_path, report):
    """Lengths of the captions that `dataset captions` prints, by transformers' tokenizer."""
    run_file = {"output_dir": str(tmp_path / "out"), "dataset": {"sources": [{"path": str(path)} for path in POSTS]}}
    (tmp_path / "run.yaml").write_text(json.dumps(run_file))
    lines = run("atelier-data", "dataset", "captions", tmp_path / "run.yaml", "--without-pictures").stdout.splitlines()
    tokenizer = clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")
    tokens = pd.Series([len(tokenizer(json.loads(line)["caption"]).input_ids) - 2 for line in lines])
    captions = report["captions"]
    assert captions["samples"] == len(tokens) == 140
    assert captions["truncated"] == (tokens > captions["max_token_length"]).sum()
    for encoder in captions["encoders"]:
        assert encoder["tokens"] == quantiles(tokens.to_numpy())
        assert [each["captions"] for each in encoder["longer"]] == [(tokens > than).sum() for than in (75, 150, 225)]
        assert [bin["captions"] for bin in encoder["histogram"]] == histogram(range(0, 301, 25), tokens).tolist()


@pytest.mark.parametrize("name", ["width", "height", "megapixels", "aspect", "score", "fav_count", "tags"])
def test_quantiles_are_nearest_rank(posts, mentions, report, name):
    values = {"width": posts.width, "height": posts.height, "megapixels": posts.width * posts.height / 1e6,
              "aspect": posts.width / posts.height, "score": posts.score, "fav_count": posts.fav_count,
              "tags": mentions.groupby(["source", "id"]).size()}[name].sort_values().tolist()
    counted = report["quantiles"][name]
    assert counted["count"] == len(values)
    for key, at in [("min", 0), ("p5", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95), ("max", 1)]:
        assert counted[key] == pytest.approx(values[max(math.ceil(at * len(values)), 1) - 1], rel=1e-12), key


def test_the_manifest_opens_in_pandas_and_says_the_same(posts, written, mentions, manifest):
    rows = pyarrow.feather.read_feather(manifest / "posts.arrow")
    tags = pyarrow.feather.read_feather(manifest / "tags.arrow")
    assert rows.id.tolist() == posts.id.tolist()
    assert rows.source.tolist() == posts.source.tolist()
    assert rows.rating.tolist() == posts.rating.tolist()
    assert rows.md5.tolist() == posts.md5.tolist()
    for column in ["width", "height", "score", "fav_count"]:
        assert rows[column].tolist() == posts[column].tolist(), column
    created = posts.created.dt.floor("s")
    assert rows.created_at.isna().tolist() == created.isna().tolist()
    assert (rows.created_at.dropna() == created.dropna()).all()
    assert rows.path.isna().all()
    counts = mentions.tag.value_counts()
    assert dict(zip(tags.name, tags["count"])) == counts.to_dict()
    raw = written.drop_duplicates(["source", "id", "tag"]).tag.value_counts()
    assert dict(zip(tags.name, tags.raw_count)) == {tag: raw.get(tag, 0) for tag in tags.name}
    assert (tags["count"] >= tags.raw_count).all() and (tags["count"] > tags.raw_count).sum() > 50
    assert dict(zip(tags.name, tags.category)) == dict(zip(mentions.tag, mentions.category))
    for index, post in posts.iterrows():
        expected = mentions[(mentions.source == post.source) & (mentions.id == post.id)]
        for name in NAMES:
            assert sorted(tags.name[i] for i in rows[f"tags_{name}"][index]) == \
                sorted(expected[expected.category == name].tag), (post.id, name)


def test_the_manifest_is_valid_arrow(manifest):
    with pa.memory_map(str(manifest / "posts.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        assert table.num_rows == json.loads((manifest / "manifest.json").read_text())["rows"] == 140
        assert pa.types.is_dictionary(table.schema.field("person_class").type)
        assert table.schema.field("tags_general").type == pa.list_(pa.int32())
