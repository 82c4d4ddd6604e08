"""The generator: sample specs in, batches of uint8 images on the device out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..base import InputError, keep_freed_memory, resolve_device
from ..base.memory import is_out_of_memory
from ..base.transfer import to_device
from ..engine import Cache, GraphMemory
from ..export import find_model, load_engines
from ..kernels import philox_normal
from .facts import GeneratorFacts, precision_name, tokenizers_of
from .filters.inspection import Inspection
from .filters.left_out import LeftOut
from .filters.quality import PICTURES_ONLY, Quality
from .image_batch import ImageBatch, labels_of
from .plan.samples import SamplePlan, SampleSpec, texts_of
from .sampling.batches import BatchQueue, Draft
from .sampling.conditions import check_plan, check_served, conditions_of
from .sampling.decoder import Decoded, Decoder
from .sampling.sampler import Sampler
from .sampling.stages import StageSeconds
from .sampling.text import Conditions, TextEmbeddings
from .settings import GenerateSettings
from .suited import denoising_of, suited
from .tuning.request import OnProgress, TuneRequest
from .tuning.tune import tuned_choice

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Enqueued:
    """A batch whose work the device has been given."""

    drafts: list[Draft]
    labels: Tensor
    decoded: Decoded


class Generator:
    """Generates images with a latent diffusion model.

    On a GPU, a batch is decoded on a stream of its own while the next one is denoised, and the host
    waits for the device only to hand over a finished batch. What does not fit into memory is tried
    again in batches of half the size.

    Args:
        settings: how images are generated; by default the embedded model's defaults.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        guided: whether images will have guidance, for which tuning then measures.
        images: about how many there will be; tuning takes no longer than suits them. None: many.
        cache: where exports, engines and tunings are kept; by default the user's.
        on_progress: told of exporting, which `onnxruntime` and `tensorrt` do on first use, and of
            tuning.
        changes: fields of `GenerateSettings` in place of those of `settings`: `steps=8`.

    Raises `InputError` for anything that cannot be used.
    """

    def __init__(
        self,
        settings: GenerateSettings | None = None,
        *,
        device: str = "auto",
        guided: bool = True,
        images: int | None = None,
        cache: Cache | None = None,
        on_progress: OnProgress = lambda progress: None,
        **changes: Any,
    ) -> None:
        settings = self._settings = replace(settings or GenerateSettings(), **changes)
        self.device = resolve_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.folder = find_model(settings.model, settings.variant)
        settings = self._settings = suited(self.folder, settings)
        cache = cache or Cache()
        denoising = self._denoising = denoising_of(self.folder, settings, cache)
        self.schedule, self.calls = denoising.schedule, denoising.calls
        request = TuneRequest(self.device, settings, guided)
        choice = self._choice = tuned_choice(self.folder, request, cache, on_progress, images)
        self._engine = f"{choice.backend}:{choice.variant}" if choice.variant else choice.backend
        self.engines = load_engines(self.folder, choice, cache, on_progress)
        self.batch_size = choice.batch_size
        self.dtype = self.engines.dtype
        self.image_size = settings.image_size or min(self.engines.generate_size)
        self.text = TextEmbeddings(
            tokenizers_of(self.folder, denoising.info, settings),
            self.engines.text_encoder,
            self.dtype,
            denoising.info.empty_negative_is_zero,
        )
        graphs = GraphMemory.on(self.device) if choice.cuda_graphs else None
        self.seconds = StageSeconds(self.device)
        self._sampler = Sampler(
            self.engines.denoise,
            self.schedule,
            denoising.calls,
            self.engines.denoise_shallow,
            graphs,
            self.seconds.part,
            self.engines.denoise_first,
        )
        decoder, most = self.engines.vae_decoder, choice.vae_batch_size or choice.batch_size
        assert decoder is not None
        self._decoder = Decoder(decoder, self.image_size, most, self.seconds.part)
        self._left_out = LeftOut(self.dtype)
        self.rejected = self._left_out.specs
        """Samples whose image was no picture at any attempt: blank, saturated or not finite."""
        self.rejections = self._left_out.reasons
        """Of each sample in `rejected`, the reason of every attempt."""

    def generate(
        self,
        specs: Iterable[SampleSpec],
        done: Container[int] = (),
        *,
        quality: Quality = PICTURES_ONLY,
    ) -> Iterator[ImageBatch]:
        """Yield the images of `specs`, `batch_size` at a time, each once.

        Those whose index is in `done` are left out. Batches are formed as if they were not, so that
        what is missing comes out to the bit as it would have in one go.

        Images with and without guidance come in batches of their own, so not in the order of
        `specs`. An image that is no picture (blank, saturated or not finite) or that a filter of
        `quality` rejects is made again from other noise. What is no picture at its last attempt
        either is left out, which is said, and its sample is in `rejected`; what a filter rejects at
        its last attempt is handed over with the reason. Filters begin anew with each call and see
        what is handed over or might be, so nothing of `done`: with a filter that remembers images,
        what is missing may then come out otherwise.
        """
        inspection = Inspection(quality, done, self.device)
        queue = BatchQueue(specs, self._encode_prompts)
        enqueued: deque[_Enqueued] = deque()
        ahead = 1 if self.device.type == "cuda" else 0
        while True:
            drafts = queue.take(self.batch_size)
            if drafts and all(draft.spec.index in done for draft in drafts):
                continue
            if drafts:
                batch = self._enqueue(drafts)
                if batch is None:
                    queue.put_back(drafts)
                    continue
                enqueued.append(batch)
            if not enqueued:
                return
            if not drafts or len(enqueued) > ahead:
                finished = self._hand_over(enqueued.popleft(), inspection, queue)
                if finished.specs:
                    yield finished

    def images(self, specs: Iterable[SampleSpec]) -> tuple[Tensor, Tensor]:
        """All images of `specs`, uint8 `[N, size, size, 3]`, and labels, int64 `[N]`, in order."""
        if not (wanted := list(specs)):
            raise InputError("no samples were asked for: give at least one spec")
        batches = list(self.generate(wanted))
        if not batches:
            raise InputError(
                "every image was blank, saturated or not finite: try another precision"
            )
        images = torch.cat([batch.images for batch in batches])
        labels = torch.cat([batch.labels for batch in batches])
        place = {id(spec): number for number, spec in enumerate(wanted)}
        places = torch.tensor([place[id(spec)] for batch in batches for spec in batch.specs])
        order = to_device(places.argsort(), self.device)
        return images[order], labels[order]

    @torch.inference_mode()
    def trajectories(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The latents of `specs` before the first and after every step, as one batch.

        float32 `[steps + 1, B, C, H/8, W/8]`; what distilling learns from.
        """
        with self._on_device():
            return self._sampler.trajectory(*self._given([Draft(spec) for spec in specs]))

    def check_prompts(self, plan: SamplePlan, tell: bool = True) -> None:
        """Say how many prompts of a plan are too long for the model; `generate` then does not.

        Without `tell`, another process says it. `InputError` for what the model cannot make.
        """
        check_plan(plan, self._denoising.distilled)
        self.text.check(texts_of(plan, self._settings.negative_prompt) if tell else ())

    def noise(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The standard normal noise that images start from, float32 `[B, C, H/8, W/8]`."""
        seeds = torch.tensor([spec.seed for spec in specs])
        return philox_normal(to_device(seeds, self.device), self._latent_shape, 0)

    @property
    def facts(self) -> GeneratorFacts:
        """What the generator settled on."""
        return GeneratorFacts(
            folder=self.folder,
            scheduler=f"{self.schedule.scheduler}Scheduler",
            unet=self._settings.unet,
            steps=self._settings.steps or 0,
            engine=self._engine,
            backend=self.engines.backend,
            attention=self._choice.attention,
            cuda_graphs=self._choice.cuda_graphs,
            precision=precision_name(self._choice.precision, self.dtype),
            dtype=self.dtype,
            generate_size=self.engines.generate_size,
            image_size=self.image_size,
            batch_size=self.batch_size,
            vae_batch_size=self._decoder.batch_size,
        )

    @property
    def _latent_shape(self) -> tuple[int, int, int]:
        info = self.engines.info
        height, width = (side // info.vae_scale for side in self.engines.generate_size)
        return info.latent_channels, height, width

    def _encode_prompts(self, specs: Sequence[SampleSpec]) -> None:
        try:
            with self._on_device(), self.seconds.stage("text"):
                self.text.add(spec.prompt for spec in specs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # What is missing is encoded with its batch, which is halved until it fits.

    def _on_device(self) -> AbstractContextManager[object]:
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def _enqueue(self, drafts: list[Draft]) -> _Enqueued | None:
        """Give the device the work of a batch; None where it did not fit, with less to do then."""
        try:
            with self._on_device(), torch.inference_mode():
                return self._work(drafts)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler: the error holds on to the tensors of the work that failed.
        self._halve_batch(len(drafts))
        return None

    def _work(self, drafts: list[Draft]) -> _Enqueued:
        specs = [draft.spec for draft in drafts]
        with self.seconds.stage("text"):
            given = self._given(drafts)
        with self.seconds.stage("denoise"):
            latents = self._sampler(*given)
        labels = labels_of(specs, self.device)
        with self._decoder.stream_of(latents) as kept, self.seconds.stage("decode"):
            return _Enqueued(drafts, labels, self._decoder(kept))

    def _given(self, drafts: list[Draft]) -> tuple[Tensor, tuple[int, int, int], Conditions]:
        """What the sampler takes."""
        specs, size = [draft.spec for draft in drafts], self.engines.generate_size
        check_served(specs, self._denoising.distilled)
        info, away = self.engines.info, self._settings.negative_prompt
        if self._settings.first_steps:
            info = replace(info, guidance_channels=None)  # these have guidance of their own
        conditions = conditions_of(specs, self.text, info, size, self.device, away)
        seeds = to_device(torch.tensor([draft.seed for draft in drafts]), self.device)
        return seeds, self._latent_shape, conditions

    def _halve_batch(self, failed: int) -> None:
        height, width = self.engines.generate_size
        if failed == 1:
            raise InputError(
                f"one image of {height}x{width} pixels does not fit into the memory of "
                f"{self.device}: generate at a smaller size, in a narrower precision, or free some"
            )
        self.batch_size = failed // 2
        _log.warning(
            "%d images of %dx%d pixels at once do not fit into the memory of %s: going on with %d",
            failed,
            height,
            width,
            self.device,
            self.batch_size,
        )
        self._sampler.release()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _hand_over(self, batch: _Enqueued, inspection: Inspection, queue: BatchQueue) -> ImageBatch:
        """Wait for a batch and sort out what is not good enough, and what is done already."""
        batch.decoded.wait()
        self.seconds.settle()
        found = inspection(batch.drafts, batch.decoded, batch.labels)
        queue.put_back(found.again)
        self._left_out.add(found.left_out, len(found.finished.specs))
        return found.finished
