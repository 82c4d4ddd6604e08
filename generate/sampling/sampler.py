"""Denoising: latents from noise, all steps of a batch enqueued without waiting for the device."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from ...base.aligned_rows import aligned_rows
from ...base.fences import Fence, fences_on
from ...engine import Engine, GraphMemory, Recording, record
from ...export import Schedule
from ...kernels import philox_normal_
from .stages import unseen
from .steps import Call, plan_calls
from .text import Conditions

Keep = Callable[[Tensor], None]

_OF_ROWS = ("text_embeddings", "pooled", "time_ids")
_OF_GUIDANCE = ("rows", "unconditional")
_MOST_SHAPES = 4


class Sampler:
    """Denoises batches by the steps of a schedule, with guidance of its own for every image.

    What a batch of one shape reads and writes is allocated when that shape first comes, and used
    again for every later one. Nothing waits for the device but recording, and giving memory back.
    Calls must be ordered among themselves, as on one stream.

    Args:
        engine: a whole step: UNet, guidance and the scheduler's update; see `DenoiseStep`.
        schedule: the steps.
        calls: how each of them calls the model; by default fully and with guidance.
        shallow: the engine of the steps whose call is not full (DeepCache, arXiv 2312.00858).
        first: the engine of the first steps, where the others are a distilled model's.
        graphs: where given, a shape's steps are recorded as one CUDA graph when it comes again, but
            for those of fewer images than came before: what is left at an end comes in any number.
        part: is told of each `step`; see `StageSeconds.part`.
    """

    def __init__(
        self,
        engine: Engine,
        schedule: Schedule,
        calls: Sequence[Call] | None = None,
        shallow: Engine | None = None,
        graphs: GraphMemory | None = None,
        part: Callable[[str], AbstractContextManager[object]] = unseen,
        first: Engine | None = None,
    ) -> None:
        calls = calls or plan_calls([True] * len(schedule.steps))
        self._steps = _Steps(engine, shallow, first, schedule, calls, part)
        self._graphs, self._largest = graphs, 0
        self._fences = fences_on(engine.device)
        self._enqueued: Fence | None = None
        self._trajectories: OrderedDict[tuple[torch.Size, ...], _Trajectory] = OrderedDict()

    @torch.inference_mode()
    def __call__(self, seeds: Tensor, shape: tuple[int, int, int], given: Conditions) -> Tensor:
        """Latents `[B, *shape]` float32 from the noise of `seeds`, int64 `[B]`.

        `given` are those inputs of the engine that stay the same in every step: text embeddings,
        guidance `[B]` (classifier-free guidance, arXiv 2207.12598) and rows. The next call with
        the same shapes overwrites the result.
        """
        key = (seeds.shape, *(tensor.shape for tensor in given.values()))
        self._largest = max(self._largest, len(seeds))
        trajectory, graphs = self._trajectories.get(key), None
        if trajectory is None:
            if len(self._trajectories) == _MOST_SHAPES:
                self._wait()
                self._trajectories.popitem(last=False)
            trajectory = self._trajectories[key] = _Trajectory(self._steps, seeds, shape)
        elif len(seeds) == self._largest:
            graphs = self._graphs
        self._trajectories.move_to_end(key)
        try:
            return trajectory.run(seeds, given, graphs)
        finally:
            self._enqueued = self._fences.record()

    @torch.inference_mode()
    def trajectory(self, seeds: Tensor, shape: tuple[int, int, int], given: Conditions) -> Tensor:
        """The latents before the first and after every step, float32 `[steps + 1, B, *shape]`.

        The last are what a call with the same arguments gives.
        """
        return torch.stack(_Trajectory(self._steps, seeds, shape).points(seeds, given))

    def release(self) -> None:
        """Give back the memory held for every shape, once nothing uses it."""
        self._wait()
        self._trajectories.clear()
        self._largest = 0

    def _wait(self) -> None:
        """Have the host wait for what was enqueued: its memory, and a graph, must not go before."""
        if self._enqueued is not None:
            self._fences.wait_on_host(self._enqueued)


@dataclass(frozen=True)
class _Steps:
    """What decides every batch's steps."""

    engine: Engine
    shallow: Engine | None
    first: Engine | None
    schedule: Schedule
    calls: Sequence[Call]
    part: Callable[[str], AbstractContextManager[object]]

    def engine_of(self, call: Call) -> Engine:
        """The engine that `call` runs."""
        own = self.engine if call.full else self.shallow
        engine = self.first if call.is_first else own
        assert engine is not None, f"{call} needs an engine that was not given"
        return engine


class _Trajectory:
    """The steps of one batch shape, and the tensors that they read and write.

    Latents and what the scheduler carries from step to step lie in two buffers that take turns;
    of a scheduler with a longer memory, every step's are kept.
    """

    def __init__(self, steps: _Steps, seeds: Tensor, shape: tuple[int, int, int]) -> None:
        self._steps = steps
        schedule, device = steps.schedule, steps.engine.device
        self._count = len(schedule.steps)
        self._remembers = any(step.past for step in schedule.steps)
        kept = self._count if self._remembers else 1

        def buffers(count: int) -> list[Tensor]:
            return [torch.zeros(len(seeds), *shape, device=device) for _ in range(count)]

        self._latents, self._carries = buffers(kept + 1), buffers(kept + 1)
        self._history, self._noise, self._nothing = buffers(3)
        self._coefficients = aligned_rows(schedule.coefficients(), device)
        self._timesteps = aligned_rows(schedule.timesteps[:, None], device)
        self._draws = aligned_rows(torch.arange(1, self._count + 1)[:, None], device)
        self._graph: Recording | None = None
        self._seeds: Tensor  # that the graph reads, and what else it does
        self._given: Conditions

    def run(self, seeds: Tensor, given: Conditions, memory: GraphMemory | None) -> Tensor:
        """Enqueue the steps: as a graph if they were recorded, or else one by one.

        With `memory`, they are recorded meanwhile, to be replayed from now on.
        """
        if self._graph is not None:
            self._seeds.copy_(seeds)
            for name, buffer in self._given.items():
                buffer.copy_(given[name])
            self._graph.replay()
        elif memory is not None:
            self._seeds = seeds.clone()
            self._given = {name: tensor.clone() for name, tensor in given.items()}
            self._graph = record(lambda: self._enqueue(self._seeds, self._given), memory)
        else:
            self._enqueue(seeds, given)
        return self._latents[self._count % len(self._latents)]

    def points(self, seeds: Tensor, given: Conditions) -> list[Tensor]:
        """The latents before the first and after every step, by a run that is not recorded."""
        points: list[Tensor] = []
        self._enqueue(seeds, given, lambda latents: points.append(latents.clone()))
        return [*points, self._latents[self._count % len(self._latents)]]

    def _enqueue(self, seeds: Tensor, given: Conditions, keep: Keep | None = None) -> None:
        schedule = self._steps.schedule
        philox_normal_(self._latents[0], seeds, 0).mul_(schedule.initial_scale)
        conditional = _without_guidance(given)
        features: Tensor | None = None
        for number, call in enumerate(self._steps.calls):
            engine = self._steps.engine_of(call)
            conditions = given if call.guided else conditional
            if self._steps.first is not None and not call.is_first:  # guidance is inside
                conditions = {k: v for k, v in conditional.items() if k not in _OF_GUIDANCE}
            if keep is not None:
                keep(self._latents[number % len(self._latents)])
            with self._steps.part("step"):
                inputs = {**self._inputs(number, engine, seeds), **conditions}
                if not call.full:
                    assert features is not None, "the first call is full"
                    inputs["deep_features"] = features[: len(conditions["text_embeddings"])]
                results = engine(inputs, self._outputs(number))
            features = results.get("deep_features", features)

    def _inputs(self, number: int, engine: Engine, seeds: Tensor) -> dict[str, Tensor]:
        """What differs from step to step; the engine's graph says how it takes noise."""
        inputs = {
            "latents": self._latents[number % len(self._latents)],
            "history": self._history_of(number),
            "timestep": self._timesteps[number],
            "coefficients": self._coefficients[number],
        }
        if any(wanted.name == "seeds" for wanted in engine.spec.inputs):
            return {**inputs, "seeds": seeds, "draw": self._draws[number]}
        if self._steps.schedule.steps[number].noise == 0:
            return {**inputs, "noise": self._nothing}
        return {**inputs, "noise": philox_normal_(self._noise, seeds, number + 1)}

    def _outputs(self, number: int) -> dict[str, Tensor]:
        return {
            "next_latents": self._latents[(number + 1) % len(self._latents)],
            "carry": self._carries[(number + 1) % len(self._carries)],
        }

    def _history_of(self, number: int) -> Tensor:
        """What the steps before leave to this one; of a longer memory, what it adds up of it."""
        past = self._steps.schedule.steps[number].past
        if not past:
            return self._carries[number % len(self._carries)] if number else self._nothing
        self._history.zero_()
        for term in past:
            self._history.add_(self._latents[term.step], alpha=term.latents)
            self._history.add_(self._carries[term.step + 1], alpha=term.carry)
        return self._history


def _without_guidance(given: Conditions) -> Conditions:
    """The conditional rows alone, which come first."""
    if "rows" not in given:
        return given
    images = len(given["guidance"])
    own = {name: given[name][:images] for name in _OF_ROWS if name in given}
    rows = given["rows"][:images]
    return {**given, **own, "rows": rows, "unconditional": rows}
