"""Weights loaded with the library's report read: what it only warns of is an error here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from .model_folder import weight_files, weight_variant

_SHOWN = 3  # names of tensors in a message


def load_checked(kind: Any, folder: Path, wanted: str | None = None, **arguments: Any) -> Any:
    """`kind.from_pretrained` of a part's own `folder`, on the CPU.

    Args:
        kind: a model class of `diffusers` or `transformers`.
        folder: with configuration and safetensors files.
        wanted: which variant of them, where there is one.
        arguments: for `from_pretrained`.

    Raises:
        InputError: where tensors are missing, which would be whatever lay in memory, or where there
            are such as the model does not have; besides whatever the library raises.
    """
    module, report = kind.from_pretrained(
        folder,
        use_safetensors=True,
        variant=weight_variant(folder, wanted),
        output_loading_info=True,
        **arguments,
    )
    missing, unexpected = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    if missing or unexpected:
        files = weight_files(folder, wanted)
        where = f"file {str(files[0])!r}" if len(files) == 1 else f"folder {str(folder)!r}"
        faults = [f"lacks {_some(missing)}"] if missing else []
        faults += [f"has {_some(unexpected)} too many"] if unexpected else []
        raise InputError(
            f"model {where} {' and '.join(faults)} for the {kind.__name__} of its configuration: "
            "copy it again, with its config.json"
        )
    return module


@contextmanager
def no_loading_bar() -> Iterator[None]:
    """Inside, `transformers` draws no bar while it loads weights."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _some(names: Collection[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(repr(name) for name in list(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"tensor{'s' if len(names) > 1 else ''} {shown}{more}"
