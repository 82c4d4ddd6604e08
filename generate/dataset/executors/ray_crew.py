"""The workers of a dataset on a Ray cluster: hired, given shards, and replaced where they die."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from logging import LogRecord

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ....base import InputError
from ....base.progress import OnStage, StageProgress
from ....engine import Cache
from ..config.settings import DatasetSettings
from ..job import DatasetProgress, DatasetResult, WorkDone
from ..store.store import Store
from .handing import Handout
from .messages import Failure, Opened, show_log
from .ray_actor import CALLS_AT_ONCE, ShardActor, Start, Wants
from .ray_member import Member, failure_of_actor
from .ray_nodes import Node, places_for_workers, uses_gpus

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 3.0  # between two looks at the nodes, and at shards that others make
_MOST_TRIES = 3  # of a node to open the dataset
_STOP_SECONDS = 120.0  # for what is being committed


class Crew:
    """Hires a worker for each place there is, hands out shards, and makes up for what dies."""

    def __init__(
        self,
        settings: DatasetSettings,
        store: Store,
        extend: int,
        cache: Cache | None,
        on_progress: OnStage,
    ) -> None:
        self._settings, self._store, self._extend = settings, store, extend
        self._cache, self._on_progress = cache, on_progress
        self._on_gpus = uses_gpus(settings, ray.nodes())
        self._members: list[Member] = []
        self._ended: list[Member] = []
        self._handout: Handout | None = None  # until a worker has opened the dataset
        self._failures: Counter[str] = Counter()
        self._tokens: list[str] = []
        self._dead: list[str] = []
        self._images = self._shards = 0  # of workers that are gone
        self._next_look = 0.0
        self._is_ending = False
        self._began = time.perf_counter()

    def make_all(self) -> DatasetResult:
        """Make all that is missing, and describe the dataset."""
        while not self._is_complete():
            self._hire()
            self._hand_out()
            self._listen()
        return self._described()

    def stop(self) -> None:
        """Have all end soon, with what is generated committed."""
        with suppress(RayError):
            works = [one.work for one in self._members if one.opened is not None]
            for one in self._members:
                if one.opened is None:
                    ray.kill(one.actor)
                else:
                    one.actor.end.remote(gives_up=True)
            if works:
                ray.wait(works, num_returns=len(works), timeout=_STOP_SECONDS)

    def _is_complete(self) -> bool:
        """Whether nothing is left to do; looks for it where nobody is at work."""
        if self._members or self._handout is None:
            return False
        self._is_ending = False
        theirs = self._handout.look(self._tokens)
        if theirs and not self._handout:
            self._show(f"waiting for {theirs} shards that other workers make")
            time.sleep(_LOOK_SECONDS)
            return False
        return not self._handout and bool(self._ended)

    def _hire(self) -> None:
        """Start workers where there are places, as many as there is work for."""
        waiting = sum(one.is_idle or one.opened is None for one in self._members)
        needed = 1 if self._handout is None else max(len(self._handout), not self._ended)
        needed -= waiting if self._handout is not None else len(self._members)
        if self._is_ending or needed < 1 or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._release()
        nodes = places_for_workers(self._settings, ray.nodes(), self._on_gpus)
        usable = [node for node in nodes if self._failures[node.id] < _MOST_TRIES]
        if nodes and not usable and not self._members:
            raise InputError(
                f"no node of the cluster could open {self._store.url!r}, for the reasons above: "
                "have all nodes see the same folder, model and recipe, and install zeroreal on them"
            )
        for node in usable:
            places = node.places - sum(one.node.id == node.id for one in self._members)
            for _ in range(min(places, needed)):
                self._start(node)
                needed -= 1
        if not self._members:
            self._show("waiting for a node with " + ("a GPU" if self._on_gpus else "cores"))

    def _start(self, node: Node) -> None:
        device = "cuda" if self._on_gpus else "cpu"
        start = Start(
            replace(self._settings, device=device, devices=()),
            self._store.url,
            self._extend if self._handout is None else 0,
            joins=self._handout is not None,
            threads=None if self._on_gpus else node.cores,
            cache=self._cache,
        )
        options = {
            "num_cpus": node.cores,
            "num_gpus": int(self._on_gpus),
            "max_concurrency": CALLS_AT_ONCE,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False),
        }
        actor = ray.remote(ShardActor).options(**options).remote()
        work, talk = actor.work.remote(start), actor.exchange.remote(None)
        self._members.append(Member(actor, node, work, talk))

    def _hand_out(self) -> None:
        """Give shards to those that are idle; where none is left to give or made, have all end."""
        if self._handout is None or self._is_ending:
            return
        idle = [one for one in self._members if one.is_idle]
        for one in idle:
            number = self._handout.next()
            if number is None:
                break
            one.given.add(number)
            one.is_idle, one.talk = False, one.actor.exchange.remote(number)
        opened = [one for one in self._members if one.opened is not None]
        if opened and all(one.is_idle for one in opened) and not self._handout:
            self._is_ending = True
            self._dismiss([one for one in self._members if one.opened is None])
            for one in opened:
                one.actor.end.remote(gives_up=False)

    def _listen(self) -> None:
        """Hear all that workers tell, or wait a second for it."""
        pending = {one.work: one for one in self._members}
        pending |= {one.talk: one for one in self._members if one.talk is not None}
        if not pending:
            time.sleep(1)
            return
        ready, _ = ray.wait(list(pending), timeout=1)
        if ready:
            ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=0)
        for reference in ready:
            one = pending[reference]
            if one not in self._members:
                continue
            try:
                if reference == one.work:
                    self._hear(one)
                    self._part_with(one, ray.get(one.work))
                else:
                    self._hear(one)
                    one.talk = None if one.is_idle else one.actor.exchange.remote(None)
            except RayError as error:
                self._lose(one, failure_of_actor(error, one.node))

    def _hear(self, one: Member) -> None:
        for message in ray.get(one.talk) if one.talk is not None else ():
            match message:
                case Opened():
                    self._open(one, message)
                case Wants():
                    one.is_idle = True
                case DatasetProgress():
                    one.progress = message
                    self._show()
                case StageProgress():
                    self._on_progress(message)
                case LogRecord():
                    show_log(message, one.node.name)

    def _open(self, one: Member, opened: Opened) -> None:
        one.opened = opened
        self._tokens.append(opened.token)
        if self._handout is not None:
            return
        try:
            self._handout = Handout(self._store)
        except InputError as error:
            raise InputError(
                f"{error}, though a worker on {opened.host} has just begun one there: all machines "
                "must see the same folder; mount it everywhere, or give a URL"
            ) from None
        self._handout.look(self._tokens)
        self._next_look = 0.0

    def _part_with(self, one: Member, end: WorkDone | Failure) -> None:
        """A worker has ended by itself."""
        one.talk = None
        if isinstance(end, Failure):
            self._lose(one, end)
            return
        assert self._handout is not None
        one.done = end
        self._members.remove(one)
        self._ended.append(one)
        self._handout.take_back(
            one.given, f"{one.node.name} has committed it, but it is not in {self._store.url!r}"
        )

    def _lose(self, one: Member, failure: Failure) -> None:
        """A worker has died or failed: others make what it has not committed."""
        self._dismiss([one])
        is_input = failure.traceback is None
        if is_input and (self._handout is None or one.opened is not None):
            raise InputError(failure.reason)
        _log.warning("the worker on %s ended: %s", one.node.name, failure.reason)
        if failure.traceback:
            _log.warning(failure.traceback)
        if one.opened is None or self._handout is None:
            self._failures[one.node.id] += _MOST_TRIES if is_input else 1
            return
        self._dead.append(one.opened.token)
        made = self._handout.take_back(one.given, failure.reason)
        self._images += self._handout.images_in(made)
        self._shards += len(made)

    def _dismiss(self, members: list[Member]) -> None:
        for one in members:
            with suppress(RayError):
                ray.kill(one.actor)
            self._members.remove(one)

    def _release(self) -> None:
        """Let go of workers that have ended, and of their GPUs."""
        for one in self._ended:
            self._images += one.images
            self._shards += one.done.shards if one.done else 0
            with suppress(RayError):
                ray.kill(one.actor)
        self._ended = []

    def _described(self) -> DatasetResult:
        done = [one.done for one in self._ended if one.done is not None]
        work = WorkDone(
            self._shards + sum(one.shards for one in done),
            time.perf_counter() - self._began,
            max(one.waited for one in done),
            sum(one.images_per_second for one in done),
        )
        failure = "no worker is left"
        for one in self._ended:
            try:
                result: DatasetResult = ray.get(one.actor.describe.remote(work, self._dead))
            except RayError as error:
                failure = failure_of_actor(error, one.node).reason
                continue
            self._release()
            return result
        raise RuntimeError(
            f"all images are there, but could not be described ({failure}): give the same command "
            "again"
        )

    def _show(self, note: str = "") -> None:
        """What all have made, over what was there at first."""
        if self._handout is None:
            return
        everyone = [*self._members, *self._ended]
        images = self._images + sum(one.images for one in everyone)
        told = [one.progress for one in self._members if one.progress is not None]
        speed = sum(progress.images_per_second for progress in told)
        note = note or f"{speed:.1f} images/s by {len(told)} workers"
        total = self._handout.total
        done = min(total, self._handout.before + images)
        self._on_progress(StageProgress("generate", done, total, note))
