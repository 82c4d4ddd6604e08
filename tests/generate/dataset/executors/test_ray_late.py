"""A node that joins a Ray cluster while a dataset is made."""

from collections import Counter

import pytest

from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.config.config import read_config
from zeroreal.generate.dataset.describing import read_records
from zeroreal.generate.dataset.making import Executor, generate_dataset
from zeroreal.generate.dataset.store.places import open_store

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    quick = {"worker_niceness": 0}  # else whatever runs beside goes first
    head = {"num_cpus": 1, "_system_config": quick}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_node_that_joins_late_takes_part(cluster, making, tmp_path):
    added = []

    def add_node(progress):
        if progress.stage == "generate" and not added:
            added.append(cluster.add_node(num_cpus=1))

    settings = making.settings(40, shard_size=10, steps=8)
    generate_dataset(settings, tmp_path, executor=Executor("ray"), on_progress=add_node)
    store = open_store(tmp_path)
    shards = Counter(one.worker.pid for one in read_records(store, read_config(store)))
    assert len(shards) == 2
    assert sum(shards.values()) == 40
    found = verify_dataset(store)
    assert (found.images, found.total, found.faults) == (400, 400, ())
