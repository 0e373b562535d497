# labels: integration
"""`dataset captions` as a user runs it: sidecars and posts, repeats and epochs, token counts."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import SOURCE, program, run  # noqa: E402

YAML = """
output_dir: {out}
seed: 3
dataset:
  sources: [{source}]
  captions: {{{captions}}}
  buckets: {{resolution: 64, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16}}
train: {{train_batch_size: 2}}
"""
TAGS = "1girl, solo, elf, bow, green hair, river, night sky"
LONG = ", ".join(f"tag number {i}" for i in range(40))


def write_run(folder, source, captions=""):
    path = folder / "run.yaml"
    path.write_text(YAML.format(out=folder / "out", source=source, captions=captions))
    return path


def captions_of(path, *arguments):
    result = run("atelier-data", "dataset", "captions", path, "--quiet", *arguments)
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, caption in {"a": TAGS, "b": LONG, "c": "A knight on a hill.\nsecond line"}.items():
        Image.new("RGB", (80, 60), (200, 30, 40)).save(pictures / f"{name}.png")
        (pictures / f"{name}.txt").write_text(caption + "\n")
    return tmp_path


def test_captions_are_the_sidecars_first_lines(folder):
    lines = captions_of(write_run(folder, "{path: pictures}"))
    assert [(line["id"], line["caption"]) for line in lines] == [
        ("a.png", TAGS), ("b.png", LONG), ("c.png", "A knight on a hill.")]
    assert all(line["epoch"] == 0 and line["repeat"] == 0 for line in lines)


def test_token_counts_are_those_of_model_tokenize(folder):
    lines = captions_of(write_run(folder, "{path: pictures}"))
    texts = "".join(line["caption"] + "\n" for line in lines)
    ids = run("atelier-data", "model", "tokenize", input=texts).stdout.splitlines()
    for line, encoded in zip(lines, ids, strict=True):
        count = len(json.loads(encoded))
        assert line["tokens"] == [count, count]
        assert line["truncated"] == (count > 77)
    assert [line["truncated"] for line in lines] == [False, True, False]


def test_truncation_follows_the_runs_reading(folder):
    path = write_run(folder, "{path: pictures}")
    truncated = lambda *options: [line["truncated"] for line in captions_of(path, *options)]
    assert truncated("train.max_token_length=150") == [False, True, False]
    assert truncated("train.max_token_length=225") == [False, False, False]
    assert truncated("train.max_token_length=225", "train.token_chunking=explicit_break") == [False, True, False]
    plain, weighted = captions_of(path), captions_of(path, "train.weighted_captions=true")
    assert [line["caption"] for line in plain] == [line["caption"] for line in weighted]
    assert plain[0]["tokens"] == weighted[0]["tokens"]


def test_brackets_and_break_are_tokens_only_where_they_are_text(folder):
    (folder / "pictures" / "a.txt").write_text("(a:1.2) BREAK b\n")
    path = write_run(folder, "{path: pictures}")
    count = lambda *options: captions_of(path, "--id", "a.png", *options)[0]["tokens"][0]
    assert count() == 2 + len("( a : 1 . 2 ) break b".split())
    assert count("train.token_chunking=by_separator") == 2 + len("( a : 1 . 2 ) b".split())
    assert count("train.weighted_captions=true") == 2 + len("a b".split())


def test_a_length_that_is_no_whole_number_of_chunks_is_the_users_error(folder):
    path = write_run(folder, "{path: pictures}")
    result = run("atelier-data", "dataset", "captions", path, "train.max_token_length=100", check=False)
    assert result.returncode == 2 and "train.max_token_length" in result.stderr and "75 or 150" in result.stderr


def test_repeats_and_epochs_have_their_own_captions(folder):
    path = write_run(folder, "{path: pictures, repeats: 3}", "shuffle_caption: true, keep_tokens: 2")
    seen = set()
    for epoch in range(4):
        lines = captions_of(path, "--epoch", epoch, "--id", "a.png")
        assert [(line["epoch"], line["repeat"]) for line in lines] == [(epoch, repeat) for repeat in range(3)]
        for line in lines:
            tags = line["caption"].split(", ")
            assert tags[:2] == ["1girl", "solo"]
            assert sorted(tags) == sorted(TAGS.split(", "))
            seen.add(line["caption"])
    assert len(seen) > 8  # of 5! orders, 12 draws
    assert captions_of(path, "--epoch", 2) == captions_of(path, "--epoch", 2)
    assert captions_of(path, "--epoch", 2) != captions_of(path, "--epoch", 2, "seed=4")


def test_fractional_repeats_take_turns(folder):
    path = write_run(folder, "{path: pictures, repeats: 0.5}")
    uses = [[line["id"] for line in captions_of(path, "--epoch", epoch)] for epoch in range(2)]
    assert sorted(uses[0] + uses[1]) == ["a.png", "b.png", "c.png"]


def test_count_limits_the_lines(folder):
    path = write_run(folder, "{path: pictures}")
    assert captions_of(path, "--count", 2) == captions_of(path)[:2]


def test_posts_are_written_from_their_tags_by_category(tmp_path):
    post = {"id": 12, "file_ext": "png", "image_width": 80, "image_height": 60, "rating": "g", "score": 3,
            "created_at": "2024-05-01T00:00:00.000-04:00", "tag_string_general": "1girl >_< bow long_hair solo",
            "tag_string_artist": "some_painter", "tag_string_character": "lina_(fire)",
            "tag_string_copyright": "a_story",
            "tag_string_meta": "highres"}
    Image.new("RGB", (80, 60)).save(tmp_path / "12.png")
    (tmp_path / "posts.jsonl").write_text(json.dumps(post) + "\n")
    source = "{path: posts.jsonl, image_dir: .}"
    (line,) = captions_of(write_run(tmp_path, source))
    assert line["id"] == "12"
    assert line["caption"] == "1girl, solo, lina (fire), a story, some painter, >_<, bow, long hair"
    (line,) = captions_of(write_run(tmp_path, source, "tag_groups: [rating, meta, character]"))
    assert line["caption"] == "general, highres, lina (fire)"


def test_bad_use_is_the_users_error(folder):
    path = write_run(folder, "{path: pictures}", "suffle_caption: true")
    result = run("atelier-data", "dataset", "captions", path, check=False)
    assert result.returncode == 2 and "shuffle_caption" in result.stderr
    path = write_run(folder, "{path: pictures}", "tag_groups: [people]")
    result = run("atelier-data", "dataset", "captions", path, check=False)
    assert result.returncode == 2 and "tag_groups" in result.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_tokenize_that_waits_for_input_ends_at_a_signal(sent):
    process = subprocess.Popen([str(program("atelier")), "model", "tokenize"], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL)
    time.sleep(0.5)  # its own handlers are in place
    process.send_signal(sent)
    try:
        assert process.wait(timeout=10) == -sent
    finally:
        process.kill()
        process.stdin.close()


GOLDEN = SOURCE / "tests/golden/captions"
RECIPE = """
output_dir: {out}
seed: 7
dataset:
  sources: [{{path: {posts}, image_dir: {images}}}]
  tags: {{aliases: none, implications: none, categories: none}}
  captions: {{recipe: {recipe}, caption_dropout_rate: 0}}
  buckets: {{resolution: 64, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16}}
"""


@pytest.fixture(scope="module")
def real_posts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    posts = [json.loads(line) for line in (GOLDEN / "posts.jsonl").read_text().splitlines()]
    for post in posts:
        Image.new("RGB", (64, 64)).save(folder / f"{post['id']}.png")
    return folder, {str(post["id"]): post for post in posts}


def recipe_captions(real_posts, recipe, *arguments):
    folder, _ = real_posts
    path = folder / f"{recipe}.yaml"
    path.write_text(RECIPE.format(out=folder / "out", posts=GOLDEN / "posts.jsonl", images=folder, recipe=recipe))
    return captions_of(path, *arguments)


def golden_captions():
    """recipe -> [(id, level, caption)]; lines of # explain."""
    recipes, lines = {}, []
    for line in (GOLDEN / "captions.txt").read_text().splitlines():
        if line.startswith("["):
            lines = recipes.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(tuple(line.split("\t")))
    return recipes


@pytest.mark.parametrize("recipe", golden_captions())
def test_recipes_give_the_captions_of_the_golden_file(real_posts, recipe):
    expected = golden_captions()[recipe]
    ids = [word for identity, _, _ in expected for word in ("--id", identity)]
    lines = recipe_captions(real_posts, recipe, *ids)
    level = lambda line: "-" if line["level"] is None else str(line["level"])
    assert [(line["id"], level(line), line["caption"]) for line in lines] == expected


def test_v0_1_writes_every_tag_of_a_post_in_the_published_order(real_posts):
    """Against the posts themselves: groups by Danbooru's categories, tags only shuffled within them."""
    left_out = re.compile(r"(.*_)?request|(.*_)?commentary")
    people = re.compile(r"solo|multiple_.*|\d\+?(girl|boy)s?")
    for line in recipe_captions(real_posts, "illustrious-v0.1"):
        post = real_posts[1][line["id"]]
        if "tags" in post:
            continue  # the other shape of dump
        tags = {name: [tag for tag in post.get(f"tag_string_{name}", "").split() if not left_out.fullmatch(tag)]
                for name in ("general", "artist", "character", "copyright", "meta")}
        general = tags["general"] + tags["meta"]
        groups = [[tag for tag in general if people.fullmatch(tag)], tags["character"] + tags["copyright"], [None],
                  [tag for tag in general if not people.fullmatch(tag)], tags["artist"]]
        written = line["caption"].split(", ")
        for group in groups:
            found, written = written[:len(group)], written[len(group):]
            as_text = [tag if len(tag) <= 3 else tag.replace("_", " ") for tag in group if tag]
            assert sorted(found) == sorted(as_text) or group == [None] and found[0] in ("general", "sensitive")
        year = int(post["created_at"][:4])
        assert written[-1] == {2016: "oldest", 2020: "modern", 2023: "newest"}[year]
        assert len(written) == (1 if year == 2023 else 2)  # the newest posts have no quality yet


def test_statistics_count_levels_and_lengths(real_posts):
    recipe_captions(real_posts, "illustrious-v1.0", "--count", 1)
    path = real_posts[0] / "illustrious-v1.0.yaml"
    arguments = ["dataset", "captions", path, "--quiet", "--draws", 40]
    lines = [json.loads(line) for line in run("atelier-data", *arguments).stdout.splitlines()]
    counted = json.loads(run("atelier-data", *arguments, "--statistics").stdout)
    assert counted["captions"] == len(lines) == 400
    assert counted["truncated"] == sum(line["truncated"] for line in lines)
    levels = Counter("none" if line["level"] is None else str(line["level"]) for line in lines)
    assert counted["levels"] == levels
    assert counted["tokens"]["max"] == max(line["tokens"][0] for line in lines)
    assert counted["tokens"]["histogram"] == Counter(str(line["tokens"][0] // 25 * 25) for line in lines)
    table = run("atelier-data", *arguments, "--statistics", "--text").stdout
    assert "400 captions" in table and "tokens" in table
    text = run("atelier-data", *arguments, "--text", "--count", 1).stdout
    assert lines[0]["caption"] in text and len(text.splitlines()) == 80


def test_sources_have_captions_of_their_own(folder):
    other = folder / "other"
    other.mkdir()
    Image.new("RGB", (80, 60)).save(other / "x.png")
    path = write_run(folder, "{path: pictures}, {path: other, class_tokens: a girl, captions: {caption_prefix: of}}",
                     "caption_suffix: end")
    captions = {line["id"]: line["caption"] for line in captions_of(path)}
    assert captions["a.png"] == TAGS + " end"
    assert captions["x.png"] == "of a girl end"


def test_a_recipe_lies_below_the_keys_beside_it(folder):
    path = write_run(folder, "{path: pictures}", "recipe: kohya-plain, keep_tokens: 7")
    assert captions_of(path, "--id", "a.png")[0]["caption"] == TAGS
    shown = run("atelier", "config", "show", path, "--plain").stdout
    (folder / "shown.yaml").write_text(shown)
    assert captions_of(folder / "shown.yaml") == captions_of(path)
    (folder / "mine.yaml").write_text("caption_prefix: my\n")
    path = write_run(folder, "{path: pictures}", "recipe: mine.yaml")
    assert captions_of(path, "--id", "a.png")[0]["caption"] == "my " + TAGS
    for wrong in ("ilustrious-v1.0", "nowhere.yaml"):
        path = write_run(folder, "{path: pictures}", f"recipe: {wrong}")
        result = run("atelier-data", "dataset", "captions", path, check=False)
        assert result.returncode == 2 and "illustrious-v1.0" in result.stderr


def test_captions_of_posts_whose_pictures_are_elsewhere(tmp_path):
    """A curator has a dump and no pictures: what would be written of them?"""
    (tmp_path / "posts.jsonl").write_text(json.dumps({
        "id": 7, "image_width": 600, "image_height": 800, "rating": "g", "file_ext": "png",
        "tag_string_general": "1girl solo smile", "tag_string_artist": "ada"}) + "\n")
    path = write_run(tmp_path, "{path: posts.jsonl}")
    line, = captions_of(path, "--without-pictures")
    assert line["id"] == "7" and line["caption"] == "1girl, solo, ada, smile"
    failed = run("atelier-data", "dataset", "captions", path, check=False)
    assert failed.returncode == 3 and "no_picture 1" in failed.stderr
