"""Damages files of every kind that we read, and sees that each reader says so or takes them.

    python tests/helpers/fuzz_readers.py --seconds 3600 [--examples 500] [--seed 7] [READER ...]

A reader may return, or raise `InputError` in one line. Anything else, more than ten seconds, or
memory over the limit is a fault: `hypothesis` makes it small, and it is printed.
"""

import argparse
import faulthandler
import logging
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import hypothesis
from fuzz_damage import byte_edits, damaged, value_edits
from fuzz_targets import TARGETS
from hypothesis import strategies as st

from zeroreal.base import InputError

HANG_SECONDS = 10
MEMORY = 2 * 2**30
"""Bytes of address space, besides what is taken at the start."""


class HangError(BaseException):
    """A reader took too long; no handler of ours catches it."""


def stop(*_):
    raise HangError(f"a reader took more than {HANG_SECONDS} s")


def limit_memory():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def check(read, folder):
    """Call a reader with files that may be damaged."""
    signal.alarm(HANG_SECONDS)
    try:
        read(folder)
    except InputError as error:
        if "\n" in str(error) or not str(error).strip():
            raise AssertionError(f"no single sentence: {str(error)!r}") from error
    finally:
        signal.alarm(0)


def fuzz(name, examples, seed):
    """Damage the files of one reader so many times."""
    make, read = TARGETS[name]
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        make(folder)
        read(folder)
        files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(st.sampled_from(list(files)), byte_edits, st.none() | value_edits)
        def damage(path, edits, changes):
            path.write_bytes(damaged(path, files[path], edits, changes))
            try:
                check(read, folder)
            finally:
                path.write_bytes(files[path])

        damage()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=0, help="go on with other seeds so long")
    parser.add_argument("--examples", type=int, default=200, help="of each reader and seed")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, stop)
    logging.disable()
    warnings.simplefilter("ignore")
    for name in given.readers:  # imports and caches take memory
        fuzz(name, 1, 0)
    limit_memory()
    began, seed, done = time.monotonic(), given.seed, 0
    while True:
        for name in given.readers:
            fuzz(name, given.examples, seed)
            done += given.examples
        print(f"{done} examples, seed {seed}: no fault", flush=True)
        seed += 1
        if time.monotonic() - began >= given.seconds:
            return


if __name__ == "__main__":
    sys.exit(main())
