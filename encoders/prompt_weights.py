"""Weights of prompts by how sure unlabelled images are of some class (ZPE, arXiv 2302.06235)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base.errors import InputError
from .dual_encoder import DualEncoder


def zpe_scores(
    encoder: DualEncoder,
    texts: Sequence[Sequence[str]],
    vectors: Tensor,
    pretraining: Tensor | None = None,
) -> Tensor:
    """The score of each of P prompts, float32 `[P]`, by zero-shot prompt ensembling.

    With the logits l[i, p, c] = scale * <image i, text of class c by prompt p> and their averages
    over the images, E_test[p, c], and over images such as the encoder learnt from, E_pre[p, c]:

        score[p] = mean over i of max over c of (l[i, p, c] - (E_test[p, c] + E_pre[p, c]) / 2)

    Texts that are alike to all images, which have words that are frequent in captions, so count no
    more than others. Without images for the latter average it is left out, as the paper does in
    comparison: the first one alone is taken off.

    Args:
        encoder: what embeds the texts.
        texts: of each prompt, K: the classes' in order.
        vectors: unit vectors of unlabelled images, `[N, D]`.
        pretraining: unit vectors `[M, D]` of images such as the encoder learnt from.

    Raises `InputError` for no images.
    """
    if not len(vectors) or (pretraining is not None and not len(pretraining)):
        raise InputError("prompts are weighted by unlabelled images, and there are none: give some")
    means = [vectors.mean(0)] if pretraining is None else [vectors.mean(0), pretraining.mean(0)]
    usual = torch.stack(means).mean(0)  # what is taken off is linear in the images
    scores = []
    for of_prompt in texts:
        of_classes = encoder.embed_texts(of_prompt)  # [K, D]
        normalized = encoder.scale * (vectors - usual) @ of_classes.T  # [N, K]
        scores.append(normalized.max(1).values.mean())
    return torch.stack(scores)


def zpe_weights(scores: Tensor, temperature: float = 1.0) -> list[float]:
    """Weights that add up to 1: the softmax of scores `[P]`; a higher temperature evens them out.

    Raises `InputError` for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise InputError(f"prompt temperature is {temperature}: it must be above 0")
    weights: list[float] = (scores.double() / temperature).softmax(0).tolist()
    return weights
