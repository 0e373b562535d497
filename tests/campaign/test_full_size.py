# labels: campaign parity torch
"""SDXL's UNet at full size: 2.57 G random weights in an fp16 file, run in fp32 at 256 px, equal diffusers' to 1e-4 and stay
within 12 GiB of resident memory. Needs 6 GB of disk under TMPDIR, 16 GiB of memory for the peer, and five minutes. Its small
twin is tests/peer/test_unet_parity.py."""

import json
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "bench"))
from measured import measured  # noqa: E402
from random_unet import SDXL, parameter_count, random_inputs, write_random_unet  # noqa: E402
from support.parity import relative_error  # noqa: E402
from support.programs import program  # noqa: E402

SIDE = 256 // 8
MOST_MEMORY = 12  # GiB
PEER = """
import sys, torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
folder, inputs, outputs = sys.argv[1:]
model = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32)
given = load_file(inputs)
added = {name: given[name] for name in ("text_embeds", "time_ids")}
with torch.no_grad():
    sample = model(given["sample"], given["timestep"], given["encoder_hidden_states"], added_cond_kwargs=added).sample
save_file({"sample": sample}, outputs)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("full_size")
    write_random_unet(path / "unet", SDXL)
    save_file(random_inputs(SDXL, 1, SIDE), path / "inputs.safetensors")
    yield path
    (path / "unet" / "diffusion_pytorch_model.safetensors").unlink()  # pytest would keep 5 GB


def test_sdxl_equals_diffusers_within_its_memory(folder):
    assert parameter_count(SDXL) == 2_567_463_684
    assert json.loads((folder / "unet" / "config.json").read_text())["transformer_layers_per_block"] == [1, 2, 10]
    seconds, _, memory = measured(program("atelier"), "model", "eval", "unet", folder / "unet",
                                  "--inputs", folder / "inputs.safetensors", "--out", folder / "ours.safetensors")
    peer_seconds, _, peer_memory = measured(sys.executable, "-c", PEER, folder / "unet", folder / "inputs.safetensors",
                                            folder / "peer.safetensors")
    ours, peer = (load_file(folder / f"{side}.safetensors")["sample"] for side in ("ours", "peer"))
    error = relative_error(ours, peer)
    print(f"\nload and one forward: ours {seconds:.1f} s, {memory:.2f} GiB; diffusers {peer_seconds:.1f} s, "
          f"{peer_memory:.2f} GiB; relative error {error:.2e}")
    assert error <= 1e-4
    assert memory <= MOST_MEMORY
