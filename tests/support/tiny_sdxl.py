"""A pipeline with SDXL's proportions (64 channels a head, 32 groups a norm) and random weights, made by diffusers and
transformers: what a single file says of it is all there is to say."""

import torch

UNET = {
    "sample_size": 16, "in_channels": 4, "out_channels": 4, "block_out_channels": [64, 128], "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2], "attention_head_dim": [1, 2], "cross_attention_dim": 64 + 128,
    "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 128 + 6 * 256, "norm_num_groups": 32,
}
VAE = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [32, 64], "layers_per_block": 1,
    "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2,
    "scaling_factor": 0.13025, "sample_size": 1024, "force_upcast": True,
}
SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1,
    "timestep_spacing": "leading",
}


def text_config(width, act, vocabulary=49408):
    from transformers import CLIPTextConfig
    return CLIPTextConfig(vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
                          num_attention_heads=width // 64, max_position_embeddings=77, projection_dim=width,
                          hidden_act=act, bos_token_id=0, eos_token_id=2, pad_token_id=1)


def make_pipeline(folder, seed=0, vocabulary=49408, **scheduler):
    """Writes the folder; no part's weights are left at a constant."""
    import json

    from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection
    torch.manual_seed(seed)
    parts = {
        "unet": UNet2DConditionModel(**UNET),
        "vae": AutoencoderKL(**VAE),
        "text_encoder": CLIPTextModel(text_config(64, "quick_gelu", vocabulary)),
        "text_encoder_2": CLIPTextModelWithProjection(text_config(128, "gelu", vocabulary)),
    }
    for name, part in parts.items():
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        part.save_pretrained(folder / name)
    EulerDiscreteScheduler(**SCHEDULER | scheduler).save_pretrained(folder / "scheduler")
    index = {"_class_name": "StableDiffusionXLPipeline", "scheduler": ["diffusers", "EulerDiscreteScheduler"]}
    for name, part in parts.items():
        library = "transformers" if name.startswith("text") else "diffusers"
        index[name] = [library, type(part).__name__]
    (folder / "model_index.json").write_text(json.dumps(index))
    return parts
