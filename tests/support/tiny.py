"""A model of a few thousand weights and a folder of generated pictures: a run takes seconds."""

import json
import struct

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 60, 190), "yellow": (220, 200, 60)}
PEOPLE = ["1girl, solo", "1boy, solo", "no_humans", "1girl, 1boy"]

UNET = {
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8, "attention_head_dim": [1, 2], "block_out_channels": [16, 32],
    "cross_attention_dim": 32, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "flip_sin_to_cos": True, "freq_shift": 0,
    "in_channels": 8, "out_channels": 8, "layers_per_block": 1, "mid_block_type": "UNetMidBlock2DCrossAttn",
    "norm_eps": 1e-5, "norm_num_groups": 8, "projection_class_embeddings_input_dim": 16 + 6 * 8, "sample_size": 8,
    "transformer_layers_per_block": [1, 1], "use_linear_projection": True,
}


def text_encoder(architecture, act):
    return {
        "architectures": [architecture], "hidden_act": act, "hidden_size": 16, "intermediate_size": 32,
        "num_attention_heads": 2, "num_hidden_layers": 2, "max_position_embeddings": 77, "projection_dim": 16,
        "vocab_size": 49408, "eos_token_id": 49407, "layer_norm_eps": 1e-5, "model_type": "clip_text_model",
    }


SCHEDULER = {
    "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing", "clip_sample": False,
}


def write_model_config(folder):
    """The configurations of a pipeline folder."""
    files = {
        "unet/config.json": UNET,
        "text_encoder/config.json": text_encoder("CLIPTextModel", "quick_gelu"),
        "text_encoder_2/config.json": text_encoder("CLIPTextModelWithProjection", "gelu"),
        "scheduler/scheduler_config.json": SCHEDULER,
        "vae/config.json": {"_class_name": "DctAutoencoder"},
        "model_index.json": {"_class_name": "StableDiffusionXLPipeline"},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def write_unet_inputs(path):
    """Tensors that `model eval unet` takes for this model; returns `path`."""
    from safetensors.numpy import save_file
    rng = np.random.default_rng(0)
    shapes = {"sample": (1, 8, 4, 4), "timestep": (1,), "encoder_hidden_states": (1, 7, 32), "text_embeds": (1, 16),
              "time_ids": (1, 6)}
    save_file({name: rng.random(shape, np.float32) for name, shape in shapes.items()}, path)
    return path


def weights_of(product):
    """The bytes of a safetensors file's tensors; the header before them says when it was written."""
    content = product.read_bytes()
    return content[8 + struct.unpack("<Q", content[:8])[0]:]


def write_pictures(folder, count=24, seed=0):
    """Discs on a ground of another colour, in three sizes, with captions beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    names = list(COLOURS)
    for i in range(count):
        width, height = [(96, 96), (128, 96), (80, 120)][i % 3]
        disc, ground = rng.choice(names, 2, replace=False)
        y, x = np.mgrid[:height, :width]
        inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2
        pixels = np.where(inside[..., None], COLOURS[disc], COLOURS[ground]).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
        (folder / f"{i:03}.txt").write_text(f"{PEOPLE[i % 4]}, {disc} disc, {ground} ground\n")
    return folder


def write_run(folder, **train):
    """A run's YAML for the tiny model on the pictures; returns its path."""
    write_model_config(folder / "config")
    if not (folder / "pictures").exists():
        write_pictures(folder / "pictures")
    options = {"global_batch_size": 6, "train_batch_size": 4, "max_train_steps": 12, "learning_rate": 1e-3,
               "lr_scheduler": "cosine", "lr_warmup_steps": 2, "num_threads": 1, "bucket_cap_mb": 0.02}
    options.update(train)
    run = {
        "output_dir": str(folder / "out"), "output_name": "tiny", "seed": 7,
        "model": {"config": "config"},
        "dataset": {"sources": [{"path": "pictures"}],
                    "buckets": {"resolution": 64, "min_bucket_reso": 32, "max_bucket_reso": 96, "bucket_reso_steps": 16},
                    "balance": {"target": {"girl_only": 0.4, "boy_only": 0.3}},
                    "captions": {"shuffle_caption": True, "caption_dropout_rate": 0.1},
                    "loader": {"max_data_loader_n_workers": 2}},
        "train": {name: value for name, value in options.items() if value is not None},
        "save": {"every_n_steps": 3, "precision": "fp32"},
    }
    path = folder / "run.yaml"
    path.write_text(json.dumps(run, indent=1))  # JSON is YAML
    return path
