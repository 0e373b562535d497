#!/usr/bin/env python3
"""Forward and backward of SDXL's blocks and of a small UNet on the CPU: plain and fused bodies, each against diffusers'
or transformers'.

Seconds are medians of turns, the ratio is the median of the turns' ratios; MiB is what the forward pass keeps for
backward, parameters not counted.

    tools/bench/layers.py [--turns 9] [--threads 2] [--build build/dev]
"""

import argparse
import statistics
import sys
from pathlib import Path

from paired import Side

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = ("resnet", "transformer", "clip", "unet")
UNET = {
    "in_channels": 8, "out_channels": 8, "block_out_channels": [64, 128], "layers_per_block": 2,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "transformer_layers_per_block": [1, 2],
    "attention_head_dim": [2, 4], "cross_attention_dim": 128, "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 64 + 6 * 32,
}


def peer_blocks():
    """name -> (module, call, inputs); the sizes stand in layers.cpp as well."""
    import torch
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.resnet import ResnetBlock2D
    from transformers import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

    def tensor(*sizes):
        return torch.randn(*sizes, requires_grad=True)

    resnet = ResnetBlock2D(in_channels=320, out_channels=320, temb_channels=1280, groups=32, eps=1e-5)
    transformer = BasicTransformerBlock(640, 10, 64, cross_attention_dim=2048, activation_fn="geglu")
    config = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
    config._attn_implementation = "sdpa"
    clip = CLIPEncoderLayer(config)
    pixels, time = tensor(2, 320, 32, 32), tensor(2, 1280)
    rows, text, tokens = tensor(2, 256, 640), tensor(2, 77, 2048), tensor(4, 77, 768)
    mask = torch.full((77, 77), float("-inf")).triu(1)[None, None]

    unet = UNet2DConditionModel(**UNET)
    latents, steps, words = torch.randn(16, 8, 12, 12), torch.arange(16) * 60.0, torch.randn(16, 77, 128)
    added = {"text_embeds": torch.randn(16, 64), "time_ids": torch.full((16, 6), 96.0)}

    def first(output):
        return output[0] if isinstance(output, tuple) else output

    return {
        "resnet": (resnet, lambda: resnet(pixels, time), (pixels, time)),
        "transformer": (transformer, lambda: transformer(rows, encoder_hidden_states=text), (rows, text)),
        "clip": (clip, lambda: first(clip(tokens, mask)), (tokens,)),
        "unet": (unet, lambda: unet(latents, steps, words, added_cond_kwargs=added, return_dict=False)[0], ()),
    }


def serve_peer(threads):
    import torch
    from paired import serve

    torch.set_num_threads(threads)
    blocks = peer_blocks()

    def run(module, call, inputs):
        own = {tensor.untyped_storage().data_ptr() for tensor in [*module.parameters(), *inputs]}
        kept = {}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            output = call()
        output.backward(torch.ones_like(output))
        for tensor in [*module.parameters(), *inputs]:
            tensor.grad = None
        return sum(kept.values()) / 2**20

    serve(0, {name: (lambda block=block: run(*block)) for name, block in blocks.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return serve_peer(arguments.threads)
    ours = Side([arguments.build / "bin" / "layers-bench", arguments.threads])
    peer = Side([sys.executable, __file__, "--peer", "--threads", arguments.threads])
    print("block        body     seconds  of peer  processors  of peer     MiB  peer MiB")
    for block in BLOCKS:
        sides = [lambda body=body: ours.run(f"{block}/{body}", 2) for body in ("plain", "fused")]
        sides.append(lambda: peer.run(block, 2))
        for side in sides:
            side()  # warm-up
        turns = [[side() for side in sides] for _ in range(arguments.turns)]
        for i, body in enumerate(("plain", "fused")):
            columns = []
            for column in (0, 1):
                columns.append(statistics.median(turn[i][column] for turn in turns))
                columns.append(statistics.median(turn[i][column] / turn[2][column] for turn in turns))
            print(f"{block:12} {body:6} {columns[0]:9.4f} {columns[1]:8.3f} {columns[2]:11.4f} {columns[3]:8.3f} "
                  f"{turns[-1][i][2]:7.1f} {turns[-1][2][2]:9.1f}", flush=True)
    ours.close()
    peer.close()


if __name__ == "__main__":
    main()
