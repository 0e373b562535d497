# labels: integration parity
"""Real posts of three generations: every field of the manifest against json, and the same posts as Parquet, SQLite,
CSV, tar, gzip and folder give equal rows."""

import csv
import gzip
import json
import re
import sqlite3
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import SOURCE, run  # noqa: E402

GOLDEN = SOURCE / "tests" / "golden" / "posts"
MODERN, OLD, GWERN = (GOLDEN / name for name in ("danbooru_api_posts_modern.jsonl",
                                                 "danbooru_api_posts_2016_2020.jsonl", "gwern_metadata_sample.jsonl"))
NAMES = ["general", "artist", "copyright", "character", "meta"]
SITE = {"0": "general", "1": "artist", "3": "copyright", "4": "character", "5": "meta"}
KEPT = ["id", "width", "height", "created_at", "rating", "score", "up_score", "down_score", "fav_count", "parent_id",
        "md5", "pixel_hash", "source_url", "is_deleted", "is_banned", "is_pending", "caption", "tags"]


def build(tmp_path, *sources):
    """(rows of the manifest as dicts with tags by name and category, its summary, its quarantine)."""
    text = "".join("    - " + json.dumps({"path": str(source)} if not isinstance(source, dict) else source) + "\n"
                   for source in sources)
    (tmp_path / "run.yaml").write_text(
        "dataset:\n  tags: {aliases: none, implications: none, categories: none}\n  sources:\n" + text)
    folder = tmp_path / "manifest"
    run("atelier-data", "dataset", "build", tmp_path / "run.yaml", f"dataset.manifest_dir={folder}", "--quiet",
        "dataset.select.max_bad_samples=1000")
    posts = pyarrow.feather.read_table(folder / "posts.arrow").to_pylist()
    names = pyarrow.feather.read_table(folder / "tags.arrow")["name"].to_pylist()
    for post in posts:
        post["tags"] = {(names[tag], name) for name in NAMES for tag in post[f"tags_{name}"]}
    quarantine = [json.loads(line) for line in (folder / "quarantine.jsonl").read_text().splitlines()]
    return posts, json.loads((folder / "manifest.json").read_text()), quarantine


def kept(posts):
    return [{name: post[name] for name in KEPT} for post in posts]


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def number(record, name):
    value = record.get(name)
    return None if value is None else int(value)


def text(record, name):
    value = record.get(name)
    return None if value in (None, "", "0", 0) else str(value)


def expected(record, old):
    """The typed post, out of the record as Python's json reads it."""
    tags = record.get("tags", "")
    by_name = {tag["name"]: SITE[tag["category"]] for tag in tags} if isinstance(tags, list) else {}
    for name in NAMES:
        by_name |= dict.fromkeys(record.get(f"tag_string_{name}", "").split(), name)
    created = record.get("created_at")
    return {
        "id": str(record["id"]), "width": int(record["image_width"]), "height": int(record["image_height"]),
        "created_at": None if created is None else pd.Timestamp(created).tz_convert("UTC").floor("s"),
        "rating": {"s": "safe" if old else "sensitive", "q": "questionable", "e": "explicit", "g": "general"}
        [record["rating"]],
        "score": number(record, "score"), "up_score": number(record, "up_score"),
        "down_score": number(record, "down_score"),
        "fav_count": len(record["favs"]) if "favs" in record else number(record, "fav_count"),
        "parent_id": text(record, "parent_id"), "md5": text(record, "md5"),
        "pixel_hash": record.get("media_asset", {}).get("pixel_hash"), "source_url": text(record, "source"),
        "is_deleted": record.get("is_deleted", False), "is_banned": record.get("is_banned", False),
        "is_pending": record.get("is_pending", False) or record.get("is_flagged", False), "caption": None,
        "tags": by_name or dict.fromkeys(record.get("tag_string", "").split()),
    }


@pytest.mark.parametrize("path", [MODERN, OLD, GWERN], ids=lambda path: path.stem)
def test_every_field_of_real_posts(tmp_path, path):
    posts, summary, quarantine = build(tmp_path, path)
    wanted = [expected(record, path != MODERN) for record in records(path)]
    assert quarantine == [] and len(posts) == len(wanted) == summary["rows"]
    votes = {}  # a tag has one category in a dataset: the one most posts give it
    for post in wanted:
        for tag, category in post["tags"].items():
            if category:
                votes.setdefault(tag, []).append(category)
    for post, want in zip(kept(posts), wanted):
        want["tags"] = {(tag, max(votes[tag], key=votes[tag].count) if tag in votes else "general")
                        for tag in want["tags"]}
        assert post == want


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Complete posts of old and new as one file of lines, and what the manifest makes of them."""
    folder = tmp_path_factory.mktemp("complete")
    posts = [record for path in (OLD, MODERN) for record in records(path) if not record.get("_partial")]
    for record in posts:
        for name in ["_src", "fav_string", "pool_string"]:
            record.pop(name, None)
    (folder / "posts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in posts))
    return posts, kept(build(folder, folder / "posts.jsonl")[0])


def flat(posts):
    """As tables have them: one value a column."""
    return [{name: value for name, value in post.items() if not isinstance(value, dict)}
            | {"pixel_hash": post.get("media_asset", {}).get("pixel_hash")} for post in posts]


def write_parquet(posts, path):
    frame = pd.DataFrame(posts)
    frame["created_at"] = pd.to_datetime(frame.created_at, utc=True, format="ISO8601")
    assert frame.parent_id.dtype == float  # by its gaps
    frame["rating"] = frame.rating.astype("category")
    frame["tag_string_general"] = frame.tag_string_general.str.split()
    frame["media_asset"] = [post.get("media_asset", {}) and {"pixel_hash": post["media_asset"]["pixel_hash"]}
                            for post in posts]
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=7)


def write_decimals(posts, path):
    table = pa.Table.from_pandas(pd.DataFrame(flat(posts)))
    table = table.set_column(table.schema.get_field_index("score"), "score",
                             table["score"].cast(pa.decimal128(19, 0)))
    table = table.set_column(table.schema.get_field_index("tag_string"), "tag_string",
                             table["tag_string"].cast(pa.large_string()).dictionary_encode())
    pq.write_table(table.drop_columns(["media_asset"] if "media_asset" in table.column_names else []), path)


def write_sqlite(posts, path):
    with sqlite3.connect(path) as base:
        pd.DataFrame(flat(posts)).to_sql("posts", base, index=False)
        base.execute("CREATE TABLE other(id INTEGER, text TEXT)")


def write_kohaku(posts, path):
    """HakuBooru's relational tables, with its numbers for ratings and categories."""
    kinds = ["general", "artist", "character", "copyright", "meta"]
    with sqlite3.connect(path) as base:
        base.executescript("CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT, type INTEGER, popularity INTEGER);"
                           "CREATE TABLE posttagrelation(id INTEGER PRIMARY KEY, post_id INTEGER, tag_id INTEGER);"
                           "CREATE INDEX relation ON posttagrelation(post_id);")
        frame = pd.DataFrame(flat(posts)).drop(columns=[f"tag_string_{kind}" for kind in kinds if kind != "meta"]
                                               + ["tag_string", "tag_string_meta"])
        frame["rating"] = frame.rating.map({"g": 0, "s": 1, "q": 2, "e": 3})
        frame.to_sql("post", base, index=False, dtype={"id": "INTEGER PRIMARY KEY"})
        numbers = {}
        for post in posts:
            for kind in kinds:
                for tag in (post.get(f"tag_string_{kind}") or "").split():
                    if (tag, kind) not in numbers:
                        numbers[tag, kind] = len(numbers) + 1
                        base.execute("INSERT INTO tag VALUES (?, ?, ?, 0)",
                                     (numbers[tag, kind], tag, kinds.index(kind)))
                    base.execute("INSERT INTO posttagrelation(post_id, tag_id) VALUES (?, ?)",
                                 (post["id"], numbers[tag, kind]))


def write_csv(posts, path):
    flags = {True: "t", False: "f"}  # as PostgreSQL exports them
    rows = [{name: flags[value] if isinstance(value, bool) else value for name, value in post.items()}
            | {"description": 'a "quoted",\ncomma\r\nand lines'} for post in flat(posts)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    opened = gzip.open(path, "wt", newline="") if path.suffix == ".gz" else open(path, "w", newline="")
    with opened as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def write_gzip(posts, path):
    halves = [posts[:20], posts[20:]]  # two members, one text
    path.write_bytes(b"".join(gzip.compress("".join(json.dumps(post) + "\n" for post in half).encode())
                              for half in halves))


def write_array(posts, path):
    path.write_text(json.dumps(posts, indent=1))


@pytest.mark.parametrize("name, write", [
    ("posts.parquet", write_parquet), ("decimals.parquet", write_decimals), ("posts.db", write_sqlite),
    ("kohaku.sqlite", write_kohaku), ("posts.csv", write_csv), ("posts.csv.gz", write_csv),
    ("posts.jsonl.gz", write_gzip), ("posts.json", write_array)])
def test_other_forms_of_the_same_posts_are_equal(tmp_path, complete, name, write):
    posts, lines = complete
    write(posts, tmp_path / name)
    got, summary, quarantine = build(tmp_path, {"path": str(tmp_path / name), "rating_scheme": "modern"})
    assert quarantine == []
    in_order = sorted(lines, key=lambda post: int(post["id"])) if name == "kohaku.sqlite" else lines
    assert [post["id"] for post in got] == [post["id"] for post in in_order]
    for post, want in zip(kept(got), in_order):
        assert post == want


def write_pictures(posts, folder, record_name):
    """Small pictures named as sites' tools name them, each with its record beside it."""
    folder.mkdir(exist_ok=True)
    for post in posts:
        Image.new("RGB", (60, 40)).save(folder / f"{post['id']}.png")
        (folder / record_name.format(post["id"])).write_text(json.dumps(post))


@pytest.mark.parametrize("record_name", ["{}.json", "{}.png.json", "{}-danbooru.json"])
def test_folder_with_records_beside_pictures(tmp_path, complete, record_name):
    posts, lines = complete
    write_pictures(posts, tmp_path / "pictures", record_name)
    got, _, quarantine = build(tmp_path, {"path": str(tmp_path / "pictures"), "rating_scheme": "modern"})
    assert quarantine == []
    by_id = {want["id"]: want for want in lines}
    assert len(got) == len(lines)
    for post, have in zip(got, kept(got)):
        want = by_id[post["id"].removesuffix(".png")]
        assert have == want | {"id": post["id"], "width": 60, "height": 40}
        assert (post["path"], post["format"]) == (str(tmp_path / "pictures" / post["id"]), "png")


def make_tar(folder, tar, form):
    with tarfile.open(tar, "w", format=form) as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, f"{'d' * 90}/{'ü' * 40}/{file.name}" if form != tarfile.USTAR_FORMAT else file.name)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_is_read_in_place(tmp_path, complete, form):
    posts, lines = complete
    write_pictures(posts, tmp_path / "pictures", "{}.json")
    make_tar(tmp_path / "pictures", tmp_path / "00000.tar", form)
    got, summary, quarantine = build(tmp_path, {"path": str(tmp_path / "{00000..00000}.tar"),
                                                "rating_scheme": "modern"})
    assert quarantine == [] and len(got) == len(lines)
    by_id = {want["id"]: want for want in lines}
    raw = (tmp_path / "00000.tar").read_bytes()
    for post, have in zip(got, kept(got)):
        tar, member = post["id"].split("!")
        stem = Path(member).stem
        assert tar == "00000.tar" and have == by_id[stem] | {"id": post["id"], "width": 60, "height": 40}
        inside = raw[post["file_offset"]:post["file_offset"] + post["file_size"]]
        assert inside == (tmp_path / "pictures" / f"{stem}.png").read_bytes()


def test_posts_file_finds_its_pictures_in_tars_by_their_index(tmp_path, complete):
    posts, lines = complete
    write_pictures(posts, tmp_path / "pictures", "{}.json")
    (tmp_path / "images").mkdir()
    make_tar(tmp_path / "pictures", tmp_path / "images" / "0000.tar", tarfile.USTAR_FORMAT)
    with tarfile.open(tmp_path / "images" / "0000.tar") as archive:
        places = {member.name: {"offset": member.offset_data, "size": member.size} for member in archive}
    (tmp_path / "images" / "0000.json").write_text(
        json.dumps({"filesize": (tmp_path / "images" / "0000.tar").stat().st_size, "files": places}))
    write_parquet([post | {"file_ext": "png"} for post in posts], tmp_path / "metadata.parquet")
    got, _, quarantine = build(tmp_path, {"path": str(tmp_path / "metadata.parquet"), "rating_scheme": "modern",
                                          "image_dir": str(tmp_path / "images" / "*.tar")})
    assert quarantine == []
    for post in got:
        assert post["path"] == str(tmp_path / "images" / "0000.tar")
        assert post["file_offset"] == places[f"{post['id']}.png"]["offset"]
        assert (post["width"], post["height"]) == (60, 40)


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv"])
def test_imagefolder_of_hugging_face(tmp_path, name):
    folder = tmp_path / "set"
    (folder / "train").mkdir(parents=True)
    rows = [{"file_name": "train/a.png", "text": "a girl, standing"}, {"file_name": "train/b.png", "text": "two"}]
    for row in rows:
        Image.new("RGB", (30, 20)).save(folder / row["file_name"])
    frame = pd.DataFrame(rows)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_json(folder / name, orient="records", lines=True)
    got, summary, _ = build(tmp_path, folder)
    assert [(post["id"], post["caption"], post["width"]) for post in got] == \
        [(row["file_name"], row["text"], 30) for row in rows]


def test_metadata_of_sd_scripts(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for name in "abc":
        Image.new("RGB", (30, 20)).save(folder / f"{name}.webp")
    entries = {"a": {"caption": "a girl", "tags": "1girl, long hair", "train_resolution": [1024, 1024]},
               str(folder / "b.webp"): {"tags": "1boy, solo"}, "/gone/elsewhere/c.webp": {"caption": "two, words"}}
    (folder / "meta_cap.json").write_text(json.dumps(entries))
    want = {"a": ("a girl, 1girl, long hair", {"1girl", "long_hair"}),
            str(folder / "b.webp"): ("1boy, solo", {"1boy", "solo"}),
            "/gone/elsewhere/c.webp": ("two, words", {"two", "words"})}
    got, _, quarantine = build(tmp_path, folder / "meta_cap.json")
    assert quarantine == []
    assert {post["id"]: (post["caption"], {tag for tag, _ in post["tags"]}) for post in got} == want
    assert {Path(post["path"]).name for post in got} == {"a.webp", "b.webp", "c.webp"}

    lines = [{"image_path": key} | value for key, value in entries.items()]
    lines[1]["image_size"] = [2000, 3000]  # the picture's own size goes before it
    (folder / "meta.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    again, _, quarantine = build(tmp_path, folder / "meta.jsonl")
    assert quarantine == []
    assert [(post["caption"], post["path"], post["width"]) for post in again] == \
        [(post["caption"], post["path"], 30) for post in got]


def test_one_folder_as_two_sources_with_names(tmp_path):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "set" / "a.png")
    (tmp_path / "set" / "b.png").write_text("broken")
    (tmp_path / "set" / "a.caption2").write_text("other words")
    got, summary, quarantine = build(
        tmp_path, {"path": str(tmp_path / "set"), "name": "plain"},
        {"path": str(tmp_path / "set"), "name": "worded", "caption_extension": ".caption2", "repeats": 0.5})
    assert [(post["id"], post["source"], post["caption"]) for post in got] == \
        [("a.png", 0, None), ("a.png", 1, "other words")]
    assert [source["path"] for source in summary["sources"]] == ["plain", "worded"]
    assert [(sample["source"], sample["id"]) for sample in quarantine] == [("plain", "b.png"), ("worded", "b.png")]


def test_e621_safe_is_safe(tmp_path):
    (tmp_path / "posts-2025-01-01.csv").write_text(
        "id,created_at,rating,tag_string,change_seq,is_deleted\n1,2025-01-01 00:00:00,s,wolf forest,7,t\n")
    got, _, _ = build(tmp_path, tmp_path / "posts-2025-01-01.csv")
    assert [(post["rating"], post["is_deleted"]) for post in got] == [("safe", True)]


def test_bad_files_are_named_and_the_rest_is_read(tmp_path, complete):
    posts, lines = complete
    write_parquet(posts, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-100])
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    start = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(1).column(0).data_page_offset
    whole[start:start + 40] = b"\xff" * 40
    (tmp_path / "c.parquet").write_bytes(whole)
    got, summary, quarantine = build(tmp_path, tmp_path / "*.parquet")
    reasons = {sample["id"].split(",")[0]: sample["reason"] for sample in quarantine
               if sample["reason"] != "duplicate_id"}
    assert reasons == {"b.parquet": "file_unreadable", "c.parquet": "file_damaged"}
    assert sorted(post["id"] for post in got) == sorted(post["id"] for post in lines)
    # What is lost counts by its rows: a share of bad samples must tell it.
    lost = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(1).num_rows
    assert lost > 1 and [sample["samples"] for sample in quarantine if sample["reason"] == "file_damaged"] == [lost]
    source = summary["sources"][0]
    assert source["quarantined"]["file_damaged"] == lost
    assert source["read"] == source["rows"] + sum(source["quarantined"].values()) + source["excluded_minors"]


def test_a_footer_that_lies_is_damage(tmp_path):
    count, more = b"\xd0\x0f", b"\xd2\x0f"  # 1000 and 1001 as Thrift writes them
    pq.write_table(pa.table({"id": range(1000), "score": [1] * 1000}), tmp_path / "a.parquet", compression="none")
    raw = (tmp_path / "a.parquet").read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    places = [place for place in range(footer, len(raw) - 8) if raw[place:place + 2] == count]
    assert len(places) >= 3  # of the file, its row group, its columns
    (tmp_path / "run.yaml").write_text("dataset: {sources: [{path: b.parquet}], select: {max_bad_share: 1}}\n")
    losses = 0
    for place in places:
        (tmp_path / "b.parquet").write_bytes(raw[:place] + more + raw[place + 2:])
        result = run("atelier-data", "dataset", "build", tmp_path / "run.yaml", f"output_dir={tmp_path}/out",
                     check=False)
        assert result.returncode in (0, 3), result.stderr
        losses += "file_damaged" in result.stdout
    assert losses


def test_lists_may_hold_words_of_a_dictionary(tmp_path):
    tags = pa.array([["a", None, "b"], ["b"]], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    pq.write_table(pa.table({"id": [1, 2], "tags": tags}), tmp_path / "a.parquet")
    got, _, quarantine = build(tmp_path, tmp_path / "a.parquet")
    assert [sorted(name for name, _ in post["tags"]) for post in got] == [["a", "b"], ["b"]] and not quarantine


def test_a_folder_of_tables_has_its_pictures_in_it(tmp_path):
    for part in "ab":
        (tmp_path / "set" / part).mkdir(parents=True)
        table = pa.table({"id": [part], "file_name": [f"{part}.png"]})
        pq.write_table(table, tmp_path / "set" / part / "posts.parquet")
        Image.new("RGB", (30, 20)).save(tmp_path / "set" / part / f"{part}.png")
    got, _, _ = build(tmp_path, {"path": str(tmp_path / "set"), "kind": "parquet"})
    assert [post["path"] for post in got] == [str(tmp_path / "set" / part / f"{part}.png") for part in "ab"]


def test_relations_of_a_copy_that_lost_its_key_are_refused(tmp_path, complete):
    """Tags are looked up by row number: they would be those of other posts."""
    write_kohaku(complete[0], tmp_path / "posts.db")
    with sqlite3.connect(tmp_path / "posts.db") as base:
        base.executescript("CREATE TABLE copy AS SELECT * FROM post ORDER BY id DESC; DROP TABLE post;"
                           "ALTER TABLE copy RENAME TO post;")
    base.close()
    failed = run("atelier-data", "dataset", "stats", tmp_path / "posts.db", check=False)
    assert failed.returncode == 2 and "row numbers" in failed.stderr and "INTEGER PRIMARY KEY" in failed.stderr


def test_cut_tar_keeps_what_is_whole(tmp_path, complete):
    posts, _ = complete
    write_pictures(posts, tmp_path / "pictures", "{}.json")
    make_tar(tmp_path / "pictures", tmp_path / "a.tar", tarfile.USTAR_FORMAT)
    raw = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(raw[:len(raw) // 2])
    got, _, quarantine = build(tmp_path, tmp_path / "a.tar")
    assert 20 < len(got) < len(posts)
    assert [sample["reason"] for sample in quarantine] == ["file_damaged"]
    assert re.search(r"a\.tar, offset \d+", quarantine[0]["id"] + quarantine[0]["detail"])


def test_odd_values(tmp_path):
    rows = ['{"id": 9223372036854775807, "image_width": 0, "image_height": 0, "tag_string": "a"}',
            '{"id": 1234567890123456789, "score": 99999999999}', '{"id": 9223372036854775807}',
            '{"id": 5, "file_name": "a\\nb.png", "tag_string": "x"}']
    (tmp_path / "posts.jsonl").write_text("\n".join(rows) + "\n")
    got, _, quarantine = build(tmp_path, tmp_path / "posts.jsonl")
    assert [post["id"] for post in got] == ["9223372036854775807", "5"]
    assert sorted(sample["reason"] for sample in quarantine) == ["bad_value", "duplicate_id"]


def test_locked_and_malformed_databases_say_so(tmp_path, complete):
    write_sqlite(complete[0], tmp_path / "posts.db")
    writer = sqlite3.connect(tmp_path / "posts.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    failed = run("atelier-data", "dataset", "stats", tmp_path / "posts.db", check=False)
    assert failed.returncode == 2 and "locked by another program" in failed.stderr
    writer.close()
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    failed = run("atelier-data", "dataset", "stats", tmp_path / "bad.db", check=False)
    assert failed.returncode == 2 and "bad.db" in failed.stderr
