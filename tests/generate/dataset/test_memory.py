"""What a dataset needs of memory does not grow with it.

A process of its own makes a dataset without a model and tells the most memory that it ever held
(`ru_maxrss`). Each kind is made once small before: what is loaded on first use is in both figures.
This file is also what runs: `python test_memory.py FOLDER FORMAT IMAGES`.
"""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FEW, MANY = 1_000, 20_000
MOST_GROWTH = 1.02


def main(folder, shard_format, images):
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.generate.dataset.conftest import Coloured, small_settings
    from zeroreal.generate.dataset import opening
    from zeroreal.generate.dataset.making import generate_dataset

    generator = Coloured(batch_size=32, size=32)
    opening.make_generator = lambda *_: generator
    generator.generated = _Forgetful()
    settings = small_settings(format=shard_format, shard_size=256, classes=("bag", "coat"))
    for count, name in ((512, "first"), (images, "then")):
        result = generate_dataset(replace(settings, images_per_class=count // 2), folder / name)
        assert result.images == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


class _Forgetful(list):
    """A list that keeps nothing: the generator's own notes are no part of what is measured."""

    def __iadd__(self, other):
        return self


def most_memory(folder, shard_format, images):
    """KiB."""
    # Memory that the C library keeps for threads to come is no part of it either.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, __file__, str(folder), shard_format, str(images)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy", "folder"])
def test_twenty_thousand_images_take_the_memory_of_a_thousand(tmp_path, shard_format):
    few = most_memory(tmp_path / "few", shard_format, FEW)
    many = most_memory(tmp_path / "many", shard_format, MANY)
    assert many < MOST_GROWTH * few


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
