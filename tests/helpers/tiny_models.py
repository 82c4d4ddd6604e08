"""Architectures of the published models, made tiny."""


def shrunk(description):
    """The architecture with a few narrow layers; what makes it that architecture stays."""
    two_encoders = "text_encoder_2" in description
    text = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 32,
    }
    unet = {
        **description["unet"],
        "sample_size": 8,
        "block_out_channels": [32, 64],
        "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
        "attention_head_dim": 2,
        "cross_attention_dim": 64 if two_encoders else 32,
    }
    if two_encoders:
        unet["transformer_layers_per_block"] = [1, 2]
        unet["addition_time_embed_dim"] = 8
        unet["projection_class_embeddings_input_dim"] = 6 * 8 + 32
    vae = {
        **description["vae"],
        "block_out_channels": [32, 32],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "layers_per_block": 1,
    }
    encoders = {
        part: {**settings, **text}
        for part, settings in description.items()
        if part.startswith("text_encoder")
    }
    return {**description, **encoders, "unet": unet, "vae": vae}
