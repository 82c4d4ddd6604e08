"""Peers on other engines: `optimum`'s pipelines, which have the interface of those of `diffusers`.

https://huggingface.co/docs/optimum-onnx and https://huggingface.co/docs/optimum-intel. They export
when they load, so that a process's peak memory counts that, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ...base import InputError

_HINTS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


def load_onnxruntime(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """A pipeline on ONNX Runtime, exported by `optimum` anew.

    Raises `InputError` where `optimum-onnx` is not installed.
    """
    try:
        from optimum.onnxruntime import ORTDiffusionPipeline
    except ModuleNotFoundError as error:
        _tell_absence(error, "optimum-onnx", "onnxruntime")
        raise
    on_gpu = device.type == "cuda"
    pipeline = ORTDiffusionPipeline.from_pretrained(
        folder,
        export=True,
        trust_remote_code=False,
        torch_dtype=dtype,
        provider="CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider",
        provider_options={"device_id": device.index or 0} if on_gpu else None,
    )
    return pipeline


def load_openvino(
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    *,
    shape: tuple[int, int, int] | None,
) -> Any:
    """A pipeline on OpenVINO, exported by `optimum` anew, that computes in `dtype`.

    `shape` is the batch of prompts and height and width in pixels for which the guide has models
    reshaped, which fits guided calls alone; None leaves all sizes open. Raises `InputError` where
    `optimum-intel` is not installed, and for a GPU.
    """
    if device.type != "cpu":
        raise InputError(f"OpenVINO does not run on {device}: choose --device cpu")
    try:
        from optimum.intel import OVDiffusionPipeline
    except ModuleNotFoundError as error:
        _tell_absence(error, "optimum-intel", "openvino")
        raise
    pipeline = OVDiffusionPipeline.from_pretrained(
        folder,
        export=True,
        trust_remote_code=False,
        compile=False,
        load_in_8bit=False,  # else large models are quantised without being asked
        device="CPU",
        ov_config={"INFERENCE_PRECISION_HINT": _HINTS[dtype]},
    )
    if shape is not None:
        batch_size, height, width = shape
        pipeline.reshape(batch_size=batch_size, height=height, width=width, num_images_per_prompt=1)
    pipeline.compile()
    return pipeline


def _tell_absence(error: ModuleNotFoundError, package: str, extra: str) -> None:
    """Raise `InputError` if it is `package` that is missing, not what that needs in turn."""
    if (error.name or "").partition(".")[0] == "optimum":
        raise InputError(f"{package} is not installed: pip install '{package}[{extra}]'") from None
