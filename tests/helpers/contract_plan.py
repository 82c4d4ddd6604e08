"""A plan in TensorRT's place that holds its caller to TensorRT's contract, on a stand-in GPU.

Every address must be aligned to 256 bytes in memory that is still there, every run be on another
stream than the default one, and what it reads and writes be ordered with all else.
"""

import ctypes
import weakref
from types import SimpleNamespace

import torch
from torch.utils._python_dispatch import _disable_current_modes

NAMES = {torch.float32: "FLOAT", torch.int64: "INT64", torch.float16: "HALF"}


class ContractPlan:
    """As an `ICudaEngine` of the graph `spec`, which computes with `compute(**inputs)`."""

    def __init__(self, spec, compute, cuda, memory=1000):
        self.spec, self.compute, self.cuda = spec, compute, cuda
        self.tensors = {tensor.name: tensor for tensor in (*spec.inputs, *spec.outputs)}
        self.num_io_tensors, self.device_memory_size_v2 = len(self.tensors), memory
        self.contexts, self.made = weakref.WeakSet(), 0

    def get_tensor_name(self, index):
        return list(self.tensors)[index]

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=NAMES[self.tensors[name].dtype])

    def get_tensor_shape(self, name):
        return [-1 if isinstance(size, str) else size for size in self.tensors[name].shape]

    def make(self):
        """As `ContextMaker.make`."""
        context = _Context(self)
        self.contexts.add(context)
        self.made += 1
        return context

    def save_kernels(self):
        """As `ContextMaker.save_kernels`."""


class _Context:
    """As an `IExecutionContext`."""

    def __init__(self, plan):
        self.plan, self.shapes, self.addresses, self.memory = plan, {}, {}, (0, 0)

    def set_input_shape(self, name, shape):
        assert name not in self.shapes, "graphs recorded with this context would be invalid"
        self.shapes[name] = shape

    def set_device_memory(self, address, size):
        self.memory = (address, size)

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        cuda, spec = self.plan.cuda, self.plan.spec
        assert self.memory[1] >= self.plan.device_memory_size_v2
        if stream == 0:
            cuda.order.fault(f"{spec.name} runs on the default stream")
        for name, address in (*self.addresses.items(), ("its working memory", self.memory[0])):
            block = cuda.order.block_at(address)
            if block is None or (address - block.begin) % 256:
                cuda.order.fault(f"the address of {name} of {spec.name} is not aligned")
        call = _Call(self)
        if cuda.recorded is not None:
            cuda.recorded.add(call, (), {}, None, call.accesses)
        else:
            cuda.enqueue(call.name(), call.accesses, f"stream {stream}")
            call()
        return True


class _Call:
    """A run with the addresses that the context has now."""

    def __init__(self, context):
        self.plan = plan = context.plan
        sizes = {
            name: size
            for tensor in plan.spec.inputs
            for name, size in zip(tensor.shape, context.shapes[tensor.name], strict=True)
        }
        self.tensors = {
            tensor.name: _tensor_at(
                context.addresses[tensor.name],
                tensor.dtype,
                [sizes.get(size, size) for size in tensor.shape],
            )
            for tensor in plan.tensors.values()
        }
        written = {tensor.name for tensor in plan.spec.outputs}
        begin, size = context.memory
        self.accesses = [(begin, begin + size, True)]
        for name, tensor in self.tensors.items():
            self.accesses.append(
                (tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes, name in written)
            )

    def name(self):
        return f"the plan of {self.plan.spec.name}"

    def __call__(self):
        with torch.inference_mode(), torch._C.DisableTorchFunction(), _disable_current_modes():
            given = {tensor.name: self.tensors[tensor.name] for tensor in self.plan.spec.inputs}
            for name, result in self.plan.compute(**given).items():
                self.tensors[name].copy_(result)


def _tensor_at(address, dtype, shape):
    count = torch.Size(shape).numel()
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(address)
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        return torch.frombuffer(memory, dtype=dtype, count=count).view(shape)
