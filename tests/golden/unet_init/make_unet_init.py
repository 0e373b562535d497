#!/usr/bin/env python3
"""Writes statistics.tsv: how diffusers draws the parameters of the tests' small UNet (tests/models/tiny_unet.h).

For each parameter, over DRAWS models: mean, root mean square and largest magnitude of its values.
"""

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

DRAWS = 400
CONFIG = {
    "block_out_channels": [16, 32],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "transformer_layers_per_block": [1, 2],
    "attention_head_dim": [2, 4],
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 58,
}

torch.manual_seed(0)
sums, squares, largest = {}, {}, {}
for _ in range(DRAWS):
    for name, parameter in UNet2DConditionModel(**CONFIG).named_parameters():
        values = parameter.detach().double()
        sums[name] = sums.get(name, 0) + values.mean().item()
        squares[name] = squares.get(name, 0) + values.pow(2).mean().item()
        largest[name] = max(largest.get(name, 0), values.abs().max().item())

with open(Path(__file__).with_name("statistics.tsv"), "w") as out:
    out.write("name\tmean\trms\tlargest\n")
    for name in sorted(sums):
        out.write(f"{name}\t{sums[name] / DRAWS:.6g}\t{(squares[name] / DRAWS) ** 0.5:.6g}\t{largest[name]:.6g}\n")
