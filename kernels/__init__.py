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
    from .augment import AUGMENT_COLUMNS, augment, augment_reference
    from .augment_draw import AugmentRanges, draw_augmentation
    from .finish import finish, finish_reference
    from .group_norm_silu import group_norm_silu, group_norm_silu_reference
    from .guided_step import guided_step, guided_step_reference
    from .philox_normal import philox_normal, philox_normal_, philox_normal_reference

    __all__ = [
        "ATTENTION_BACKENDS",
        "AUGMENT_COLUMNS",
        "AugmentRanges",
        "LibraryStatus",
        "attention_not_supported_reasons",
        "augment",
        "augment_reference",
        "draw_augmentation",
        "finish",
        "finish_reference",
        "group_norm_silu",
        "group_norm_silu_reference",
        "guided_step",
        "guided_step_reference",
        "memory_efficient_attention",
        "memory_efficient_attention_reference",
        "native_library_status",
        "philox_normal",
        "philox_normal_",
        "philox_normal_reference",
        "resolve_attention_backend",
    ]
