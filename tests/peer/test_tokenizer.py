# labels: integration parity
"""`model tokenize` against transformers' CLIPTokenizer, built from the vocabulary that comes with the program."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, SOURCE, run  # noqa: E402

pytest.importorskip("transformers")

LINES = SOURCE / "tests/golden/texts/lines.txt"


@pytest.fixture(scope="module")
def peer():
    return clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")


def tokenize(*arguments, **options):
    result = run("atelier-data", "model", "tokenize", *arguments, **options)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_two_thousand_hard_lines_equal_transformers(peer):
    texts = LINES.read_bytes().decode().split("\n")[:-1]
    assert len(texts) == 2000
    ours = tokenize(LINES)
    assert len(ours) == len(texts)
    for text, ids, expected in zip(texts, ours, peer(texts)["input_ids"]):
        assert ids == expected, repr(text)


def test_both_encoders_give_the_same_ids():
    assert tokenize(LINES, "--encoder", "2") == tokenize(LINES, "--encoder", "1")


def test_lines_end_at_line_feeds_alone(peer):
    ours = tokenize("-", input="a\rb\u0085c\u2028d\n\nlast without its end")
    assert ours == peer(["a b c d", "", "last without its end"])["input_ids"]


def test_bytes_that_are_no_utf8_become_replacement_characters(peer, tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9 noir\n")
    assert tokenize(path) == peer(["caf\ufffd noir"])["input_ids"]


def test_bad_use_is_the_users_error(tmp_path):
    absent = run("atelier-data", "model", "tokenize", tmp_path / "absent.txt", check=False)
    assert absent.returncode == 2 and "absent.txt" in absent.stderr
    third = run("atelier-data", "model", "tokenize", "--encoder", "3", check=False, input="")
    assert third.returncode == 2
