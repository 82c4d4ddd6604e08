"""Generation on several devices at once: a process each, disjoint shares, one stream of images."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, TypeVar

import torch

from ...base import InputError, resolve_device, unknown
from ...engine import Cache
from ..facts import model_facts, tokenizers_of
from ..image_batch import ImageBatch, labels_of
from ..plan.samples import SamplePlan, SampleSpec, texts_of
from ..sampling.batches import READ_AHEAD
from ..sampling.stages import StageSeconds
from ..sampling.text import warn_of_long
from ..settings import GenerateSettings
from ..tuning.request import OnProgress
from .messages import Account, Checked, Done, Filled, Release, Start, Wanted
from .process import DeviceProcess

_PARTS_AHEAD = 2  # of its share, that a process is sent before it asks

Item = TypeVar("Item")


def parse_devices(text: str) -> tuple[str, ...]:
    """Check devices separated by commas, and name each in full: `0,1` is `cuda:0`, `cuda:1`.

    `cpu` may come more than once: its processes divide the threads. Raises `InputError` for a
    device that is not there and for a GPU that comes twice.
    """
    names: list[str] = []
    for entry in text.split(","):
        name = entry.strip()
        if name in ("", "auto"):
            raise unknown("device", name, ["0", "1", "cpu", "cuda:0", "cuda:1"])
        device = resolve_device(f"cuda:{name}" if name.isdecimal() else name)
        full = "cpu" if device.type == "cpu" else f"cuda:{device.index or 0}"
        if full in names and full != "cpu":
            raise InputError(f"device {full!r} comes twice in {text!r}: give each GPU once")
        names.append(full)
    return tuple(names)


class DataParallelGenerator:
    """A `Generator` on each of several devices, in a process of its own; one stream of images.

    Of n devices, device r makes the samples r, r + n, r + 2n, ...: the images of a single
    generator. They come through shared memory; a process that is two batches ahead of whoever takes
    them waits. The first device tunes, exports and builds before the others begin, which find the
    results in the cache.

    The processes are spawned: a script that uses this needs `if __name__ == "__main__":`. They end
    at once with `close`, with the `with` block, on Ctrl-C during a call, and if one of them fails.

    Args:
        devices: as `parse_devices` gives them.
        device: where images are handed over: `cpu` or, copied once more, a GPU of this process.
        on_progress: told of exporting and tuning, by all processes.
        settings, guided, images, cache, changes: see `Generator`.

    Raises `InputError` where `Generator` does, with the same sentence, and `RuntimeError` for a
    process that fails otherwise; so does `generate`.
    """

    def __init__(
        self,
        devices: Sequence[str],
        settings: GenerateSettings | None = None,
        *,
        device: str = "cpu",
        guided: bool = True,
        images: int | None = None,
        cache: Cache | None = None,
        on_progress: OnProgress = lambda progress: None,
        **changes: Any,
    ) -> None:
        if not devices:
            raise InputError("no device was given: name at least one")
        self.device = resolve_device(device)
        self.rejected: list[SampleSpec] = []
        """Samples whose image was no picture at any attempt: blank, saturated or not finite."""
        self.rejections: list[tuple[str, ...]] = []
        """Of each sample in `rejected`, the reason of every attempt."""
        self.seconds = StageSeconds(torch.device("cpu"))
        """Summed over the devices."""
        self._calls = 0
        self._calling = False
        self._processes: list[DeviceProcess] = []
        settings = replace(settings or GenerateSettings(), **changes)
        self._settings = settings
        share = None if images is None else -(-images // len(devices))
        start = Start(settings, guided, share, cache)
        threads = max(1, torch.get_num_threads() // len(devices))
        try:
            for name in devices:
                self._processes.append(DeviceProcess(name, threads, on_progress))
            first, *others = self._processes
            first.make_generator(start)
            first.wait_until_ready()
            for process in others:
                process.make_generator(start)
            for process in others:
                process.wait_until_ready()
        except BaseException:
            self.close()
            raise
        self.facts = first.facts
        """Of the first device's generator."""

    def check_prompts(self, plan: SamplePlan, tell: bool = True) -> None:
        """See `Generator.check_prompts`."""
        if tell:
            info, _ = model_facts(self.facts.folder, self._settings)
            tokenizers = tokenizers_of(self.facts.folder, info, self._settings)
            warn_of_long(tokenizers, info.tokens, texts_of(plan, self._settings.negative_prompt))
        for process in self._processes:
            process.send(Checked())

    def generate(
        self, specs: Iterable[SampleSpec], done: Container[int] = ()
    ) -> Iterator[ImageBatch]:
        """Yield the images of `specs`, each once, batch by batch as the devices finish them.

        Those whose index is in `done` are left out, as by `Generator.generate`. Filters are not
        taken: one that remembers images would see those of a single device. Reads some batches of
        `specs` ahead for each device. The iterator must be exhausted or closed before the next
        call.
        """
        if not self._processes:
            raise RuntimeError("the generator is closed: make a new one")
        if self._calling:
            raise RuntimeError("images are being generated: exhaust or close that iterator first")
        self._calling = True
        try:
            self._finish_stopped_call()
            self._calls += 1
            yield from self._batches(Deal(specs, len(self._processes)), done)
        except GeneratorExit:
            for process in self._processes:
                process.stop(self._calls)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._calling = False

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.end()
        self._processes = []

    def __enter__(self) -> DataParallelGenerator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _batches(self, deal: Deal[SampleSpec], done: Container[int]) -> Iterator[ImageBatch]:
        part = READ_AHEAD * self.facts.batch_size
        for rank, process in enumerate(self._processes):
            process.begin()
            for _ in range(_PARTS_AHEAD):
                process.send_part(deal.take(rank, part), done)
        while busy := self._busy():
            sent = wait([process.connection for process in busy])
            for rank, process in enumerate(self._processes):
                if process.connection not in sent:
                    continue
                match process.receive():
                    case Wanted():
                        process.send_part(deal.take(rank, part), done)
                    case Filled() as filled:
                        yield self._take(process, filled)
                    case Done(account):
                        self._book(process, account)

    def _finish_stopped_call(self) -> None:
        """Drop what is still under way for an iterator that was closed."""
        for process in self._busy():
            while process.busy:
                match process.receive():
                    case Filled() as filled:
                        process.send(Release(filled.slot))
                        self._book(process, filled.account)
                    case Done(account):
                        self._book(process, account)

    def _busy(self) -> list[DeviceProcess]:
        return [process for process in self._processes if process.busy]

    def _take(self, process: DeviceProcess, filled: Filled) -> ImageBatch:
        specs = self._book(process, filled.account)
        images = process.slots[filled.slot, : len(specs)].to(self.device, copy=True)
        process.send(Release(filled.slot))
        labels = labels_of(specs, self.device)
        ready = None
        if self.device.type == "cuda":
            ready = torch.cuda.current_stream(self.device).record_event()
        rejections, seeds = filled.rejections, filled.seeds
        return ImageBatch(specs, images, labels, ready, rejections=rejections, seeds=seeds)

    def _book(self, process: DeviceProcess, account: Account) -> tuple[SampleSpec, ...]:
        """The samples that are finished; notes those that are rejected, and the seconds."""
        for stage, seconds in account.seconds.items():
            self.seconds.totals[stage] += seconds
        self.rejected += process.settle(account.rejected)
        self.rejections += account.rejections
        return process.settle(account.finished)


class Deal(Generic[Item]):
    """Deals a stream out: of n takers, taker r gets the items r, r + n, r + 2n, ...

    What one taker is ahead waits for the others.
    """

    def __init__(self, items: Iterable[Item], takers: int) -> None:
        self._items = iter(items)
        self._waiting: list[deque[Item]] = [deque() for _ in range(takers)]

    def take(self, taker: int, size: int) -> tuple[Item, ...]:
        """The next items of a taker: `size` of them, fewer only at the end."""
        own = self._waiting[taker]
        while len(own) < size and (row := tuple(islice(self._items, len(self._waiting)))):
            for waiting, item in zip(self._waiting, row, strict=False):  # the last row is short
                waiting.append(item)
        return tuple(own.popleft() for _ in range(min(size, len(own))))
