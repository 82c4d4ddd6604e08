"""The samples that came to nothing, which is said, and is an error where all do."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from ...base.errors import InputError
from ..plan.samples import SampleSpec
from ..sampling.batches import Draft

_log = logging.getLogger(__name__)

_MOST_NAMED = 8
_ALL_BAD = 32  # images without a good one among them: the model or its precision is broken


class LeftOut:
    """Samples that were no picture at any attempt, of a generator that computes in `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.specs: list[SampleSpec] = []
        self.reasons: list[tuple[str, ...]] = []
        """Of each of them, for every attempt."""
        self._dtype = dtype
        self._accepted = 0

    def add(self, drafts: Sequence[Draft], accepted: int) -> None:
        """Note what a batch came to: `drafts`, with all their reasons, beside accepted images.

        Raises `InputError` where there are many and no image was ever accepted.
        """
        self.specs += [draft.spec for draft in drafts]
        self.reasons += [draft.reasons for draft in drafts]
        self._accepted += accepted
        if not drafts:
            return
        if not self._accepted and len(self.specs) >= _ALL_BAD:
            raise InputError(
                f"the first {len(self.specs)} images were all blank, saturated or not finite in "
                f"precision {str(self._dtype).removeprefix('torch.')}: try 'bf16' or 'fp32', or "
                "another model"
            )
        _log.warning(
            "left out %d images that were blank, saturated or not finite at every attempt: "
            "samples %s%s",
            len(drafts),
            ", ".join(str(draft.spec.index) for draft in drafts[:_MOST_NAMED]),
            ", ..." if len(drafts) > _MOST_NAMED else "",
        )
