"""However a run ends, its images are kept, and it goes on to the weights of one that did not end.

Runs are processes of their own. This file also starts them: `python test_survival.py FOLDER`.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_runs import SMALL, script_environment

from zeroreal.base.ranks import Ranks
from zeroreal.generate import Generator
from zeroreal.run import resume, run
from zeroreal.run.images import ImageFiles
from zeroreal.run.preparation import prepare

RARELY = replace(SMALL, checkpoint_seconds=3600)  # so only the end saves anything
IMAGE_BYTES = 3 * 32 * 32


def at(stage, done, then):
    """What is told of progress, and at a moment does `then`."""

    def tell(state):
        if (state.stage, state.done) == (stage, done):
            then()

    return tell


def fail():
    raise RuntimeError("an accident")


def out_of_memory():
    raise MemoryError


def send(number):
    os.kill(os.getpid(), number)


def limit_files(size):
    """Have no file larger than so many bytes, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def hang_up_twice(folder):
    """The command, whose terminal closes, and whose shell says so again while images are saved."""
    from zeroreal.cli import main
    from zeroreal.cli.progress import StageBars

    save = ImageFiles.save

    def hang_up_and_save(images, pool):
        send(signal.SIGHUP)
        save(images, pool)

    ImageFiles.save = hang_up_and_save
    StageBars.show = lambda bars, state: at("generate", 16, lambda: send(signal.SIGHUP))(state)
    config = folder.with_suffix(".yaml")
    config.write_text(json.dumps({**plain(RARELY)}))
    sys.argv = ["zeroreal", "run", "--config", str(config), "--out", str(folder)]
    main.main()


def plain(settings):
    from zeroreal.base.settings import plain

    return plain(settings)


def fail_to_report(folder):
    """Nothing after training works."""
    import zeroreal.run.start as start

    start.write_report_files = lambda *_: fail()
    run(RARELY, folder)


def run_out_of_disk_at_a_checkpoint(folder):
    limit_files(20 * IMAGE_BYTES)  # a checkpoint has more
    run(replace(SMALL, checkpoint_seconds=1e-9), folder)


ENDS = {
    "an accident while generating": lambda f: run(RARELY, f, at("generate", 16, fail)),
    "an accident while training": lambda f: run(RARELY, f, at("train", 3, fail)),
    "no memory": lambda f: run(RARELY, f, at("generate", 28, out_of_memory)),
    "a full disk at a checkpoint": run_out_of_disk_at_a_checkpoint,
    "a terminal that closes": hang_up_twice,
    "a kill while generating": lambda f: run(
        SMALL, f, at("generate", 28, lambda: send(signal.SIGKILL))
    ),
    "a report that fails": fail_to_report,
}
STATUS = {"a terminal that closes": 130, "a kill while generating": -9}
KEPT = {
    "an accident while generating": 16,
    "an accident while training": 18,
    "no memory": 18,
    "a full disk at a checkpoint": 6,
    "a terminal that closes": 16,
    "a kill while generating": 22,
    "a report that fails": 18,
}
"""How many images are in files afterwards: those that the pool held, at least."""


def status(work, folder, log=".txt"):
    """The exit status of `work` in a process of its own, whose errors go to a file."""

    def told():
        with folder.with_suffix(log).open("w") as file:
            os.dup2(file.fileno(), 2)
            work(folder)

    process = torch.multiprocessing.get_context("fork").Process(target=told)
    process.start()
    process.join()
    return process.exitcode


def go_on(folder):
    """Resume, and note which samples are generated."""
    made, generate = [], Generator.generate

    def noted(generator, specs, *arguments, **options):
        for batch in generate(generator, specs, *arguments, **options):
            made.extend(spec.index for spec in batch.specs)
            yield batch

    Generator.generate = noted
    resume(folder)
    folder.with_suffix(".json").write_text(json.dumps(made))


def main(folder):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and rightly
    prepare(SMALL, lambda progress: None, Ranks(0, 1))  # imports what the forks need
    assert status(lambda own: run(RARELY, own), folder / "whole") == 0
    kept = {}
    for name, end in ENDS.items():
        assert status(end, folder / name) == STATUS.get(name, 1), name
        files = sorted((folder / name / "generated").glob("*.safetensors"))
        kept[name] = [load_file(path)["samples"].tolist() for path in files]
        assert status(go_on, folder / name, ".later.txt") == 0, name
    (folder / "kept.json").write_text(json.dumps(kept))


pytestmark = pytest.mark.slow  # a series of kills


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=script_environment())
    said = "".join(path.read_text() for path in folder.glob("*.txt"))
    assert done.returncode == 0, done.stderr + said
    return folder


@pytest.mark.parametrize("end", ENDS)
def test_its_images_are_kept_and_none_of_them_is_generated_again(runs, end):
    kept = [sample for file in json.loads((runs / "kept.json").read_text())[end] for sample in file]
    assert max(Counter(kept).values()) == 1
    assert len(kept) >= KEPT[end]
    made = json.loads((runs / f"{end}.json").read_text())
    assert not set(made) & set(kept)


@pytest.mark.parametrize("end", ENDS)
def test_it_goes_on_to_the_same_weights_and_files(runs, end):
    ours, whole = (load_file(runs / name / "classifier.safetensors") for name in (end, "whole"))
    assert list(ours) == list(whole)
    assert [name for name in whole if not torch.equal(ours[name], whole[name])] == []
    names = {path.name for path in (runs / end).iterdir()}
    assert names == {path.name for path in (runs / "whole").iterdir()}


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("an accident while generating", "16 of 32 images are saved in"),
        (
            "no memory",
            "memory ran out (MemoryError): free some, then go on with 'zeroreal run",
        ),
        ("a full disk at a checkpoint", "make room there, then go on with 'zeroreal run --resume"),
        ("a terminal that closes", "interrupted with 16 of 32 images generated and saved"),
        ("a terminal that closes", "saving the images: this takes a moment"),
    ],
)
def test_it_says_what_is_saved_and_how_to_go_on(runs, end, said):
    assert said in " ".join((runs / f"{end}.txt").read_text().split())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
