# labels: integration parity torch
"""`model encode` against transformers' text encoders: chunks, BREAK, emphasis, joins, clip skip, empty negatives and
textual inversions. What the web UIs and sd-scripts do with a prompt is written down here a second time, on other paths:
weights a character, vectors as further rows of the embedding table."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, SOURCE, run  # noqa: E402
from support.tiny import UNET, write_model_config  # noqa: E402

BOS, EOS, COMMA = 49406, 49407, 267
PADS = [EOS, 0]
TOLERANCE = 1e-5
WIDTHS = [16, 24]
CASES = json.loads((SOURCE / "tests/golden/prompts/webui_cases.json").read_text())
SHORT = "1girl, silver hair, \\(solo\\), castle"
LONG = "masterpiece, (silver hair:1.3), [castle by the sea], " + "1girl, green eyes, night sky, " * 10 + "(end:0.6)"  # 110
LONGER = LONG + ", " + "a knight on a hill under a very very old oak tree " * 2 + "BREAK ((wings)), by the river"
WEB_UI = dict(max_token_length=0, token_chunking="by_separator", token_join="full", clip_skip=2, emphasis="no_norm",
              empty_negative="model")


# -- reading ----------------------------------------------------------------------------------------------------------

def weigh(prompt):
    """[[text, weight]] and "BREAK": a weight a character first, then runs of equal ones."""
    items, open_brackets, at = [], [], 0  # items: [character or "" or BREAK, weight]

    def close(start, factor):
        for item in items[start:]:
            item[1] *= factor

    def take(text):
        pieces = re.split(r"\s*\bBREAK\b\s*", text)
        for i, piece in enumerate(pieces):
            if i:
                items.append(["BREAK", 1.0])
            items.extend([character, 1.0] for character in piece or [""])

    while at < len(prompt):
        number = re.match(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)", prompt[at:])
        rounds = [bracket for bracket in open_brackets if bracket[0] == "("]
        squares = [bracket for bracket in open_brackets if bracket[0] == "["]
        character = prompt[at]
        if character == "\\":
            escaped = prompt[at + 1:at + 2] if prompt[at + 1:at + 2] in tuple("()[]\\") else ""
            items.append([escaped, 1.0])
            at += 1 + len(escaped)
        elif character in "([":
            open_brackets.append((character, len(items)))
            at += 1
        elif number and rounds:
            open_brackets.remove(rounds[-1])
            close(rounds[-1][1], float(number[1]))
            at += number.end()
        elif character == ")" and rounds:
            open_brackets.remove(rounds[-1])
            close(rounds[-1][1], 1.1)
            at += 1
        elif character == "]" and squares:
            open_brackets.remove(squares[-1])
            close(squares[-1][1], 1 / 1.1)
            at += 1
        else:
            run_of_text = re.match(r"[^\\()\[\]:]+", prompt[at:])
            text = run_of_text[0] if run_of_text else character
            take(text)
            at += len(text)
    for bracket, start in open_brackets:
        close(start, 1.1 if bracket == "(" else 1 / 1.1)
    parts = []
    for text, weight in items or [["", 1.0]]:
        if text == "BREAK":
            parts.append("BREAK")
        elif parts and parts[-1] != "BREAK" and parts[-1][1] == weight:
            parts[-1][0] += text
        else:
            parts.append([text, weight])
    return parts


def read(prompt, options):
    if options["emphasis"] != "off":
        return weigh(prompt)
    if options["token_chunking"] == "blind75":
        return [[prompt, 1.0]]
    parts = []
    for i, text in enumerate(re.split(r"\s*\bBREAK\b\s*", prompt)):
        parts += (["BREAK"] if i else []) + [[text, 1.0]]
    return parts


def chunk(tokens, chunking):
    """`tokens`: (ids, weight) with several ids where they must stay together, or "BREAK". -> chunks of such."""
    chunks, chunk_now, comma = [], [], None

    def size():
        return sum(len(ids) for ids, _ in chunk_now)

    def finish():
        nonlocal chunk_now, comma
        chunks.append(chunk_now)
        chunk_now, comma = [], None

    for token in tokens:
        if token == "BREAK":
            finish()
            continue
        ids = token[0]
        if chunking == "explicit_break":
            if size() + len(ids) <= 75:
                chunk_now.append(token)
            continue
        if ids == [COMMA]:
            comma = size(), len(chunk_now)
        elif chunking == "by_separator" and size() == 75 and comma and 75 - comma[0] <= 20:
            behind = chunk_now[comma[1] + 1:]
            chunk_now = chunk_now[:comma[1] + 1]
            finish()
            chunk_now = behind
        if size() == 75 or size() + len(ids) > 75:
            finish()
        chunk_now.append(token)
    if chunk_now or not chunks:
        finish()
    return chunks


# -- encoding ---------------------------------------------------------------------------------------------------------

class Peer:
    """A tiny SDXL-like model in the peers' own classes."""

    def __init__(self, folder, eos=EOS):
        torch.manual_seed(eos)
        common = dict(vocab_size=49408, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2,
                      projection_dim=16, bos_token_id=BOS, eos_token_id=eos)
        self.encoders = [CLIPTextModel(CLIPTextConfig(**common, hidden_size=WIDTHS[0])).eval(),
                         CLIPTextModelWithProjection(CLIPTextConfig(**common, hidden_size=WIDTHS[1],
                                                                    hidden_act="gelu")).eval()]
        with torch.no_grad():
            for encoder in self.encoders:
                for parameter in encoder.parameters():
                    parameter.mul_(3).add_(0.05 * torch.randn_like(parameter))
        self.tokenizer = clip_tokenizer(BUILD / "share/atelier/clip/bpe_simple_vocab_16e6.txt.gz")
        self.folder = write_model_config(folder)
        self.encoders[0].save_pretrained(folder / "text_encoder")
        self.encoders[1].save_pretrained(folder / "text_encoder_2")
        width = dict(cross_attention_dim=sum(WIDTHS))
        UNet2DConditionModel.from_config(UNET | width).save_pretrained(folder / "unet")
        self.words = {}  # spelling -> (clip_l, clip_g)

    def tokenize(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def say_that_empty_is(self, zeros):
        path = self.folder / "model_index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"force_zeros_for_empty_prompt": zeros}))

    def tokens(self, prompt, options):
        """Words of embeddings become ids behind the vocabulary."""
        first, words = 49408, []
        for spelling, (vectors, _) in self.words.items():
            words.append((self.tokenize(spelling), list(range(first, first + len(vectors)))))
            first += len(vectors)
        words.sort(key=lambda word: -len(word[0]))
        for part in read(prompt, options):
            if part == "BREAK":
                yield part
                continue
            ids = self.tokenize(part[0])
            while ids:
                found = next((word for word in words if ids[:len(word[0])] == word[0]), None)
                yield (found[1] if found else ids[:1]), part[1]
                ids = ids[len(found[0]) if found else 1:]

    def states(self, encoder, rows, weights, options):
        """Hidden states of [n, 77] rows with their emphasis, and the pooled vectors."""
        model = self.encoders[encoder]
        table = model.get_input_embeddings()
        plain = table.weight
        if self.words:
            table.weight = torch.nn.Parameter(torch.cat([plain, *(pair[encoder] for pair in self.words.values())]))
        output = model(rows, output_hidden_states=True)
        empty = model(torch.tensor([[BOS, EOS] + [PADS[encoder]] * 75]), output_hidden_states=True)
        table.weight = plain
        z, e = (out.hidden_states[-options["clip_skip"]].double() for out in (output, empty))
        w = weights.double()[..., None]
        if options["emphasis"] == "comfy":
            z = (z - e) * w + e
        elif options["emphasis"] == "original":
            weighted = z * w
            z = torch.stack([b * (a.mean() / b.mean()) for a, b in zip(z, weighted)])
        elif options["emphasis"] == "no_norm":
            z = z * w
        return z, (output.text_embeds if encoder else output.pooler_output).double()

    @torch.no_grad()
    def encode(self, texts, options):
        limit = options["max_token_length"] // 75
        chunked = [chunk(self.tokens(text, options), options["token_chunking"]) for text in texts]
        count = limit or max(map(len, chunked))
        chunked = [(chunks + [[]] * count)[:count] for chunks in chunked]
        sides = []
        for encoder, pad in enumerate(PADS):
            texts_states, texts_pooled = [], []
            for chunks in chunked:
                rows, weights = [], []
                for tokens in chunks:
                    ids = [i for group, _ in tokens for i in group]
                    given = [weight for group, weight in tokens for _ in group]
                    rows.append(([BOS, *ids, EOS] + [pad] * 75)[:77])
                    weights.append(([1.0, *given] + [1.0] * 76)[:77])
                z, pooled = self.states(encoder, torch.tensor(rows), torch.tensor(weights), options)
                if options["token_join"] == "full":
                    z = z.reshape(-1, z.shape[-1])
                else:
                    z = torch.cat([z[0, :1], *z[:, 1:-1], z[-1, -1:]])
                texts_states.append(z)
                texts_pooled.append(pooled[0])
            sides.append((torch.stack(texts_states), torch.stack(texts_pooled)))
        return torch.cat([sides[0][0], sides[1][0]], -1), sides[1][1]


def arguments(options):
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


def encode(peer, prompts, *extra, negatives=(), check=True, **options):
    out = peer.folder.with_name("told.safetensors")
    texts = [("--prompt", text) for text in prompts] + [("--negative-prompt", text) for text in negatives]
    result = run("atelier-model", "model", "encode", peer.folder, *(word for pair in texts for word in pair),
                 *arguments(options), *extra, "--out", out, check=check)
    return (load_file(out) if result.returncode == 0 else None), result


def relative(ours, expected):
    assert ours.shape == expected.shape
    return ((ours.double() - expected).norm() / expected.norm()).item()


def assert_told(peer, prompts, negatives=("",), length=None, **options):
    told, _ = encode(peer, prompts, negatives=negatives, **options)
    options = WEB_UI | options
    expected, pooled = peer.encode([*prompts, *negatives], options)
    count = len(prompts)
    if length:
        assert told["prompt_embeds"].shape[1] == length
    assert relative(told["prompt_embeds"], expected[:count]) < TOLERANCE
    assert relative(told["pooled_prompt_embeds"], pooled[:count]) < TOLERANCE
    for name, tensor in [("negative_prompt_embeds", expected), ("negative_pooled_prompt_embeds", pooled)]:
        if any(negatives):
            assert relative(told[name], tensor[count:]) < TOLERANCE


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    return Peer(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    """The published SDXL configurations say eos 2 and mean the largest id."""
    return Peer(tmp_path_factory.mktemp("legacy"), eos=2)


# -- tests ------------------------------------------------------------------------------------------------------------

def test_the_table_of_cases_holds_for_the_rules_written_here():
    assert len(CASES) >= 40
    for case in CASES:
        parts = weigh(case["prompt"])
        assert len(parts) == len(case["parts"]), (case, parts)
        for part, expected in zip(parts, case["parts"]):
            assert part == expected or (part[0] == expected[0] and part[1] == pytest.approx(expected[1])), (case, parts)


@pytest.mark.parametrize("length,prompt,eos", [(77, SHORT, "modern"), (154, LONG, "legacy"), (231, LONGER, "modern")])
def test_defaults_are_the_web_uis(peer, legacy, eos, length, prompt):
    assert_told({"modern": peer, "legacy": legacy}[eos], [prompt], ["lowres, (bad hands:1.4)"], length=length)


@pytest.mark.parametrize("emphasis,chunking", [
    ("no_norm", "blind75"), ("no_norm", "explicit_break"), ("original", "by_separator"), ("original", "explicit_break"),
    ("comfy", "by_separator"), ("comfy", "blind75"), ("off", "by_separator"), ("off", "blind75")])
def test_ways_of_emphasis_and_cutting(peer, emphasis, chunking):
    assert_told(peer, [LONGER], ["(worst quality:1.4) BREAK [text]"], emphasis=emphasis, token_chunking=chunking)


@pytest.mark.parametrize("tokens", [150, 225])
def test_as_sd_scripts_trains(peer, tokens):
    """max_token_length: always as many chunks, inner states only, brackets are text."""
    assert_told(peer, [LONGER, SHORT], ["", "lowres"], length=tokens + 2, max_token_length=tokens, token_join="inner",
                token_chunking="blind75", emphasis="off", empty_negative="encode")


@pytest.mark.parametrize("clip_skip", [1, 4])
def test_clip_skip_counts_from_the_end(peer, clip_skip):
    assert_told(peer, [SHORT], ["lowres"], clip_skip=clip_skip)


def test_a_layer_that_is_not_there_is_told(peer):
    _, result = encode(peer, [SHORT], clip_skip=5, check=False)
    assert result.returncode == 2 and "clip_skip" in result.stderr


def test_a_text_does_not_depend_on_its_neighbours(peer):
    """Equal chunks are encoded once; emphasis in one text changes no other."""
    prompts = [SHORT, "(wings:1.5)", SHORT, "BREAK BREAK", "(wings:1.5)"]
    negatives = ["lowres", SHORT, "lowres", "", "[text]"]
    told, _ = encode(peer, prompts, negatives=negatives, emphasis="original", empty_negative="encode")
    expected, pooled = peer.encode(prompts + negatives, WEB_UI | {"emphasis": "original"})
    states = torch.cat([told["prompt_embeds"], told["negative_prompt_embeds"]])
    vectors = torch.cat([told["pooled_prompt_embeds"], told["negative_pooled_prompt_embeds"]])
    for i in range(10):
        assert relative(states[i], expected[i]) < TOLERANCE
        assert relative(vectors[i], pooled[i]) < TOLERANCE


@pytest.mark.parametrize("says,option", [(None, "model"), (True, "model"), (False, "model"), (False, "zeros"),
                                         (True, "encode")])
def test_an_empty_negative_is_zeros_or_the_empty_text(peer, says, option):
    write_model_config(peer.folder / "clean")
    (peer.folder / "model_index.json").write_bytes((peer.folder / "clean" / "model_index.json").read_bytes())
    if says is not None:
        peer.say_that_empty_is(says)
    told, _ = encode(peer, [LONG, SHORT], negatives=["", "lowres"], empty_negative=option)
    expected, pooled = peer.encode([LONG, SHORT, "", "lowres"], WEB_UI)
    zeros = option == "zeros" or (option == "model" and says is not False)
    for ours, full in [(told["negative_prompt_embeds"], expected), (told["negative_pooled_prompt_embeds"], pooled)]:
        assert not ours[0].any() if zeros else relative(ours[0], full[2]) < TOLERANCE
        assert relative(ours[1], full[3]) < TOLERANCE


# -- textual inversions -----------------------------------------------------------------------------------------------

@pytest.fixture
def embeddings(peer, tmp_path):
    """Two words; the second begins like the first."""
    generator = torch.Generator().manual_seed(3)
    for name, vectors in {"easynegative": 8, "easynegative style": 3}.items():
        pair = [torch.randn(vectors, width, generator=generator) for width in WIDTHS]
        save_file({"clip_l": pair[0], "clip_g": pair[1]}, tmp_path / f"{name}.safetensors")
        peer.words[name] = pair
    yield tmp_path
    peer.words.clear()


@pytest.mark.parametrize("chunking", ["by_separator", "blind75", "explicit_break"])
def test_textual_inversions(peer, embeddings, chunking):
    prompts = ["a (EasyNegative:1.3), b", "easynegative style, easynegative", "a " * 70 + "easynegative b",
               "easynegative " + "green hair, " * 22 + "a easynegative b b b b b b b"]
    flags = [f"--embedding={embeddings / name}.safetensors" for name in ("easynegative", "easynegative style")]
    told, _ = encode(peer, prompts, *flags, token_chunking=chunking)
    expected, pooled = peer.encode(prompts, WEB_UI | {"token_chunking": chunking})
    assert relative(told["prompt_embeds"], expected) < TOLERANCE
    assert relative(told["pooled_prompt_embeds"], pooled) < TOLERANCE


def test_an_embedding_answers_to_another_word(peer, embeddings):
    told, _ = encode(peer, ["my sticker"], f"--embedding={embeddings / 'easynegative.safetensors'}:Sticker")
    peer.words = {"sticker": peer.words["easynegative"]}
    expected, _ = peer.encode(["my sticker"], WEB_UI)
    assert relative(told["prompt_embeds"], expected) < TOLERANCE


FAULTS = {
    "SD 1.5": ({"emb_params": torch.zeros(4, 768)}, "SD 1.5"),
    "wide": ({"clip_l": torch.zeros(4, 768), "clip_g": torch.zeros(4, 24)}, "768"),
    "places": ({"clip_l": torch.zeros(76, 16), "clip_g": torch.zeros(76, 24)}, "75 places"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_embeddings_that_do_not_fit_are_the_users_error(peer, tmp_path, fault):
    tensors, named = FAULTS[fault]
    save_file(tensors, tmp_path / "word.safetensors")
    _, result = encode(peer, ["word"], f"--embedding={tmp_path / 'word.safetensors'}", check=False)
    assert result.returncode == 2 and named in result.stderr and "word.safetensors" in result.stderr, result.stderr


def test_pickles_and_repeated_words_are_the_users_error(peer, embeddings):
    (embeddings / "old.pt").write_bytes(b"PK")
    _, result = encode(peer, ["old"], f"--embedding={embeddings / 'old.pt'}", check=False)
    assert result.returncode == 2 and "pickle" in result.stderr
    flags = [f"--embedding={embeddings / 'easynegative.safetensors'}"] * 2
    _, result = encode(peer, ["old"], *flags, check=False)
    assert result.returncode == 2 and "two embeddings" in result.stderr
