"""Writes clip_init.safetensors: the standard deviation of every parameter of transformers' fresh CLIP text encoders.

Run with the interpreter of requirements-test.txt: `python tests/golden/clip_init/make.py`.
"""

import pathlib

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

DRAWS = 20


def make():
    config = CLIPTextConfig(vocab_size=500, hidden_size=64, intermediate_size=160, num_hidden_layers=3,
                            num_attention_heads=4, max_position_embeddings=77, projection_dim=48, bos_token_id=0,
                            eos_token_id=2)
    draws = {}
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        for name, parameter in CLIPTextModelWithProjection(config).named_parameters():
            draws.setdefault(name, []).append(parameter.detach().flatten())
    return {name: torch.stack([torch.cat(values).mean(), torch.cat(values).std()]) for name, values in draws.items()}


if __name__ == "__main__":
    save_file(make(), pathlib.Path(__file__).with_name("clip_init.safetensors"))
