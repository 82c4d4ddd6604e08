"""A dataset made by actors of a Ray cluster on this machine."""

import sys
from dataclasses import replace

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.workers import read_notes
from zeroreal.generate.dataset.making import (
    DatasetInterruptedError,
    Executor,
    generate_dataset,
)
from zeroreal.generate.dataset.store.places import open_store

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow
ACTORS = Executor("ray")


@pytest.fixture(scope="module")
def cluster():
    """Three cores of Ray's counting, whatever the machine has: each actor holds itself to one."""
    from ray.cluster_utils import Cluster

    quick = {"worker_niceness": 0}  # else whatever runs beside goes first
    head = {"num_cpus": 3, "_system_config": quick}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def check_sound(folder, images):
    found = verify_dataset(open_store(folder))
    assert (found.images, found.total, found.faults) == (images, images, ())


def test_two_actors_make_what_one_process_makes(cluster, making, one_thread, tmp_path):
    generate_dataset(making.settings(), tmp_path / "one")
    settings = making.settings(devices=("cpu", "cpu", "cpu"))
    result = generate_dataset(settings, tmp_path / "many", executor=ACTORS)
    assert (result.images, result.total, result.made) == (40, 40, 4)
    assert making.shards(tmp_path / "many") == making.shards(tmp_path / "one")
    assert len(making.shards(tmp_path / "many")) == 8
    check_sound(tmp_path / "many", 40)
    assert (tmp_path / "many" / "README.md").exists()


def test_what_one_of_three_killed_actors_had_is_made_by_others(
    cluster, making, one_thread, tmp_path
):
    images = {"images_per_class": 60, "shard_size": 20, "steps": 4}
    killer = making.killer(tmp_path / "many", workers=3)
    settings = making.settings(**images, devices=("cpu", "cpu", "cpu"))
    result = generate_dataset(settings, tmp_path / "many", executor=ACTORS, on_progress=killer)
    assert len(killer.killed) == 1
    assert (result.images, result.made) == (600, 30)
    check_sound(tmp_path / "many", 600)
    generate_dataset(making.settings(**images), tmp_path / "one")
    assert making.shards(tmp_path / "many") == making.shards(tmp_path / "one")
    assert not list((tmp_path / "many" / ".pending").glob("*"))


def test_what_a_worker_refuses_ends_the_work_with_its_sentence(cluster, making, tmp_path):
    generate_dataset(making.settings(images_per_class=1), tmp_path)
    with pytest.raises(InputError, match="seed is 7 here and 0 there") as caught:
        generate_dataset(
            making.settings(images_per_class=1, seed=7, devices=("cpu",)),
            tmp_path,
            executor=ACTORS,
        )
    assert "\n" not in str(caught.value)


def test_ctrl_c_leaves_whole_shards_and_the_same_command_goes_on(cluster, making, tmp_path):
    def interrupt(progress):
        if progress.stage == "generate" and progress.done >= 30:
            raise KeyboardInterrupt

    settings = making.settings(30, shard_size=10, devices=("cpu", "cpu", "cpu"))
    with pytest.raises(DatasetInterruptedError, match=r"interrupted with \d+ of 300 images"):
        generate_dataset(settings, tmp_path, executor=ACTORS, on_progress=interrupt)
    found = verify_dataset(open_store(tmp_path))
    assert {fault.kind for fault in found.faults} == {"missing"}
    assert 20 <= found.images < 300
    assert all(note.ended for note in read_notes(open_store(tmp_path)))
    generate_dataset(settings, tmp_path, executor=ACTORS)
    check_sound(tmp_path, 300)


def test_without_ray_the_package_is_named(making, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'zeroreal\[ray\]'"):
        generate_dataset(making.settings(), tmp_path, executor=ACTORS)


def test_a_gpu_that_no_node_has_is_refused(cluster, making, tmp_path):
    settings = replace(making.settings(), device="cuda")
    with pytest.raises(InputError, match="no node of the cluster has a GPU"):
        generate_dataset(settings, tmp_path, executor=ACTORS)


@pytest.mark.parametrize("named", [{"devices": ("cuda:0",)}, {"device": "cuda:1"}])
def test_devices_that_ray_gives_are_refused(cluster, making, tmp_path, named):
    with pytest.raises(InputError, match="Ray gives each worker a GPU of its own"):
        generate_dataset(replace(making.settings(), **named), tmp_path, executor=ACTORS)
