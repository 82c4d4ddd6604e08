"""What the unmodified pipelines of `diffusers` make of a model."""

import json

import diffusers
import torch


def pipeline_of(folder):
    """The pipeline that a folder's index names, in float32."""
    kind = getattr(diffusers, json.loads((folder / "model_index.json").read_text())["_class_name"])
    pipeline = kind.from_pretrained(folder).to(torch.float32)
    encoder = pipeline.text_encoder
    if not hasattr(encoder, "text_model"):
        # The pipeline's clip skip asks for this level, which `transformers` left out in 5.6.
        object.__setattr__(encoder, "text_model", encoder)
    return pipeline


def pipeline_image(pipeline, spec, steps, noise_of, size=None, **given):
    """The image `[H, W, 3]`, 0 to 255, that a pipeline makes of a sample's prompts and noise.

    `size` is height and width in pixels; None is the model's own.
    """
    pipeline.set_progress_bar_config(disable=True)
    side = pipeline.unet.config.sample_size
    side = side if isinstance(side, int) else side[0]
    scale = pipeline.vae_scale_factor
    height, width = size or (side * scale, side * scale)
    shape = (4, height // scale, width // scale)
    with noise_of(spec.seed, shape, pipeline.scheduler) as latents:
        images = pipeline(
            spec.prompt,
            negative_prompt=spec.negative_prompt or None,
            guidance_scale=spec.guidance,
            num_inference_steps=steps,
            latents=latents,
            height=height,
            width=width,
            output_type="pt",
            **given,
        ).images
    return (images[0] * 255).round().permute(1, 2, 0)


def assert_same_image(ours, theirs):
    """Within rounding, and not of one colour."""
    assert theirs.std() > 10
    assert (ours - theirs).abs().mean() < 0.1
