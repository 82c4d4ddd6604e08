"""CUDA kernels on the CPU."""

from __future__ import annotations

import pytest
from emulated_cuda import Emulation


@pytest.fixture(scope="session")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Emulation:
    """Builds the CUDA kernels for the CPU."""
    return Emulation(tmp_path_factory.mktemp("emulation"))
