# labels: integration parity
"""Every number of report.json about captions, of all samples of an epoch: lengths by transformers' CLIPTokenizer of
captions written here from the tags; with drop levels and dropout, which are random, of those that `dataset captions`
prints."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, run  # noqa: E402
from support.report_peer import (CATEGORIES, COUNT_TAG, NO_RULES, RATINGS, described, histogram, posts_of,  # noqa: E402
                                 quantiles, stats)

POSTS = 4_000  # all samples are looked at up to 10,000
LEVELS = {"mode": "absolute", "rate": 0.5, "min_tags_untouched": 5,
          "levels": [{"p": 0.3, "keep": "n / 2"}, {"p": 0.2, "keep": "3"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("captions")


@pytest.fixture(scope="module")
def frame(folder):
    """Some posts have many tags, some none; some tags are no English."""
    posts = posts_of(POSTS, 17)
    doubled = posts.tag_string_general + " " + posts.tag_string_general.shift(1, fill_value="").str.replace(
        r"(?<!\S)\S*(?:girl|boy|other)s?(?!\S)", "", regex=True)
    posts.loc[posts.index % 5 == 1, "tag_string_general"] = doubled
    posts.loc[posts.index % 40 == 2, [f"tag_string_{name}" for name in CATEGORIES]] = ""
    posts.loc[posts.index % 9 == 3, "tag_string_general"] += " 猫耳 ^_^ don't_touch 2021_style"
    for name in CATEGORIES:
        column = f"tag_string_{name}"
        posts[column] = posts[column].str.split().map(lambda tags: " ".join(dict.fromkeys(tags)))
    posts.to_parquet(folder / "posts.parquet", index=False)
    posts = described(posts)
    posts = posts[~posts.is_banned]
    return posts.set_index(posts.id.astype(str))


@pytest.fixture(scope="module")
def count_tokens():
    tokenizer = clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")
    return lambda texts: [len(ids) - 2 for ids in tokenizer(list(texts)).input_ids]  # without begin and end


def written(post):
    """Tags that number people, characters, copyrights, artists, the others, as the post has them; not meta."""
    general = post.tag_string_general.split()
    people = [tag for tag in general if tag == "solo" or COUNT_TAG.fullmatch(tag)]
    tags = people + [tag for name in ("character", "copyright", "artist") for tag in post[f"tag_string_{name}"].split()]
    tags += [tag for tag in general if tag not in people]
    return ", ".join(tag if len(tag) <= 3 else tag.replace("_", " ") for tag in tags)


@pytest.fixture(scope="module")
def texts(frame, count_tokens):
    """Caption and tokens of each post."""
    made = pd.DataFrame({"text": frame.apply(written, axis=1)})
    return made.assign(tokens=count_tokens(made.text))


def dataset(folder, captions):
    return {"sources": [{"path": str(folder / "posts.parquet")}], "tags": NO_RULES, "captions": captions}


def check_lengths(captions, tokens, limit):
    assert captions["samples"] == len(tokens) and captions["max_token_length"] == limit
    assert captions["truncated"] == (tokens > limit).sum()
    assert [encoder["name"] for encoder in captions["encoders"]] == ["text_encoder", "text_encoder_2"]
    for encoder in captions["encoders"]:
        assert encoder["tokens"] == quantiles(tokens.to_numpy())
        assert encoder["mean"] == pytest.approx(tokens.mean(), rel=1e-12)
        edges = [*range(0, 301, 25)]
        assert [(bin["from"], bin["to"]) for bin in encoder["histogram"]] == [*zip(edges, [*edges[1:], None])]
        assert [bin["captions"] for bin in encoder["histogram"]] == histogram(edges, tokens).tolist()
        assert encoder["longer"] == [{"than": than, "captions": (tokens > than).sum(),
                                      "share": pytest.approx((tokens > than).mean())} for than in (75, 150, 225)]


@pytest.mark.parametrize("limit", [75, 150, 225])
def test_captions_of_tags(folder, frame, texts, limit):
    train = {"train_batch_size": 1, "max_token_length": limit}
    captions = stats(folder, "tags", dataset(folder, {}), train, "--without-pictures")["captions"]
    texts, tokens = texts.text, texts.tokens
    assert (tokens > 225).sum() > 5 and (tokens > 75).sum() > 700
    check_lengths(captions, tokens, limit)
    assert captions["empty"] == (texts == "").sum() > 50
    tags = sum(frame[f"tag_string_{name}"].str.split().str.len() for name in CATEGORIES)
    assert captions["levels"] == [{"level": None, "captions": len(frame), "share": 1.0} | {
        name: pytest.approx(values.mean(), rel=1e-12) for name, values in
        (("mean_tokens", tokens), ("mean_post_tags", tags), ("mean_characters", texts.str.len()))}]
    for example in captions["examples"]:
        assert example["caption"] == texts[example["id"]]


@pytest.fixture(scope="module")
def thinned(folder, frame, count_tokens):
    """(captions of report.json, a row each caption as `dataset captions` prints it)"""
    options = {"drop_levels": LEVELS, "caption_dropout_rate": 0.1}
    report = stats(folder, "levels", dataset(folder, options), {"train_batch_size": 1}, "--without-pictures")
    lines = run("atelier-data", "dataset", "captions", folder / "levels.yaml", "--without-pictures").stdout
    rows = pd.DataFrame(map(json.loads, lines.splitlines())).set_index("id")
    rows["tokens"] = count_tokens(rows.caption)
    rows["post_tags"] = sum(frame[f"tag_string_{name}"].str.split().str.len() for name in CATEGORIES)
    assert set(rows.index) == set(frame.index) and rows.index.is_unique
    return report["captions"], rows


def test_what_drop_levels_leave(texts, thinned):
    captions, rows = thinned
    check_lengths(captions, rows.tokens, 75)
    assert captions["empty"] == (rows.caption == "").sum() > POSTS / 20
    levels = rows.level.astype(object).where(rows.level.notna(), None)
    assert [level["level"] for level in captions["levels"]] == [None, 0, 1]
    for level in captions["levels"]:
        mine = rows[levels.isna() if level["level"] is None else levels == level["level"]]
        assert level["captions"] == len(mine) > 400
        means = [mine.tokens.mean(), mine.post_tags.mean(), mine.caption.str.len().mean()]
        assert level["share"] == pytest.approx(len(mine) / len(rows))
        assert [level[f"mean_{what}"] for what in ("tokens", "post_tags", "characters")] == \
            pytest.approx(means, rel=1e-12)
    shares = [level["share"] for level in captions["levels"]]
    assert shares == pytest.approx([0.1 + 0.9 * 0.5, 0.9 * 0.3, 0.9 * 0.2], abs=0.03)  # dropped: no level
    kept = rows.caption[(levels == 1) & (rows.caption != "")].str.count(", ") + 1
    tags = texts.text[kept.index].str.count(", ") + 1
    assert (kept == tags.where(tags < 5, 3)).all()


def test_examples_are_of_the_plan(frame, thinned):
    captions, rows = thinned
    examples = captions["examples"]
    assert len({example["id"] for example in examples}) == len(examples) == 20
    for example in examples:
        row, post = rows.loc[example["id"]], frame.loc[example["id"]]
        assert example["caption"] == row.caption and example["tokens"] == row.tokens
        assert example["level"] == (None if pd.isna(row.level) else row.level)
        assert (example["epoch"], example["source"], example["rating"]) == (0, 0, RATINGS.get(post.rating, "unknown"))
        assert {name: sorted(tags) for name, tags in example["tags"].items()} == \
            {name: sorted(post[f"tag_string_{name}"].split()) for name in CATEGORIES}
