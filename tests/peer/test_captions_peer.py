# labels: integration
"""sd-scripts' caption options against a Python writing of the order it documents.

Random draws cannot be the same, so the peer says every caption that its draws could make; ours, drawn often, must be
among them and leave none out.
"""

import itertools
import json
import math
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402

DRAWS = 1500


class Choices:
    """Stands in for `random`: goes through every sequence of decisions, one a run."""

    def __init__(self):
        self.path, self.position = [], 0

    def choice(self, options):
        if self.position == len(self.path):
            self.path.append([0, len(options)])
        index = self.path[self.position][0]
        self.position += 1
        return options[index]

    def below(self, rate):
        """random.random() < rate"""
        return rate >= 1 or rate > 0 and self.choice([False, True])

    def shuffle(self, items):
        items[:] = self.choice([list(order) for order in itertools.permutations(items)])

    def next(self):
        """Moves to the next sequence; False after the last."""
        while self.path and self.path[-1][0] + 1 == self.path[-1][1]:
            self.path.pop()
        if not self.path:
            return False
        self.path[-1][0] += 1
        self.position = 0
        return True


def process_caption(caption, options, random, epoch, step):
    """The documented order: affixes, dropout, wildcards, kept tokens, warm-up, shuffle, tag dropout, join, secondary
    separator. `epoch` counts from 1."""
    get = options.get
    if get("caption_prefix"):
        caption = get("caption_prefix") + " " + caption
    if get("caption_suffix"):
        caption = caption + " " + get("caption_suffix")
    every = get("caption_dropout_every_n_epochs", 0)
    if random.below(get("caption_dropout_rate", 0)) or every and epoch % every == 0:
        return ""
    if get("enable_wildcard"):
        if "\n" in caption:
            caption = random.choice(caption.split("\n"))
        caption = caption.replace("{{", "⦅").replace("}}", "⦆")
        caption = re.sub(r"\{([^}]+)\}", lambda match: random.choice(match.group(1).split("|")), caption)
        caption = caption.replace("⦅", "{").replace("⦆", "}")
    else:
        caption = caption.split("\n")[0]
    separator, warmup = get("caption_separator", ","), get("token_warmup_step", 0)
    if get("shuffle_caption") or warmup or get("caption_tag_dropout_rate"):
        mark, suffix = get("keep_tokens_separator"), []
        if mark and mark in caption:
            def pieces(text):
                return [piece.strip() for piece in text.split(separator) if piece.strip()]

            fixed, flexible = caption.split(mark, 1)
            if mark in flexible:
                flexible, end = flexible.split(mark, 1)
                suffix = pieces(end)
            fixed, flexible = pieces(fixed), pieces(flexible)
        else:
            tokens = [piece.strip() for piece in caption.strip().split(separator)]
            keep = get("keep_tokens", 0)
            fixed, flexible = tokens[:keep], tokens[keep:]
        if step < warmup:
            least = get("token_warmup_min", 1)
            flexible = flexible[:math.floor(step * ((len(flexible) - least) / warmup)) + least]
        if get("shuffle_caption"):
            random.shuffle(flexible)
        flexible = [token for token in flexible if not random.below(get("caption_tag_dropout_rate", 0))]
        caption = ", ".join(fixed + flexible + suffix)
    if get("secondary_separator"):
        caption = caption.replace(get("secondary_separator"), separator)
    return caption


def all_outcomes(caption, options, epoch, step):
    random, found = Choices(), set()
    while True:
        found.add(process_caption(caption, options, random, epoch, step))
        if not random.next():
            return found


CAPTIONS = {
    "tags": "1girl, solo , red hair,,  blue_eyes",
    "marked": "lina, 1girl ||| red hair, , bow ||| best, end",
    "grouped": "1girl;;;solo, red hair;;;long hair, bow",
    "wild": "a {red|blue|} hat, {{x}} {} {one}\nsecond {line\nthird}, {a{b|c}",
    "one": "one",
    "spaced": "  padded  ,  text  ",
}
CASES = {
    "as it is": {},
    "shuffle": {"shuffle_caption": True},
    "keep": {"shuffle_caption": True, "keep_tokens": 2},
    "keep all": {"shuffle_caption": True, "keep_tokens": 99},
    "marks": {"shuffle_caption": True, "keep_tokens": 1, "keep_tokens_separator": "|||"},
    "marks stay": {"keep_tokens_separator": "|||"},
    "tag dropout": {"caption_tag_dropout_rate": 0.4, "keep_tokens": 1},
    "all tags": {"caption_tag_dropout_rate": 1},
    "secondary": {"shuffle_caption": True, "secondary_separator": ";;;"},
    "secondary alone": {"secondary_separator": ";;;"},
    "affixes": {"caption_prefix": "photo of,", "caption_suffix": "(style)", "shuffle_caption": True, "keep_tokens": 2},
    "wildcards": {"enable_wildcard": True, "caption_prefix": "{my|our}", "caption_suffix": "end"},
    "dropout": {"caption_dropout_rate": 0.3},
    "another separator": {"caption_separator": ";;;", "shuffle_caption": True},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captions") / "pictures"
    folder.mkdir()
    for name, caption in CAPTIONS.items():
        Image.new("RGB", (64, 64)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(caption)
    return folder


def captions_of(pictures, options, *arguments, train="max_train_epochs: 1"):
    path = pictures.parent / "run.yaml"
    path.write_text(f"""
output_dir: {pictures.parent / "out"}
dataset:
  sources: [{{path: {pictures}}}]
  captions: {json.dumps(options)}
  buckets: {{resolution: 64, min_bucket_reso: 32, max_bucket_reso: 128, bucket_reso_steps: 16}}
train: {{train_batch_size: {len(CAPTIONS)}, {train}}}
""")
    lines = run("atelier-data", "dataset", "captions", path, "--quiet", *arguments).stdout.splitlines()
    found = {name: {} for name in CAPTIONS}
    for line in map(json.loads, lines):
        found[line["id"].removesuffix(".png")].setdefault(line["epoch"], line["caption"])
    return found


@pytest.mark.parametrize("name", CASES)
def test_captions_are_those_that_the_order_of_operations_can_make(pictures, name):
    options = CASES[name]
    ours = captions_of(pictures, options, "--draws", DRAWS)
    for sample, captions in ours.items():
        # Of a caption file sd-scripts reads the first line, with wildcards all of them, trimmed.
        lines = [line.strip() for line in CAPTIONS[sample].split("\n")]
        source = "\n".join(lines) if options.get("enable_wildcard") else lines[0]
        assert set(captions.values()) == all_outcomes(source, options, epoch=1, step=0), sample


def test_every_second_epoch_has_no_captions(pictures):
    options = {"caption_dropout_every_n_epochs": 2}
    for sample, captions in captions_of(pictures, options, "--draws", 6).items():
        first = CAPTIONS[sample].split("\n")[0].strip()
        assert [captions[epoch] for epoch in range(6)] == [first, "", first, "", first, ""]
        assert all({captions[epoch]} == all_outcomes(first, options, epoch + 1, 0) for epoch in range(6))


@pytest.mark.parametrize("steps, share", [(6, 6), (0.75, 6)])
def test_tokens_warm_up_step_by_step(pictures, steps, share):
    # One batch an epoch, so that an epoch is a step; 0.75 of 8 steps are 6.
    options = {"token_warmup_step": steps, "token_warmup_min": 2, "keep_tokens": 1}
    ours = captions_of(pictures, options, "--draws", 8, train="max_train_epochs: 8")
    for sample, captions in ours.items():
        first = CAPTIONS[sample].split("\n")[0].strip()
        for step in range(8):
            expected = all_outcomes(first, options | {"token_warmup_step": share}, 1, step)
            assert {captions[step]} == expected, (sample, step)
    assert len(set(ours["tags"].values())) > 2  # it grows
