"""What the settings of the diffusion classifier refuse."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate.diffusion_classifier.settings import DiffusionClassifierSettings
from zeroreal.generate.diffusion_classifier.stages import Stage


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"norm": "l3"}, "unknown norm 'l3'"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"stages": (Stage(0, 1),)}, "at least 1 timestep"),
        ({"stages": ()}, "there are no stages"),
        ({"template": ("a photo",)}, r"template 'a photo' has to have \{class\} in it"),
        ({"template": ("a {domain} of a {class}",)}, "and no other field"),
        ({"template": ("a {class",)}, "cannot be read"),
    ],
)
def test_values_out_of_range_are_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        DiffusionClassifierSettings(**changes)


def test_proposed_candidates_get_stages_of_their_own():
    settings = DiffusionClassifierSettings()
    assert [stage.timesteps for stage in settings.stages_for(True)] == [4, 9]
    assert len(settings.stages_for(False)) > 1
    named = DiffusionClassifierSettings(stages=(Stage(4, 1),))
    assert named.stages_for(True) == named.stages_for(False) == (Stage(4, 1),)
