"""What PyTorch does for a stand-in GPU: where its tensors lie, and what its operations touch."""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

_WAITING = ("tolist", "item", "numpy", "cpu", "__bool__", "__int__", "__float__")
_BY_ROWS = {  # operations on some rows of a tensor: which argument has them, and which the numbers
    "aten::index_select": (0, 2),
    "aten::index_select.out": (0, 2),
    "aten::index_put_": (0, 1),
    "aten::index.Tensor": (0, 1),
    "aten::index_copy_": (0, 2),
    "zeroreal::augment_": (1, 2),
}


def _is_cuda(value):
    if isinstance(value, torch.device):
        return value.type == "cuda"
    return isinstance(value, str) and value.partition(":")[0] == "cuda"


class OnCpu(TorchFunctionMode):
    """Puts what is asked for on `cuda` on the CPU, and lets the host wait where it would."""

    def __init__(self, cuda):
        super().__init__()
        self.cuda = cuda

    def __torch_function__(self, function, types, arguments=(), options=None):
        options = options or {}
        name = getattr(function, "__name__", "")
        if options.pop("pin_memory", False) or name == "pin_memory":
            with self.cuda.making("pinning"):
                return (torch.clone if name == "pin_memory" else function)(*arguments, **options)
        if name in _WAITING and torch.is_tensor(arguments[0]):
            self.cuda.read_by_host(arguments[0], name)
            return function(*arguments, **options)
        is_moving = any(map(_is_cuda, (*arguments, *options.values())))
        if function is torch.device or not is_moving:
            return function(*arguments, **options)
        arguments, options = tree_map(
            lambda value: torch.device("cpu") if _is_cuda(value) else value, (arguments, options)
        )
        with self.cuda.making():
            if name == "to":
                moved = function(*arguments, **options)
                is_there = self.cuda.is_on_device(arguments[0])
                return moved.clone() if moved is arguments[0] and not is_there else moved
            return function(*arguments, **options)


class Watch(TorchDispatchMode):
    """Tells a stand-in GPU of every operation."""

    def __init__(self, cuda):
        super().__init__()
        self.cuda = cuda

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        with torch._C.DisableTorchFunction():
            return self.cuda.run(function, arguments, options or {})


def tensors(tree):
    """Those in a tree of arguments or results."""
    return [leaf for leaf in tree_leaves(tree) if torch.is_tensor(leaf)]


def draws_from_default(function, options):
    """Whether an operation takes its random numbers from the device's default generator."""
    is_random = torch.Tag.nondeterministic_seeded in function.tags
    return is_random and options.get("generator") is None


def operands(function, arguments, options):
    """The tensors that an operation takes, each with whether it is written; views take none."""
    found = []
    for place, wanted in enumerate(function._schema.arguments):
        value = arguments[place] if place < len(arguments) else options.get(wanted.name)
        alias = wanted.alias_info
        if alias is None or alias.is_write:  # else the result is a view of it
            found += [(tensor, alias is not None) for tensor in tensors(value)]
    return found


def accesses_of(function, arguments, options, result):
    """The bytes that an operation reads and writes: `(begin, end, is_write)`."""
    found = []
    rows_of, numbers_in = _BY_ROWS.get(function.name(), (None, None))
    for tensor, is_write in operands(function, arguments, options):
        if rows_of is not None and tensor is arguments[rows_of]:
            found += [(*part, is_write) for part in _rows(tensor, arguments[numbers_in])]
        else:
            found.append((*extent(tensor), is_write))
    new = fresh(result, tensors((arguments, options)))
    return [*found, *((*extent(tensor), True) for tensor in new)]


def fresh(result, taken):
    """The tensors of a result that lie in other memory than those that were taken."""
    known = {tensor.untyped_storage().data_ptr() for tensor in taken}
    return [one for one in tensors(result) if one.untyped_storage().data_ptr() not in known]


def extent(tensor):
    """The addresses of a tensor's first byte and of what lies behind its last."""
    if tensor.numel() == 0:
        return tensor.data_ptr(), tensor.data_ptr()
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in sizes)
    return tensor.data_ptr(), tensor.data_ptr() + (last + 1) * tensor.itemsize


def _rows(tensor, numbers):
    """The extents of some rows, or of the tensor where not rows are chosen."""
    found = tensors(numbers)
    if len(found) != 1 or found[0].dtype != torch.int64:
        return [extent(tensor)]
    return [extent(tensor[row]) for row in set(found[0].flatten().tolist())]
