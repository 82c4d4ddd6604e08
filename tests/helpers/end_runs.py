"""Ends runs at random moments, goes on with each, and compares with one that nothing ended.

    python tests/helpers/end_runs.py WORK [--kills 40] [--hangups 10] [--fills 20] [--seed 0]

A kill is SIGKILL, a hangup SIGHUP; a fill is a small file system (a tmpfs, which root may mount)
without room from a moment on, until the run has ended. Prints a line for each, and exits with 1
where one lost an image, made one again, or ended with other files than the run that was left alone.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before PyTorch reads it: its pool of threads lives in no fork

from forks import started
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from small_runs import SMALL

from zeroreal.base.ranks import Ranks
from zeroreal.base.settings import plain
from zeroreal.generate import Generator
from zeroreal.run.preparation import prepare

SETTINGS = replace(
    SMALL,
    images_per_class=40,
    checkpoint_seconds=0.05,
    # 160 images, 10 at a time: 94 are held, others replace them.
    pool=replace(SMALL.pool, blocks=16, memory=100 * 32 * 32 * 3),
    train=replace(SMALL.train, epochs=4),
)
SMALL_DISK = 64 * 2**20
KINDS = ("kill", "hangup", "fill")
STATUSES = {"kill": {-signal.SIGKILL}, "hangup": {130}, "fill": {1, 2}}
"""How a run ends that was met before its end."""


@dataclass(frozen=True)
class End:
    """A run that was ended, and what became of it."""

    kind: str
    seconds: float
    """From the run's start to what ended it."""
    status: int
    kept: int
    """Images in files once it had ended."""
    made_again: int
    """Of those, generated a second time."""
    differing: tuple[str, ...]
    """Files, and weights, that are not those of the run that was left alone."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost; a run may have finished before it was met."""
        expected = self.status in STATUSES[self.kind] | {0}
        return expected and not self.made_again and not self.differing


def command(arguments, log):
    """`zeroreal run` with arguments, in this process; what it says goes to a file."""
    from zeroreal.cli import main

    file = log.open("ab")
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.argv = ["zeroreal", "run", *map(str, arguments)]
    main.main()


def noting_samples(arguments, log, noted):
    """The same; the samples that are generated are written to a file."""
    made, generate = [], Generator.generate

    def noted_batches(generator, specs, *rest, **options):
        for batch in generate(generator, specs, *rest, **options):
            made.extend(spec.index for spec in batch.specs)
            yield batch

    Generator.generate = noted_batches
    try:
        command(arguments, log)
    finally:  # the command ends in `SystemExit`
        noted.write_text(json.dumps(made))


def kept_samples(folder):
    """The samples whose images are in whole files of a run's folder."""
    samples = []
    for path in sorted((folder / "generated").glob("*.safetensors")):
        with contextlib.suppress(SafetensorError):  # a kill leaves none half, but may one day
            samples += load_file(path)["samples"].tolist()
    return set(samples)


def contents_of(folder):
    """What a finished run must have, by name: all its files, those without times in them by bytes.

    Of the weights' file, too, all but the order of what stands beside them, which is by chance.
    """
    contents = {path.name: b"" for path in folder.iterdir()}
    for name in ("classifier.json", "samples.png"):
        contents[name] = (folder / name).read_bytes()
    weights = folder / "classifier.safetensors"
    with safe_open(weights, "pt") as file:
        contents[weights.name] = file.metadata()
    for name, tensor in load_file(weights).items():
        contents[f"weights {name}"] = tensor.numpy().tobytes()
    return contents


@contextlib.contextmanager
def small_disk(folder):
    """A file system of `SMALL_DISK` bytes; raises `PermissionError` where none can be mounted."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        raise PermissionError("no tmpfs can be mounted here: be root, or leave the fills out")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path):
    """Leave no byte free where `path` is, and as long as it is there."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))


def end(kind, seconds, folder, whole, config):
    """Start a run, end it after `seconds`, go on with it."""
    log, noted, filler = (folder.with_suffix(suffix) for suffix in (".txt", ".json", ".filler"))
    new = ["--config", config, "--out", folder]
    process = started(command, new, log)
    process.join(seconds)
    if kind == "fill":
        while process.exitcode is None:  # it may remove files
            fill(filler)
            process.join(0.01)
        filler.unlink(missing_ok=True)
    elif process.exitcode is None:
        os.kill(process.pid, signal.SIGKILL if kind == "kill" else signal.SIGHUP)
    process.join()
    kept = kept_samples(folder) if folder.exists() else set()
    made = []
    if process.exitcode:
        is_finished = (folder / "metrics.json").exists()  # killed just before it would have ended
        has_begun = (folder / "config.yaml").exists()
        if not has_begun:
            shutil.rmtree(folder, ignore_errors=True)
        again = started(noting_samples, ["--resume", folder] if has_begun else new, log, noted)
        again.join()
        expected = 2 if is_finished else 0
        assert again.exitcode == expected, f"{folder} does not go on:\n{log.read_text()}"
        made = json.loads(noted.read_text())
    ours = contents_of(folder)
    differing = sorted(
        name for name in whole.keys() | ours.keys() if whole.get(name) != ours.get(name)
    )
    return End(kind, seconds, process.exitcode, len(kept), len(kept & set(made)), tuple(differing))


def run_all(work, counts, seed):
    """End so many runs of each kind, at moments that `seed` draws; yields those and who escaped."""
    with contextlib.suppress(ImportError):  # an extra
        importlib.import_module("torch.utils.tensorboard")
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and rightly
    prepare(SETTINGS, lambda progress: None, Ranks(0, 1))  # imports what the forks need
    config = work / "settings.yaml"
    config.write_text(json.dumps(plain(SETTINGS)))
    begun = time.perf_counter()
    alone = started(command, ["--config", config, "--out", work / "whole"], work / "whole.txt")
    alone.join()
    assert alone.exitcode == 0, (work / "whole.txt").read_text()
    length = time.perf_counter() - begun
    whole = contents_of(work / "whole")
    moments = random.Random(seed)
    for kind in KINDS:
        with contextlib.ExitStack() as stack:
            place = work / kind
            place.mkdir()
            if kind == "fill" and counts[kind]:
                stack.enter_context(small_disk(place))
            met = 0
            for number in range(10 * counts[kind]):  # some are through before
                folder = place / f"{number:03}"
                ended = end(kind, moments.uniform(0, length), folder, whole, config)
                yield ended
                shutil.rmtree(folder)
                met += ended.status != 0
                if met == counts[kind]:
                    break


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="an empty folder")
    for kind, count in zip(KINDS, (40, 10, 20), strict=True):
        parser.add_argument(f"--{kind}s", type=int, default=count, dest=kind)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True)
    counts = {kind: getattr(chosen, kind) for kind in KINDS}
    ends = []
    for ended in run_all(chosen.work, counts, chosen.seed):
        print(json.dumps(asdict(ended)), flush=True)
        ends.append(ended)
    bad = [ended for ended in ends if not ended.is_good]
    early = sum(ended.status == 0 for ended in ends)
    kept = sum(ended.kept for ended in ends)
    print(
        f"{len(ends)} runs ended ({early} were through before), {kept} images kept, "
        f"{len(bad)} not as they should be"
    )
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
