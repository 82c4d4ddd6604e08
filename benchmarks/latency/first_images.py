"""A new process: load the job that standard input holds, generate one batch, and say how long.

It is started by `start.py`, and imports what a user's program does.
"""

from __future__ import annotations

import json
import pickle
import sys
import time

from .job import LatencyJob


def main() -> None:
    """Print seconds of loading and of the first batch as a line of JSON."""
    job: LatencyJob = pickle.load(sys.stdin.buffer)
    began = time.perf_counter()
    generator = job.generator()
    loaded = time.perf_counter()
    for _ in generator.generate(job.specs(generator.batch_size)):
        pass
    figures = {"load": loaded - began, "first": time.perf_counter() - loaded}
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
