"""Native kernels behind `torch.library` operators, each with a plain PyTorch reference."""

from ._native import LibraryStatus, native_library_status
from .finish import finish, finish_reference

__all__ = ["LibraryStatus", "finish", "finish_reference", "native_library_status"]
