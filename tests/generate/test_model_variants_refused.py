"""Model folders that cannot be run as the unmodified pipeline would: the true reason."""

import shutil

import pytest
from model_folders import config, index, named

from zeroreal.base import InputError
from zeroreal.generate import SampleSpec

SPEC = SampleSpec(0, 0, "a shoe", guidance=4.0, seed=5, negative_prompt="")


def pickled(folder):
    """As folders were saved before safetensors."""
    for path in (folder / "unet").glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))


REFUSED = {
    "pickles": (pickled, r"unet' has its weights only as pickle \(diffusion_pytorch_model.bin\)"),
    "thresholding": (
        named("DDIMScheduler", thresholding=True, clip_sample=False),
        "set thresholding to false in its configuration",
    ),
    "numbers that are not finite": (  # the pipeline's image is not a number
        named("UniPCMultistepScheduler", solver_type="bh1", predict_x0=False),
        "step 5 gives numbers that are not finite",
    ),
    "heads by name": (config("unet", num_attention_heads=4), "define the number of attention head"),
    "dual attention": (  # the pipeline raises a TypeError
        config("unet", dual_cross_attention=True),
        "attends to two contexts",
    ),
    "classes": (config("unet", class_embed_type="timestep"), "is conditioned on classes"),
    "mask": (config("text_encoder", use_attention_mask=True), "masks what pads a prompt"),
    "flow": (named("FlowMatchEulerDiscreteScheduler"), "unknown scheduler 'FlowMatchEuler"),
    "projection": (
        index(text_encoder=["transformers", "CLIPTextModelWithProjection"]),
        "lacks tensor 'text_projection.weight'",
    ),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_what_cannot_be_as_in_the_pipeline_is_refused(variant, tmp_path, generator, tiny_model):
    folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    change, complaint = REFUSED[variant]
    change(folder)
    with pytest.raises(InputError, match=complaint) as caught:
        generator(model=str(folder), steps=6, tune="off").images([SPEC])
    assert "\n" not in str(caught.value)
