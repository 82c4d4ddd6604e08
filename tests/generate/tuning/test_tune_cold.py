"""Tuning: first calls that compile and choose are no measure."""

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.generate.tuning.bench import Bench
from zeroreal.generate.tuning.request import Candidate


@pytest.mark.parametrize("cold", [0.0, 0.1, 60.0])
@pytest.mark.parametrize("seconds", [1e-3, 1e6])
@pytest.mark.parametrize("graphs", [False, True])
def test_a_step_takes_what_it_takes_once_warm_also_where_the_time_is_up(
    machine, asked, cold, seconds, graphs
):
    machine.cold = cold
    request = asked(engine="torch", batch_size=8, vae_batch_size=8)
    bench = Bench(TINY_FASHION, request, seconds, machine.cache, machine.told.append)
    bench.climb(Candidate("torch", "auto", graphs), 1.0)
    steps = {point.seconds for point in bench.points if point.graph == "denoise"}
    assert all(step == pytest.approx(0.032) for step in steps)
    assert steps
