"""Tensors on a GPU that is not there: they have shapes and a device, and no content.

What needs content or the CPU on the way, which on a GPU would make the host wait or copy, shows.
"""

from contextlib import contextmanager

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda:0")


class Strictness(TorchDispatchMode):
    """Notes what makes a tensor on the CPU, reads a value on the host, or copies and waits.

    Pinned memory, and copies that do not wait, are as they should be.
    """

    def __init__(self):
        super().__init__()
        self.faults = []

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        options = options or {}
        given = [leaf for leaf in tree_leaves((arguments, options)) if torch.is_tensor(leaf)]
        if operation is torch.ops.aten._local_scalar_dense.default and given[0].is_cuda:
            self.faults.append("the host reads a value")
        result = operation(*arguments, **options)
        made = [leaf for leaf in tree_leaves(result) if torch.is_tensor(leaf)]
        on_cpu = any(tensor.device.type == "cpu" for tensor in (*made, *given) if tensor.ndim)
        if on_cpu and not _waits_for_nothing(operation, arguments, options):
            self.faults.append(f"{operation} has a tensor on the CPU")
        return result


def _waits_for_nothing(operation, arguments, options):
    if operation is torch.ops.aten.copy_.default:
        return options.get("non_blocking", arguments[2:] == (True,))
    return operation is torch.ops.prim.device.default or options.get("pin_memory", False)


@contextmanager
def fake_device():
    """Inside, tensors are fake."""
    with FakeTensorMode() as mode:
        yield mode


@contextmanager
def strictly():
    """Inside, nothing may leave the device; to be entered within `fake_device`."""
    with Strictness() as strictness:
        yield
    assert not strictness.faults, strictness.faults


def made_of(kind, folder, dtype):
    """A diffusers model of class `kind` by the configuration in a folder, its weights fake."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with CUDA:
            return kind.from_config(kind.load_config(folder))
    finally:
        torch.set_default_dtype(before)


def empty(*shape, dtype=torch.float32):
    """A tensor on the device."""
    return torch.empty(shape, dtype=dtype, device=CUDA)


def sent(tensor, device):
    """In place of `to_device`, whose pinned memory needs a driver."""
    return torch.empty_like(tensor, device=device)
