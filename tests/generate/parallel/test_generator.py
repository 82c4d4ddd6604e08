"""Several devices at once, here two processes on the CPU, against a single generator."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.generate.parallel.generator import DataParallelGenerator, Deal
from zeroreal.run import RunSettings

OPTIONS = {"engine": "torch", "precision": "fp32", "steps": 2, "batch_size": 3}
PLAN = SamplePlan(load_recipe("merged"), parse_classes(RunSettings().classes), 100, seed=3)
SPECS = PLAN[:84:7]  # all classes, and all parts of the recipe

# Tells when it has started its processes, which at that time are still importing.
STARTS_AND_TELLS = """
import multiprocessing, threading, time
from zeroreal.generate.parallel.generator import DataParallelGenerator

def tell():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.01)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    threading.Thread(target=tell).start()
    DataParallelGenerator(("cpu", "cpu"))
"""


@pytest.fixture(scope="module")
def parallel():
    with DataParallelGenerator(("cpu", "cpu"), **OPTIONS) as generator:
        yield generator


@pytest.fixture(scope="module")
def single():
    return Generator(device="cpu", **OPTIONS)


def children():
    return [child for child in multiprocessing.active_children() if child.name == "zeroreal cpu"]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stream_is_dealt_out_in_turns_whoever_takes_first():
    deal = Deal(iter(range(11)), 3)
    assert deal.take(1, 3) == (1, 4, 7)
    assert deal.take(0, 2) == (0, 3)
    assert deal.take(0, 9) == (6, 9)
    assert deal.take(2, 9) == (2, 5, 8)
    assert deal.take(1, 9) == (10,)
    assert deal.take(1, 9) == ()


def test_images_are_those_of_a_single_generator_each_once(parallel, single):
    expected, labels = single.images(SPECS)
    batches = list(parallel.generate(iter(SPECS)))
    made = [spec for batch in batches for spec in batch.specs]
    assert sorted(spec.index for spec in made) == [spec.index for spec in SPECS]
    order = [SPECS.index(spec) for spec in made]
    images = torch.cat([batch.images for batch in batches])
    # The two compute in other batches, which rounds differently.
    assert (images.int() - expected[order].int()).abs().max() <= 1
    assert torch.equal(torch.cat([batch.labels for batch in batches]), labels[order])
    assert [seed for batch in batches for seed in batch.seeds] == [spec.seed for spec in made]
    assert [told for batch in batches for told in batch.rejections] == [()] * len(SPECS)


def test_each_process_makes_every_second_sample(parallel):
    ranks = [{SPECS.index(spec) % 2 for spec in batch.specs} for batch in parallel.generate(SPECS)]
    assert sorted(rank for (rank,) in ranks) == [0, 0, 1, 1]


def test_samples_that_are_done_are_left_out(parallel):
    done = {SPECS[0].index, SPECS[4].index, SPECS[7].index}
    made = [spec.index for batch in parallel.generate(SPECS, done) for spec in batch.specs]
    assert sorted(made) == [spec.index for spec in SPECS if spec.index not in done]


def test_an_iterator_closed_early_leaves_nothing_to_the_next_call(parallel):
    abandoned = parallel.generate(PLAN)
    next(abandoned)
    with pytest.raises(RuntimeError, match="exhaust or close that iterator first"):
        next(parallel.generate(SPECS))
    abandoned.close()
    made = [spec for batch in parallel.generate(SPECS[:5]) for spec in batch.specs]
    assert sorted(spec.index for spec in made) == [spec.index for spec in SPECS[:5]]


def test_facts_are_those_of_a_single_generator(parallel, single):
    assert parallel.facts == single.facts


def test_the_seconds_of_all_devices_are_summed(parallel):
    before = dict(parallel.seconds.totals)
    list(parallel.generate(SPECS))
    assert all(parallel.seconds.totals[stage] > before[stage] for stage in ("denoise", "decode"))


def test_shared_memory_has_no_name_that_a_kill_could_leave_behind(parallel):
    owners = {str(child.pid) for child in children()}
    assert len(owners) == 2
    assert not [p for p in Path("/dev/shm").iterdir() if owners & set(p.name.split("_"))]


def test_bad_input_is_refused_with_the_sentence_of_a_single_generator():
    with pytest.raises(InputError) as expected:
        Generator(device="cpu", steps=0)
    with pytest.raises(InputError) as caught:
        DataParallelGenerator(("cpu",), steps=0)
    assert str(caught.value) == str(expected.value)


def test_ctrl_c_ends_all_processes_with_the_traceback_of_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(STARTS_AND_TELLS)
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes get it
    _, complaint = process.communicate()
    assert complaint.count("KeyboardInterrupt") == 1
    assert not any(alive(pid) for pid in pids)


def test_a_killed_process_is_named_and_ends_the_others(parallel):
    """The last test: the generator that they share is closed after it."""
    processes = children()
    call = parallel.generate(PLAN)
    next(call)
    os.kill(processes[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="on cpu ended by SIGKILL"):
        list(call)
    assert not any(process.is_alive() for process in processes)
    with pytest.raises(RuntimeError, match="closed"):
        next(parallel.generate(SPECS))


@pytest.mark.slow
def test_prompts_that_are_too_long_are_said_once_for_all_devices(caplog):
    classes = parse_classes(["coat: " + "a coat " * 40, "bag: " + "a bag " * 40])
    plan = SamplePlan(load_recipe("base"), classes, 4)
    with DataParallelGenerator(("cpu", "cpu"), **OPTIONS) as generator:
        generator.check_prompts(plan)
        assert sum(len(batch.specs) for batch in generator.generate(plan)) == 8
    said = [record.getMessage() for record in caplog.records if "tokens" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("2 of 3 prompts are cut to the 32 tokens")
