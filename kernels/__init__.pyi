from ._add_layer_norm import add_layer_norm, add_layer_norm_reference
from ._attention import memory_efficient_attention, memory_efficient_attention_reference
from ._attention_backends import (
    ATTENTION_BACKENDS,
    attention_not_supported_reasons,
    resolve_attention_backend,
)
from ._augment import augment
from ._augment_check import AUGMENT_COLUMNS
from ._augment_draw import draw_augmentation
from ._augment_reference import augment_reference
from ._finish import finish, finish_reference
from ._geglu import geglu, geglu_reference
from ._group_norm_silu import group_norm_silu, group_norm_silu_reference
from ._guided_step import guided_step, guided_step_reference
from ._native import LibraryStatus, native_library_status
from ._operators import references_only
from ._philox_normal import philox_normal, philox_normal_, philox_normal_reference
from .augment_ranges import AugmentRanges

__all__ = [
    "ATTENTION_BACKENDS",
    "AUGMENT_COLUMNS",
    "AugmentRanges",
    "LibraryStatus",
    "add_layer_norm",
    "add_layer_norm_reference",
    "attention_not_supported_reasons",
    "augment",
    "augment_reference",
    "draw_augmentation",
    "finish",
    "finish_reference",
    "geglu",
    "geglu_reference",
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
    "references_only",
    "resolve_attention_backend",
]
