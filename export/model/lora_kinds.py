"""Files that are given for LoRA files and are of another kind: what they are."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import InputError

# What other kinds of files have in the names of their tensors.
_OTHER_KINDS = {
    ".hada_": "LoHa",
    ".lokr_": "LoKr",
    ".lora_mid": "Tucker (LoCon)",
    ".dora_scale": "DoRA",
    ".lora_magnitude_vector": "DoRA",
    ".oft_": "OFT",
    ".on_input": "IA3",
    "bundle_emb": "embeddings of a textual inversion",
    ".diff": "whole differences of weights",
    ".a1.weight": "GLoRA",
    ".w_norm": "norms",
}

# What holds no LoRA at all, by how the names of its tensors begin, and what to do with it.
_OTHER_FILES = {
    ("emb_params", "string_to_param", "clip_l", "clip_g"): (
        "a textual inversion: give it as --textual-inversion"
    ),
    ("model.diffusion_model.", "cond_stage_model.", "first_stage_model.", "conditioner."): (
        "a whole checkpoint: give it as the model"
    ),
    (
        "controlnet_",
        "lllite_",
        "control_model.",
    ): "a ControlNet, which is not used here: leave it out",
    ("lycoris_",): "layers that LyCORIS names without their part: save it by kohya's scripts",
    ("image_proj", "ip_adapter"): "an IP-Adapter, which is not used here: leave it out",
}


def refuse_other_kind(path: Path, name: str) -> None:
    """Raise `InputError` where the name of a tensor tells that the file is of another kind."""
    file = next((kind for begins, kind in _OTHER_FILES.items() if name.startswith(begins)), None)
    if file is not None:
        raise InputError(f"LoRA file {str(path)!r} holds {name!r}: it is {file}")
    other = next((kind for part, kind in _OTHER_KINDS.items() if part in name), None)
    if other is not None:
        raise InputError(
            f"LoRA file {str(path)!r} holds {name!r}, which is of {other} and no plain LoRA "
            "layer: use a file of up and down matrices only, or a model that it was merged into"
        )
