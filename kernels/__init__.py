"""Native kernels behind `torch.library` operators, each with a plain PyTorch reference."""

# With the repository's root on sys.path, as under `python -m`, transformers finds this folder when
# it looks for the Hub's package `kernels`, and imports it by that name: then there is nothing here.
if __name__ != "kernels":
    from ._native import LibraryStatus, native_library_status
    from .attention import (
        ATTENTION_BACKENDS,
        attention_not_supported_reasons,
        memory_efficient_attention,
        memory_efficient_attention_reference,
        resolve_attention_backend,
    )
    from .finish import finish, finish_reference

    __all__ = [
        "ATTENTION_BACKENDS",
        "LibraryStatus",
        "attention_not_supported_reasons",
        "finish",
        "finish_reference",
        "memory_efficient_attention",
        "memory_efficient_attention_reference",
        "native_library_status",
        "resolve_attention_backend",
    ]
