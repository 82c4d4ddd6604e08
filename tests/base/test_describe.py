"""The description of a machine."""

import torch
import torch._inductor.config

from zeroreal.base import (
    describe_device,
    describe_environment,
)

CPU = torch.device("cpu")


def test_the_environment_names_what_decides_a_figure():
    found = describe_environment(CPU)
    assert found["torch"] == torch.__version__
    assert describe_device(CPU) == found["device"]
    assert {"python", "system", "zeroreal", "diffusers", "timm"} <= set(found)
