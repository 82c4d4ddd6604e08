"""What comes before what on a device: a vector clock for each stream and host thread.

An access to memory is a fault where another one to the same bytes is not known to come before and
one of them writes. So is memory that is freed while a stream other than its own may use it.
"""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from torch.multiprocessing.reductions import StorageWeakRef


@dataclass(frozen=True)
class Access:
    """Of the bytes from `begin` to `end`, by the work that is number `tick` on a timeline."""

    begin: int
    end: int
    is_write: bool
    timeline: str
    tick: int
    what: str

    def meets(self, other):
        """Whether both touch a byte that one of them writes."""
        overlaps = self.begin < other.end and other.begin < self.end
        return overlaps and (self.is_write or other.is_write)


@dataclass
class Block:
    """A piece of memory; `owner` is the stream that it was allocated on, None for the host's.

    `maker` is the current stream when it was allocated, wherever it lies; the host's is for the
    device to write where it `is_pinned`.
    """

    begin: int
    end: int
    storage: StorageWeakRef
    maker: str
    is_of_graph: bool
    owner: str | None = None
    is_pinned: bool = False
    accesses: dict = field(default_factory=dict)
    """The last of each kind by each timeline to each range of bytes."""
    last: dict = field(default_factory=dict)
    """What each timeline did with it last: tick and words."""
    recorded: set = field(default_factory=set)
    """Streams that `record_stream` named."""


class Order:
    """The clocks, and what is known of memory; `faults` are the sentences."""

    def __init__(self):
        self.faults = []
        self.lock = threading.RLock()
        self._clocks = defaultdict(lambda: defaultdict(int))
        self._blocks = {}

    def moment(self, timeline):
        """Everything that comes before what `timeline` does next."""
        return dict(self._clocks[timeline])

    def follow(self, timeline, moment):
        """What `timeline` does from now on comes after `moment`."""
        clock = self._clocks[timeline]
        for other, tick in moment.items():
            clock[other] = max(clock[other], tick)

    def streams(self):
        """The streams that were given work."""
        return [name for name in self._clocks if not name.startswith("host")]

    def step(self, timeline):
        """Begin another piece of work."""
        self._clocks[timeline][timeline] += 1

    def block_at(self, address):
        """The block that holds an address; None for memory that nobody told of."""
        if address in self._blocks:
            return self._blocks[address]
        for block in self._blocks.values():
            if block.begin <= address < max(block.end, block.begin + 1):
                return block
        return None

    def allocate(self, storage, maker, is_of_graph):
        """Learn of new memory."""
        begin = storage.data_ptr()
        end = begin + storage.nbytes()
        block = self._blocks[begin] = Block(begin, end, StorageWeakRef(storage), maker, is_of_graph)
        return block

    def access(self, timeline, begin, end, is_write, what):
        """Note that the current piece of work of `timeline` reads or writes bytes."""
        block = self.block_at(begin)
        if block is None or begin >= end:
            return
        clock = self._clocks[timeline]
        new = Access(begin, end, is_write, timeline, clock[timeline], what)
        for old in block.accesses.values():
            if old.meets(new) and clock[old.timeline] < old.tick:
                self.fault(f"{_words(new)}, but {_words(old)}: no event orders them")
        if is_write:
            block.accesses = {
                key: old
                for key, old in block.accesses.items()
                if not (begin <= old.begin and old.end <= end)
            }
        block.accesses[timeline, begin, end, is_write] = new
        block.last[timeline] = (new.tick, what)

    def free(self, host):
        """Look which memory is gone since, as the thread `host` sees it."""
        for begin, block in list(self._blocks.items()):
            if not block.storage.expired():
                continue
            del self._blocks[begin]
            if block.owner is None or block.is_of_graph:
                continue
            known, freer = self._clocks[block.owner], self._clocks[host]
            for timeline, (tick, what) in block.last.items():
                ordered = max(known[timeline], freer[timeline]) >= tick
                if timeline != block.owner and timeline not in block.recorded and not ordered:
                    self.fault(
                        f"memory of {block.owner} is freed while {timeline} may be at {what}: "
                        "record_stream, or wait"
                    )

    def fault(self, sentence):
        """Note what is wrong."""
        if sentence not in self.faults:
            self.faults.append(sentence)


def _words(access):
    return f"{access.timeline} {'writes' if access.is_write else 'reads'} in {access.what}"
