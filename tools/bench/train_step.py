#!/usr/bin/env python3
"""A whole training step of the demo's model: ours against PyTorch + diffusers + transformers.

Ours is `atelier train` on generated pictures (decode, DCT, tokenizer, both text encoders, UNet, backward, clipping,
AdamW, metrics); the peer does the same with ready latents and token ids: both text encoders, UNet, backward,
clip_grad_norm_, torch.optim.AdamW (fused), starting from the same weights. Same threads and OpenMP settings, in turns; the median of the
steps' seconds and the ratio are printed. Takes two minutes.

    tools/bench/train_step.py [--turns 3] [--steps 12] [--threads 2] [--build build/dev]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BATCH, SIDE, WARM_UP = 16, 96, 3


def write_data(folder):
    import numpy as np
    from PIL import Image
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(4 * BATCH):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / "pictures" / f"{i}.png")
        (folder / "pictures" / f"{i}.txt").write_text("1girl, solo, elf, pointy ears, green theme")


def run_ours(folder, name, steps, threads, build, *overrides):
    run = {
        "output_dir": str(folder / name), "output_name": "model", "seed": 1,
        "model": {"config": str(ROOT / "configs/recipes/portraits"), "vae": "dct"},
        "dataset": {"sources": [{"path": "pictures"}],
                    "buckets": {"resolution": SIDE, "min_bucket_reso": 64, "max_bucket_reso": 160, "bucket_reso_steps": 16}},
        "train": {"train_batch_size": BATCH, "max_train_steps": steps, "learning_rate": 1e-3, "num_threads": threads},
        "save": {"precision": "fp32"},
    }
    (folder / f"{name}.yaml").write_text(json.dumps(run))
    subprocess.run([build / "bin" / "atelier", "train", folder / f"{name}.yaml", "--quiet", *overrides], check=True)
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    return [line["step_seconds"] for line in lines[WARM_UP:]]


def run_peer(model, steps, threads):
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(model / "unet").train()
    first = CLIPTextModel.from_pretrained(model / "text_encoder").train()
    second = CLIPTextModelWithProjection.from_pretrained(model / "text_encoder_2").train()
    parameters = [p for part in (unet, first, second) for p in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    latents, target = torch.randn(BATCH, 8, SIDE // 8, SIDE // 8), torch.randn(BATCH, 8, SIDE // 8, SIDE // 8)
    ids = torch.full((BATCH, 77), 49407)
    ids[:, 0] = 49406
    ids[:, 1:20] = torch.randint(1000, 40000, (BATCH, 19))
    time_ids = torch.full((BATCH, 6), float(SIDE))
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        hidden = first(ids, output_hidden_states=True).hidden_states[-2]
        other = second(ids, output_hidden_states=True)
        states = torch.cat([hidden, other.hidden_states[-2]], dim=-1)
        prediction = unet(latents, torch.randint(0, 1000, (BATCH,)), states,
                          added_cond_kwargs={"text_embeds": other.text_embeds, "time_ids": time_ids}, return_dict=False)[0]
        loss = torch.nn.functional.mse_loss(prediction, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(seconds[WARM_UP:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return run_peer(arguments.peer, arguments.steps, arguments.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder)
        run_ours(folder, "weights", 1, arguments.threads, arguments.build)
        model = folder / "weights" / "model"
        ours, theirs = [], []
        for turn in range(arguments.turns):
            ours += run_ours(folder, f"turn{turn}", arguments.steps, arguments.threads, arguments.build)
            command = [sys.executable, __file__, "--peer", model, "--steps", str(arguments.steps), "--threads", str(arguments.threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True,
                                  env={"GOMP_SPINCOUNT": "20000", **os.environ})
            theirs += json.loads(done.stdout.splitlines()[-1])
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"step of the demo's model, batch {BATCH}, {SIDE} px, {arguments.threads} threads: "
          f"ours {mine:.3f} s, diffusers + PyTorch {other:.3f} s, ratio {mine / other:.3f}")


if __name__ == "__main__":
    main()
