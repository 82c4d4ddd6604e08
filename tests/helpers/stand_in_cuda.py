"""A GPU on the CPU: streams, events and graphs that check the order of what is done on them.

`stand_in_cuda(monkeypatch)` puts them in the place of those of `torch.cuda`. Work is done at once,
in the order in which the host gives it, so that results are right; what a GPU would be free to do
in another order, and what breaks a recording, is a fault. Tensors made on `cuda` lie on the CPU.
"""

import itertools
import threading
from contextlib import contextmanager, nullcontext

import torch
from device_order import Order
from recorded_work import RecordedWork
from stand_in_streams import Event, Graph, Stream
from torch_modes import (
    OnCpu,
    Watch,
    accesses_of,
    draws_from_default,
    extent,
    fresh,
    operands,
    tensors,
)


class StandInCuda:
    """The device: which thread uses which stream, and who records."""

    def __init__(self):
        self.order = Order()
        self.own = threading.local()
        self.recording = {}  # the thread that records, and what
        self.numbers, self.threads = itertools.count(1), itertools.count(1)
        self.used = set()  # the streams that were given work
        self.default = Stream(self, number=0)

    @property
    def faults(self):
        self.collect()
        return self.order.faults

    @property
    def host(self):
        """The timeline of this thread."""
        if not hasattr(self.own, "number"):
            self.own.number = next(self.threads)
        return f"host thread {self.own.number}"

    @property
    def stream(self):
        """The current one of this thread."""
        return getattr(self.own, "stream", self.default)

    @property
    def recorded(self):
        """What this thread records; None if it does not."""
        return self.recording.get(threading.get_ident())

    @contextmanager
    def watched(self, moment=()):
        """Watch what this thread does, which begins after `moment`."""
        self.order.follow(self.host, dict(moment))
        with OnCpu(self), Watch(self):
            yield self

    def collect(self):
        """Look for memory that was freed."""
        with self.order.lock:
            self.order.free(self.host)

    @contextmanager
    def use(self, stream):
        """As `torch.cuda.stream`."""
        before, self.own.stream = self.stream, stream or self.stream
        try:
            yield
        finally:
            self.own.stream = before

    def others_record(self):
        return any(thread != threading.get_ident() for thread in self.recording)

    def synchronize(self, device=None):
        """As `torch.cuda.synchronize`."""
        self.collect()
        if self.recording:
            self.order.fault("a thread waits for the whole device while a graph is recorded")
        for name in self.order.streams():
            self.order.follow(self.host, self.order.moment(name))

    @contextmanager
    def record(self, graph, pool=None, stream=None, capture_error_mode="global"):
        """As `torch.cuda.graph`."""
        if self.others_record():
            self.order.fault("two threads record graphs at the same time")
        else:
            self.synchronize()
        self.recording[threading.get_ident()] = graph.work = RecordedWork()
        try:
            with self.use(stream):
                yield
        finally:
            del self.recording[threading.get_ident()]
            graph.work.end()

    # What the modes tell.

    @contextmanager
    def making(self, what="making"):
        """Inside, new tensors lie on the device, or are `pinning` memory of the host."""
        before = getattr(self.own, what, False)
        setattr(self.own, what, True)
        try:
            yield
        finally:
            setattr(self.own, what, before)

    def is_on_device(self, tensor):
        with self.order.lock:
            block = self.order.block_at(tensor.untyped_storage().data_ptr())
        return block is not None and block.owner is not None

    def record_stream(self, tensor, stream):
        """As `torch.Tensor.record_stream`."""
        self.order.block_at(tensor.untyped_storage().data_ptr()).recorded.add(stream.name)

    def read_by_host(self, tensor, what):
        """The host reads a tensor; one on the device it waits for, on the current stream."""
        with self.order.lock:
            if not self.is_on_device(tensor):
                self._host_accesses(what, [(*extent(tensor), False)])
                return
            if self.recorded is not None:
                self.order.fault(f"a thread waits for {what} while it records")
            self.enqueue(what, [(*extent(tensor), False)])
            self.order.follow(self.host, self.order.moment(self.stream.name))

    def run(self, function, arguments, options):
        """Do an operation, and note what it touches."""
        name, work = function.name(), self.recorded
        with self.order.lock:
            self.collect()
            taken = tensors((arguments, options))
            is_made = getattr(self.own, "making", False) or work is not None
            on_device = is_made or any(map(self.is_on_device, taken))
            if self.others_record() and draws_from_default(function, options):
                self.order.fault(f"{name} draws from the default generator while a graph is made")
            for tensor, is_write in operands(function, arguments, options):
                if work is not None and is_write:
                    work.will_write(tensor)
            result = function(*arguments, **options)
            self._note_new(fresh(result, taken), on_device)
            accesses = accesses_of(function, arguments, options, result)
            if work is not None:
                work.add(function, arguments, options, result, accesses)
            elif on_device:
                self.enqueue(name, accesses)
            else:
                self._host_accesses(name, accesses)
            return result

    def enqueue(self, what, accesses, stream=None):
        """Give a stream, or the current one, work that comes after all this thread knows of."""
        name = stream or self.stream.name
        self.used.add(name)
        self.order.follow(name, self.order.moment(self.host))
        self._accesses(name, what, accesses)

    def _host_accesses(self, what, accesses):
        self._accesses(self.host, what, accesses)

    def _accesses(self, timeline, what, accesses):
        self.order.step(timeline)
        for begin, end, is_write in accesses:
            block = self.order.block_at(begin)
            if is_write and block is not None and block.owner is None and not block.is_pinned:
                block.owner = None if timeline == self.host else block.maker  # made by `x.device`
            self.order.access(timeline, begin, end, is_write, what)

    def _note_new(self, results, on_device):
        work = self.recorded
        for tensor in results:
            storage = tensor.untyped_storage()
            if self.order.block_at(storage.data_ptr()) is None and storage.nbytes():
                block = self.order.allocate(storage, self.stream.name, work is not None)
                block.owner = block.maker if on_device else None
                block.is_pinned = getattr(self.own, "pinning", False)
                if work is not None:
                    work.made(storage)


def stand_in_cuda(monkeypatch):
    """A `StandInCuda` in the place of `torch.cuda`, for this thread and those that it starts."""
    cuda = StandInCuda()
    instead = {
        "Stream": lambda *a, **k: Stream(cuda, *a, **k),
        "Event": lambda *a, **k: Event(cuda, *a, **k),
        "CUDAGraph": lambda: Graph(cuda),
        "stream": cuda.use,
        "graph": cuda.record,
        "device": lambda device: nullcontext(),
        "current_stream": lambda device=None: cuda.stream,
        "default_stream": lambda device=None: cuda.default,
        "synchronize": cuda.synchronize,
        "graph_pool_handle": object,
        "empty_cache": lambda: None,
        "is_current_stream_capturing": lambda: cuda.recorded is not None,
    }
    for name, stand_in in instead.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *a: cuda.record_stream(*a))
    _follow_threads(cuda, monkeypatch)
    return cuda


def _follow_threads(cuda, monkeypatch):
    """A thread comes after what started it, and before what joins it."""
    start, run, join = (getattr(threading.Thread, name) for name in ("start", "run", "join"))

    def begin(thread):
        thread.before = cuda.order.moment(cuda.host)
        start(thread)

    def work(thread):
        with cuda.watched(thread.before):
            run(thread)
            thread.after = cuda.order.moment(cuda.host)

    def end(thread, timeout=None):
        join(thread, timeout)
        if not thread.is_alive():
            cuda.order.follow(cuda.host, getattr(thread, "after", {}))

    for name, instead in (("start", begin), ("run", work), ("join", end)):
        monkeypatch.setattr(threading.Thread, name, instead)
