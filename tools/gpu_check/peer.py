"""diffusers' side of gpu-check: SDXL's UNet at 1024 px in bf16, forward and backward, eager and through torch.compile.

    peer.py [--seconds N]
"""

import argparse
import importlib.util
import time

import torch

BATCHES = (1, 2, 4, 8, 16, 32)
RUNS = 3
CONFIG = {
    "sample_size": 128, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "block_out_channels": [320, 640, 1280], "layers_per_block": 2, "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20], "cross_attention_dim": 2048, "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


def step(model, batch):
    bf16 = {"device": "cuda", "dtype": torch.bfloat16}
    sample = torch.randn(batch, 4, 128, 128, **bf16).to(memory_format=torch.channels_last)
    added = {"text_embeds": torch.randn(batch, 1280, **bf16), "time_ids": torch.full((batch, 6), 1024.0, device="cuda")}
    text, time_steps = torch.randn(batch, 77, 2048, **bf16), torch.full((batch,), 500.0, device="cuda")
    output = model(sample, time_steps, text, added_cond_kwargs=added, return_dict=False)[0]
    output.backward(sample)
    model.zero_grad(set_to_none=True)


def measure(model, batch):
    for _ in range(2):
        step(model, batch)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(RUNS):
        step(model, batch)
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / RUNS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150)
    end = time.monotonic() + parser.parse_args().seconds
    if importlib.util.find_spec("diffusers") is None:
        print("diffusers is not installed: no peer")
        return
    from diffusers import UNet2DConditionModel

    with torch.device("cuda"):
        eager = UNet2DConditionModel(**CONFIG).to(torch.bfloat16).to(memory_format=torch.channels_last).train()
    print("\ndiffusers, the same step")
    for name, model in (("eager", eager), ("torch.compile", torch.compile(eager))):
        for batch in BATCHES:
            if time.monotonic() > end:
                print("(the rest is left out: no time)")
                return
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            try:
                seconds = measure(model, batch)
            except torch.OutOfMemoryError:
                print(f"{name:20} batch {batch:2}   out of memory")
                eager.zero_grad(set_to_none=True)
                break
            peak = torch.cuda.max_memory_allocated() / 2**30
            print(f"{name:20} batch {batch:2} {seconds * 1e3:9.1f} ms {batch / seconds:8.2f} img/s "
                  f"{20.3 * batch / seconds:7.1f} TFLOP/s {peak:7.1f} GiB", flush=True)


if __name__ == "__main__":
    main()
