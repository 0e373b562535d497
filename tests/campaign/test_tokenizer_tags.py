# labels: campaign parity
"""`model tokenize` against transformers on every tag of the lists in ATELIER_TAG_LISTS (a folder of CSV files whose first
column is a tag and whose last may hold its aliases, as tag autocompletion lists are). Its small twin is
tests/peer/test_tokenizer.py."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, run  # noqa: E402


def test_every_tag_equals_transformers(tmp_path):
    folder = os.environ.get("ATELIER_TAG_LISTS")
    if not folder:
        pytest.skip("ATELIER_TAG_LISTS names no folder of tag lists")
    tags = [row[0] for path in sorted(Path(folder).glob("*.csv")) for row in csv.reader(path.open(encoding="utf-8")) if row]
    texts = tags + [tag.replace("_", " ") for tag in tags]
    assert len(tags) > 100_000
    (tmp_path / "tags.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    ours = [json.loads(line) for line in run("atelier", "model", "tokenize", tmp_path / "tags.txt", "--encoder", "1").stdout.splitlines()]
    assert len(ours) == len(texts)
    peer = clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")
    wrong = [text for text, mine, theirs in zip(texts, ours, peer(texts)["input_ids"]) if mine != theirs]
    assert not wrong, (len(wrong), wrong[:10])
    print(f"{len(texts)} texts of {len(tags)} tags are equal")
