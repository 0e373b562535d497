#!/usr/bin/env python3
"""The other half of unet_step.py and unet_full.py: what unet-step does, by diffusers and PyTorch, with the same answers.

    unet_peer.py MODEL_FOLDER INPUTS.safetensors THREADS
"""

import sys
import time

import torch
from diffusers import UNet2DConditionModel
from paired import serve
from safetensors.torch import load_file


def main(folder, inputs_file, threads):
    torch.set_num_threads(int(threads))
    begin = time.perf_counter()
    model = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32).train()
    inputs = load_file(inputs_file)
    load_seconds = time.perf_counter() - begin

    def loss_of(text):
        conditions = {"text_embeds": inputs["text_embeds"], "time_ids": inputs["time_ids"]}
        output = model(inputs["sample"], inputs["timestep"], text, added_cond_kwargs=conditions, return_dict=False)[0]
        return torch.nn.functional.mse_loss(output, inputs["target"])

    def forward():
        with torch.no_grad():
            return loss_of(inputs["encoder_hidden_states"]).item()

    def checkpointed():
        model.enable_gradient_checkpointing()
        value = step(False)
        model.disable_gradient_checkpointing()
        return value

    def step(frozen):
        model.requires_grad_(not frozen)
        loss = loss_of(inputs["encoder_hidden_states"].detach().requires_grad_(frozen))
        loss.backward()
        model.zero_grad(set_to_none=True)
        return loss.item()

    serve(load_seconds, {"forward": forward, "step": lambda: step(False), "checkpointed": checkpointed,
                         "frozen": lambda: step(True)})


if __name__ == "__main__":
    main(*sys.argv[1:])
