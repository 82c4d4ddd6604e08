"""A worker's place by the variables that torchrun, SLURM and Kubernetes set."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.missing import Place
from zeroreal.generate.dataset.executors.environment import place_from_environment
from zeroreal.generate.dataset.making import Executor, generate_dataset
from zeroreal.generate.dataset.store.places import open_store


@pytest.mark.parametrize(
    ("values", "place", "local"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, Place(3, 8), 1),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Place(0, 1), None),
        ({"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "4"}, Place(2, 4), None),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "6", "SLURM_LOCALID": "1"}, Place(5, 6), 1),
        ({"JOB_COMPLETION_INDEX": "9", "JOB_COMPLETIONS": "10"}, Place(9, 10), None),
    ],
    ids=["torchrun", "ranks", "array", "srun", "kubernetes"],
)
def test_a_place_is_found(values, place, local):
    assert place_from_environment(values) == (place, local)


def test_an_array_that_begins_at_one_is_counted_from_there():
    values = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"}
    places = [
        place_from_environment({**values, "SLURM_ARRAY_TASK_ID": str(task)})[0]
        for task in (1, 2, 3, 4)
    ]
    assert places == [Place(rank, 4) for rank in range(4)]


def test_an_array_in_steps_is_counted_without_gaps():
    values = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"}
    values["SLURM_ARRAY_TASK_STEP"] = "10"
    places = [
        place_from_environment({**values, "SLURM_ARRAY_TASK_ID": str(task)})[0]
        for task in (1, 11, 21, 31)
    ]
    assert places == [Place(rank, 4) for rank in range(4)]


def test_a_repeated_task_of_an_array_has_a_place_of_an_array_of_one():
    values = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "1"}
    place, _ = place_from_environment({**values, "SLURM_ARRAY_TASK_MIN": "7"})
    assert place == Place(0, 1)


def test_torchrun_goes_before_the_slurm_job_in_which_it_runs():
    slurm = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
    place, local = place_from_environment(
        {**slurm, "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    )
    assert (place, local) == (Place(5, 8), 1)


def test_an_array_goes_before_the_step_in_each_of_its_tasks():
    step = {"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_LOCALID": "0"}
    array = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"}
    assert place_from_environment({**step, **array})[0] == Place(3, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "RANK with WORLD_SIZE.*JOB_COMPLETION_INDEX with JOB_COMPLETIONS"),
        ({"RANK": "1"}, "found no worker's number"),
        ({"JOB_COMPLETION_INDEX": "1"}, "found no worker's number"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, "RANK is 'one'.*a number from 0 on"),
        ({"RANK": "1", "WORLD_SIZE": ""}, "WORLD_SIZE is ''.*a number from 0 on"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK is 2 and WORLD_SIZE is 2"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "RANK is '-1'"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "WORLD_SIZE is 0"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "x"}, "LOCAL_RANK is 'x'"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "-1"}, "LOCAL_RANK is '-1'"),
        (
            {
                "SLURM_ARRAY_TASK_ID": "9",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
            },
            "SLURM_ARRAY_TASK_ID is 9",
        ),
    ],
)
def test_nonsense_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        place_from_environment(values)


def test_the_process_environment_is_read(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert place_from_environment() == (Place(1, 2), 1)


def test_a_worker_whose_others_never_come_makes_all(making, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    result = generate_dataset(
        making.settings(images_per_class=2, shard_size=5), tmp_path, executor=Executor("env")
    )
    assert (result.images, result.made) == (20, 4)
    assert verify_dataset(open_store(tmp_path)).is_sound


def test_devices_for_each_of_many_workers_are_refused(making, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="devices cpu, cpu were given to each of the workers"):
        generate_dataset(
            making.settings(devices=("cpu", "cpu")), tmp_path, executor=Executor("env")
        )
