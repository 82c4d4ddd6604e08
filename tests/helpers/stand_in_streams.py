"""Streams, events and graphs of a stand-in GPU; see `stand_in_cuda`."""

import torch


class Stream:
    """As `torch.cuda.Stream`."""

    def __init__(self, cuda, device=None, priority=0, *, number=None):
        self.cuda, self.priority = cuda, priority
        self.cuda_stream = next(cuda.numbers) if number is None else number
        self.name = f"stream {self.cuda_stream}" if self.cuda_stream else "the default stream"
        self.device, self.device_index = torch.device("cuda"), 0

    def wait_stream(self, other):
        self.wait_event(other.record_event())

    def record_event(self, event=None):
        event = event or Event(self.cuda)
        event.record(self)
        return event

    def wait_event(self, event):
        self.cuda.collect()
        self.cuda.order.follow(self.name, event.moment)

    def synchronize(self):
        self.cuda.collect()
        if self.cuda.recorded is not None:
            self.cuda.order.fault("a thread waits for a stream that it records on")
        self.cuda.order.follow(self.cuda.host, self.cuda.order.moment(self.name))

    def query(self):
        return True


class Event:
    """As `torch.cuda.Event`."""

    def __init__(self, cuda, enable_timing=False, external=False):
        self.cuda, self.moment = cuda, {}

    def record(self, stream=None):
        self.cuda.collect()
        order, stream = self.cuda.order, stream or self.cuda.stream
        order.follow(stream.name, order.moment(self.cuda.host))
        self.moment = order.moment(stream.name)

    def wait(self, stream=None):
        (stream or self.cuda.stream).wait_event(self)

    def synchronize(self):
        self.cuda.collect()
        self.cuda.order.follow(self.cuda.host, self.moment)

    def query(self):
        return True

    def elapsed_time(self, other):
        return 0.0


class Graph:
    """As `torch.cuda.CUDAGraph`."""

    def __init__(self, cuda):
        self.cuda, self.work = cuda, None

    def replay(self):
        self.work.replay(self.cuda)
