"""The peer: the published diffusion classifier's own loop, on a pipeline of `diffusers`.

As `eval_prob_adaptive.py` of arXiv 2303.16203 goes: image by image; of each stage a list of all
timesteps and classes, in batches; text embeddings are computed once. The noise is ours, and so are
the timesteps, so that both do the same work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import InputError
from ...generate.diffusion_classifier.stages import Stage, stage_timesteps
from ...generate.plan import philox
from ...generate.plan.philox import Stream
from ...kernels import philox_normal

_PREDICTIONS = ("epsilon", "v_prediction")


class PlainLoop:
    """Classifies images one by one.

    Args:
        pipeline: of `diffusers`, on its device.
        prompts: of the classes.
        stages: timesteps, and how many classes are kept after them.
        batch_size: evaluations of the UNet together, at most.
        seed: of the noise.

    Raises `InputError` for a model that predicts neither noise nor v.
    """

    def __init__(
        self,
        pipeline: Any,
        prompts: Sequence[str],
        stages: Sequence[Stage],
        batch_size: int,
        seed: int,
    ) -> None:
        import diffusers

        self._pipeline, self._batch_size, self._seed = pipeline, batch_size, seed
        self._scheduler: Any = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
        if self._scheduler.config.prediction_type not in _PREDICTIONS:
            raise InputError(
                f"the loop knows models that predict {' or '.join(_PREDICTIONS)}, not "
                f"{self._scheduler.config.prediction_type}: give another model"
            )
        timesteps = stage_timesteps(stages, self._scheduler.config.num_train_timesteps)
        self._stages = list(zip(timesteps, (stage.keep for stage in stages), strict=True))
        self._classes = len(prompts)
        self._text = self._conditions(list(prompts))

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> tuple[Tensor, int]:
        """Classes of images uint8 `[N, H, W, 3]`, int64 `[N]`, and evaluations of the UNet."""
        labels, evaluations = [], 0
        for index, image in enumerate(images):
            latents = self._latents(image)
            seed = torch.tensor([philox.seed63(self._seed, index, Stream.NOISE)])
            errors: dict[int, list[float]] = {label: [] for label in range(self._classes)}
            left = list(errors)
            for timesteps, keep in self._stages:
                if len(left) == 1:
                    break
                pairs = [(label, timestep) for label in left for timestep in timesteps]
                found = self._errors(latents, seed.to(latents.device), pairs)
                for (label, _), error in zip(pairs, found, strict=True):
                    errors[label].append(error)
                evaluations += len(pairs)
                left = sorted(left, key=lambda label: sum(errors[label]))[:keep]
            labels.append(left[0])
        return torch.tensor(labels), evaluations

    def _errors(
        self, latents: Tensor, seed: Tensor, pairs: Sequence[tuple[int, int]]
    ) -> list[float]:
        """Of each class and timestep, batch by batch."""
        drawn = {
            timestep: philox_normal(seed, latents.shape[1:], timestep)
            for timestep in dict.fromkeys(timestep for _, timestep in pairs)
        }
        found: list[float] = []
        for begin in range(0, len(pairs), self._batch_size):
            labels, timesteps = zip(*pairs[begin : begin + self._batch_size], strict=True)
            noise = torch.cat([drawn[timestep] for timestep in timesteps])
            found += self._missed(latents, noise, list(timesteps), list(labels)).tolist()
        return found

    def _missed(
        self, latents: Tensor, noise: Tensor, timesteps: list[int], labels: list[int]
    ) -> Tensor:
        """The mean absolute error of the noise, float32 `[B]`; that of v is `sqrt(alpha)` times."""
        unet, device = self._pipeline.unet, latents.device
        times = torch.tensor(timesteps, device=device)
        alphas = self._scheduler.alphas_cumprod.to(device)[times].view(-1, 1, 1, 1)
        noised = alphas.sqrt() * latents + (1 - alphas).sqrt() * noise
        text = {name: _rows(value, labels) for name, value in self._text.items()}
        output = unet(noised.to(unet.dtype), times, **text, return_dict=False)[0].float()
        if self._scheduler.config.prediction_type == "epsilon":
            missed: Tensor = output - noise
        else:
            velocity = alphas.sqrt() * noise - (1 - alphas).sqrt() * latents
            missed = alphas.sqrt() * (output - velocity)
        return missed.abs().mean((1, 2, 3))

    def _latents(self, image: Tensor) -> Tensor:
        """Float32 `[1, 4, H/8, W/8]`: the mode of the posterior."""
        vae = self._pipeline.vae
        pixels = image.permute(2, 0, 1)[None].to(self._pipeline.device) / 127.5 - 1
        mode = vae.encode(pixels.to(vae.dtype)).latent_dist.mode()
        latents: Tensor = mode.float() * vae.config.scaling_factor
        return latents

    @torch.inference_mode()
    def _conditions(self, prompts: list[str]) -> dict[str, Any]:
        """What the UNet takes of the prompts, a row for each."""
        pipeline = self._pipeline
        embeddings, _, *pooled = pipeline.encode_prompt(
            prompt=prompts,
            device=pipeline.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        if not pooled:
            return {"encoder_hidden_states": embeddings}
        side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
        sizes = torch.tensor([[side, side, 0, 0, side, side]], device=pipeline.device)
        added = {"text_embeds": pooled[0], "time_ids": sizes.repeat(len(prompts), 1)}
        return {"encoder_hidden_states": embeddings, "added_cond_kwargs": added}


def _rows(value: Any, labels: list[int]) -> Any:
    if isinstance(value, dict):
        return {name: one[labels] for name, one in value.items()}
    return value[labels]
