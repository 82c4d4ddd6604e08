"""The settings whose effect is measured: each lever alone, and those together that do no harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BASELINE = "baseline"
"""12 steps of the model's own DPM-Solver++ (2M), with guidance at all of them."""

_FLOAT8 = {"engine": "torch:simulated", "precision": "fp8"}
_OWN = {"unet": "own", "steps": 12}

CHANGES: Mapping[str, Mapping[str, Any]] = {
    BASELINE: {},
    "4-steps": {"steps": 4},
    "6-steps": {"steps": 6},
    "8-steps": {"steps": 8},
    "ddim": {"scheduler": "DDIMScheduler"},
    "euler-ancestral": {"scheduler": "EulerAncestralDiscreteScheduler"},
    # The noise levels of the 12 steps go from 14.6 down to 0.3.
    "guidance-0.6-6": {"guidance_interval": (0.6, 6.0)},
    "guidance-1-15": {"guidance_interval": (1.0, 15.0)},
    "deep-cache-2": {"deep_cache": 2},
    "deep-cache-3": {"deep_cache": 3},
    "tiny-vae": {"vae": "tiny"},
    "24-pixels": {"generate_size": 24, "image_size": 32},
    "8-steps-deep-cache-2": {"steps": 8, "deep_cache": 2},
    "fp8-simulated": _FLOAT8,
    "few-step-4": {"unet": "few-step", "steps": 4},
    "few-step-2": {"unet": "few-step", "steps": 2},
    "few-step-1": {"unet": "few-step", "steps": 1},
    "few-step-4-first-1": {"unet": "few-step", "steps": 4, "first_steps": 1},
    "few-step-4-tiny-vae": {"unet": "few-step", "steps": 4, "vae": "tiny"},
    "few-step-4-fp8-simulated": {"unet": "few-step", "steps": 4, **_FLOAT8},
    "few-step-2-tiny-vae": {"unet": "few-step", "steps": 2, "vae": "tiny"},
}
"""What each changes of the baseline."""

SIMULATED: Mapping[str, str] = {
    "fp8-simulated": BASELINE,
    "few-step-4-fp8-simulated": "few-step-4",
}
"""Levers of other devices, and what their images are compared to. They have no speed here, so no
time budget can choose them."""

LEVERS: Mapping[str, Mapping[str, Any]] = {
    name: {**_OWN, **change} for name, change in CHANGES.items()
}
"""The fields of `GenerateSettings` of each."""
