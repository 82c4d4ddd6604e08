"""The record beside a distilled UNet: one of somebody else is checked."""

import json
import math
import shutil

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export.model.distilled import read_distilled

ABSURD = [
    ("format", 7),
    ("scheduler", ["DDIM"]),
    ("timestep_offsets", []),
    ("timestep_offsets", {}),
    ("timestep_offsets", {"0": 1.0}),
    ("timestep_offsets", {"four": 1.0}),
    ("timestep_offsets", {"4": "1"}),
    ("timestep_offsets", {"4": math.nan}),
    ("guidance", 3),
    ("guidance", [5.0, 1.0]),
    ("guidance", [1.0, math.inf]),
    ("guidance", [1.0]),
    ("prediction_type", 5),
    ("teacher", None),
]


@pytest.mark.parametrize(("field", "value"), ABSURD)
def test_a_value_that_cannot_be_is_told_with_its_field(tmp_path, field, value):
    path = tmp_path / "distilled.json"
    shutil.copy(TINY_FASHION / "few_step_unet" / "distilled.json", path)
    assert read_distilled(tmp_path).steps
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(InputError, match="copy the UNet again") as caught:
        read_distilled(tmp_path)
    assert str(path) in str(caught.value)
    assert f"'{field}" in str(caught.value)
