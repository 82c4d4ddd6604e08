"""Stages: how they are written, and which timesteps they take."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate.diffusion_classifier.stages import Stage, parse_stages, stage_timesteps


def test_stages_are_read_as_they_are_written():
    stages = parse_stages("5:3, 16:1")
    assert stages == (Stage(5, 3), Stage(16, 1))
    assert ",".join(map(str, stages)) == "5:3,16:1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' are no stages"),
        ("10", "'10' are no stages"),
        ("10:5:2", "are no stages"),
        ("10:five", "are no stages"),
        ("-1:5", "are no stages"),
        ("10:5,", "are no stages"),
        ("0:5", "stage 0:5 has to have at least 1 timestep"),
        ("10:0", "stage 10:0 has to have at least 1 timestep and to keep at least 1 class"),
        ("10:3,10:5", "stage 10:5 keeps more classes than the 3 that stage 10:3 leaves"),
    ],
)
def test_bad_stages_are_refused(text, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_stages(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5:1", [[100, 300, 500, 700, 900]]),
        ("2:2,3:1", [[300, 700], [100, 500, 900]]),
        ("1:3,4:1", [[500], [100, 300, 700, 900]]),
    ],
)
def test_timesteps_of_each_stage_are_spread_evenly(text, expected):
    assert stage_timesteps(parse_stages(text), 1000) == expected


def test_no_timestep_comes_twice():
    taken = stage_timesteps(parse_stages("7:5,11:3,982:1"), 1000)
    assert [len(some) for some in taken] == [7, 11, 982]
    assert sorted(timestep for some in taken for timestep in some) == list(range(1000))


def test_more_timesteps_than_the_model_learnt_are_refused():
    with pytest.raises(InputError, match="the stages take 12 timesteps, the model was trained on"):
        stage_timesteps(parse_stages("10:2,2:1"), 11)
