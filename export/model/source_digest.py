"""A digest of all that decides what a model computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base.digest import digest_once, key_digest
from .distilled import EMBEDDING_FILE, LORA_FILE, RECORD
from .lora import Lora
from .model_folder import weight_files
from .model_info import read_model_info, text_encoder_values
from .textual_inversion import TextualInversion


def source_digest(
    folder: Path,
    loras: Sequence[Lora] = (),
    vae: Path | None = None,
    unet: Path | None = None,
    distilled_lora: Path | None = None,
    *,
    variant: str | None = None,
    inversions: Sequence[TextualInversion] = (),
    clip_skip: int = 0,
) -> str:
    """SHA-256 over the weights, the parts' configurations and the LoRA files with their scales.

    And over textual inversions with their words, over layers of the text encoders that are left
    out, and over the length of prompts, where the tokenizer's is less than the text encoder's.

    `vae` and `unet` are the folders of others than the model's own, `distilled_lora` is that of a
    LoRA that goes into the UNet, `variant` which weights are read where there are several.
    """
    info = read_model_info(folder)
    parts = {name: folder / name for name in info.text_encoders}
    parts |= {"unet": unet or folder / "unet", "vae": vae or folder / "vae"}
    content = {
        f"{name}/{path.name}": digest_once(path)
        for name, part in parts.items()
        for path in (*weight_files(part, variant), part / "config.json", part / RECORD)
        if path.name != RECORD or path.exists()
    }
    merged = [[digest_once(lora.path), lora.scale] for lora in loras]
    text = text_encoder_values(folder / info.text_encoders[0])
    is_shorter = info.tokens < text["max_position_embeddings"]
    shorter = {"tokens": info.tokens} if is_shorter else {}
    # Only where there are any: digests of what has none stay as they were.
    more: dict[str, Any] = {"clip_skip": clip_skip} if clip_skip else {}
    if distilled_lora is not None:
        files = (LORA_FILE, EMBEDDING_FILE, RECORD)
        more["distilled_lora"] = {name: digest_once(distilled_lora / name) for name in files}
    if inversions:
        more["inversions"] = [[digest_once(one.path), one.token] for one in inversions]
    return key_digest({"files": content, "lora": merged, **shorter, **more})
