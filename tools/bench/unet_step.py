#!/usr/bin/env python3
"""Training step (forward, mean squared error, backward) of a small SDXL-shaped UNet: ours against diffusers.

Both run the same weights and inputs on the same number of threads, in turns, so that a busy machine slows both alike;
the ratio is the median over the turns, of the time on the wall and of the processors' time. With other work on the
machine set OMP_WAIT_POLICY=passive, and trust the latter. Takes a minute.

    tools/bench/unet_step.py [--turns 12] [--threads 2] [--build build/dev]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

CONFIG = {
    "in_channels": 8,
    "out_channels": 8,
    "sample_size": 12,
    "block_out_channels": [64, 128],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2],
    "attention_head_dim": [2, 4],
    "cross_attention_dim": 128,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 64 + 6 * 32,
}
BATCH = 16


def make_inputs():
    torch.manual_seed(0)
    return {
        "sample": torch.randn(BATCH, 8, 12, 12),
        "timestep": torch.arange(BATCH, dtype=torch.float32) * 60,
        "encoder_hidden_states": torch.randn(BATCH, 77, CONFIG["cross_attention_dim"]),
        "text_embeds": torch.randn(BATCH, 64),
        "time_ids": torch.full((BATCH, 6), 96.0),
        "target": torch.randn(BATCH, 8, 12, 12),
    }


class Ours:
    def __init__(self, build, folder, threads):
        command = [build / "bin" / "unet-step", folder, folder / "saved", folder / "inputs.safetensors", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            sys.exit("unet-step did not start")

    def run(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        seconds, cpu_seconds, loss = map(float, self.process.stdout.readline().split())
        return seconds, cpu_seconds, loss

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Diffusers:
    def __init__(self, folder, inputs):
        self.model = UNet2DConditionModel.from_pretrained(folder / "saved").train()
        self.inputs = inputs

    def run(self, steps):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        for _ in range(steps):
            conditions = {"text_embeds": self.inputs["text_embeds"], "time_ids": self.inputs["time_ids"]}
            prediction = self.model(
                self.inputs["sample"],
                self.inputs["timestep"],
                self.inputs["encoder_hidden_states"],
                added_cond_kwargs=conditions,
                return_dict=False,
            )[0]
            loss = torch.nn.functional.mse_loss(prediction, self.inputs["target"])
            loss.backward()
            value = loss.item()
            self.model.zero_grad(set_to_none=True)
        return time.perf_counter() - begin, time.process_time() - cpu_begin, value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--steps", type=int, default=2, help="steps a turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=Path("build/dev"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    inputs = make_inputs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        save_file(inputs, folder / "inputs.safetensors")
        ours = Ours(arguments.build, folder, arguments.threads)
        peer = Diffusers(folder, inputs)
        losses = ours.run(2)[2], peer.run(2)[2]  # warm-up
        print(f"loss: ours {losses[0]:.7f}, diffusers {losses[1]:.7f}")
        turns = [(ours.run(arguments.steps), peer.run(arguments.steps)) for _ in range(arguments.turns)]
        ours.close()
    parameters = sum(parameter.numel() for parameter in peer.model.parameters())
    print(f"{parameters / 1e6:.2f} M parameters, batch {BATCH}, {arguments.threads} threads, {arguments.turns} turns")
    for kind, column in (("wall", 0), ("processors", 1)):
        seconds = [statistics.median(turn[side][column] for turn in turns) / arguments.steps for side in (0, 1)]
        ratio = statistics.median(mine[column] / theirs[column] for mine, theirs in turns)
        print(f"{kind:10} a step: ours {seconds[0]:.4f} s, diffusers {seconds[1]:.4f} s, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
