#!/usr/bin/env python3
"""SDXL's text encoders at full size, fp32, without gradients: ours against transformers.

Both run the same random weights and texts (of 77 tokens) on the same number of threads, in turns; the ratio is the median
over the turns, of the time on the wall and of the processors' time. With other work on the machine trust the latter. Takes
two minutes and 7 GB of memory for both encoders.

    tools/bench/clip_step.py [--texts 2] [--turns 5] [--threads 2] [--encoder 1 2] [--build build/dev]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from paired import Side, compare, serve
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
COMMON = {"vocab_size": 49408, "max_position_embeddings": 77, "eos_token_id": 49407, "bos_token_id": 49406,
          "model_type": "clip_text_model"}
CONFIGS = {  # of SDXL base 1.0
    1: COMMON | {"architectures": ["CLIPTextModel"], "hidden_size": 768, "intermediate_size": 3072,
                 "num_hidden_layers": 12, "num_attention_heads": 12, "projection_dim": 768, "hidden_act": "quick_gelu"},
    2: COMMON | {"architectures": ["CLIPTextModelWithProjection"], "hidden_size": 1280, "intermediate_size": 5120,
                 "num_hidden_layers": 32, "num_attention_heads": 20, "projection_dim": 1280, "hidden_act": "gelu"},
}


def peer(folder, inputs, threads):
    """The other side, in a process of its own."""
    import transformers

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    config = json.loads((Path(folder) / "config.json").read_text())
    model = getattr(transformers, config["architectures"][0]).from_pretrained(folder).eval()
    ids = load_file(inputs)["input_ids"]

    def forward():
        output = model(ids, output_hidden_states=True)
        pooled = output.text_embeds if "text_embeds" in output else output.pooler_output
        return output.hidden_states[-2].square().mean().item() + pooled.square().mean().item()

    serve(0, {"forward": forward})


def measure(encoder, arguments):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(CONFIGS[encoder]))
        ids = torch.randint(0, 49406, (arguments.texts, 77), generator=torch.Generator().manual_seed(0))
        ids[:, 0], ids[:, -1] = 49406, 49407
        inputs = folder / "inputs.safetensors"
        save_file({"input_ids": ids}, inputs)
        ours = Side([arguments.build / "bin" / "clip-step", folder, inputs, arguments.threads, folder / "saved"])
        theirs = Side([sys.executable, __file__, "peer", folder / "saved", inputs, arguments.threads])
        print(f"text encoder {encoder}, {arguments.texts} texts of 77 tokens, fp32, {arguments.threads} threads, "
              f"{arguments.turns} turns; torch {torch.__version__}")
        compare(ours, theirs, "forward", arguments.turns, runs=8 if encoder == 1 else 2)
        ours.close()
        theirs.close()


def main():
    if sys.argv[1:2] == ["peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2, help="a prompt and its negative")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--encoder", type=int, nargs="+", default=[1, 2], choices=[1, 2])
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    for encoder in arguments.encoder:
        measure(encoder, arguments)


if __name__ == "__main__":
    main()
