"""The state of a training of another format: refused in one sentence, before anything changes."""

import pytest
import torch

from zeroreal.base import InputError


class Saved:
    """Where one state is kept."""

    state = None

    def save(self, state):
        self.state = state

    def load(self):
        return self.state


def first_moments(state):
    return state["optimizer"]["state"][0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("updates"), "lacks 'updates'"),
        (lambda state: state.update(curriculum=1), "has the unknown 'curriculum'"),
        (lambda state: state.update(version=7), "has format version 7, not 1"),
        (lambda state: state["model"].pop("0.bias"), "in its model, lacks '0.bias'"),
        (
            lambda state: state["model"].update({"0.weight": torch.zeros(4, 3, 5, 5)}),
            r"in its model, '0.weight' has shape \(4, 3, 5, 5\), not \(4, 3, 3, 3\)",
        ),
        (lambda state: state["average"].clear(), "in its average, lacks .* more: go on"),
        (lambda state: state.update(average=None), "has no weights of its average"),
        (lambda state: state["optimizer"].pop("state"), "in its optimizer, lacks 'state'"),
        (
            lambda state: first_moments(state).update(exp_avg=torch.zeros(2)),
            r"'exp_avg' of weight 0 has shape \(2,\)",
        ),
        (
            lambda state: state["optimizer"]["state"].update({99: {}}),
            "among its moments, has the unknown 99",
        ),
        (
            lambda state: state["optimizer"]["param_groups"].pop(),
            r"in its optimizer, has groups of \[3\] weights, not \[3, 5\]",
        ),
        (lambda state: state["scaler"].update(scale=1.0), "in its scaler, has the unknown 'scale'"),
        (lambda state: state["sums"].pop("n"), "in its sums, lacks 'n'"),
        (lambda state: state["reports"][0].pop("loss"), "in a report, lacks 'loss'"),
        (lambda state: state.update(random=torch.zeros(3)), "its random state has shape"),
        (lambda state: state["loader"].pop("epoch"), "the loader's state lacks 'epoch'"),
    ],
)
def test_a_state_of_another_format_gets_one_sentence(trainer, source_of, change, complaint):
    saved = Saved()
    before = trainer()
    before.fit(before.loader(source_of(None)), states=saved, state_seconds=0)
    change(saved.state)
    ours = trainer()
    untrained = {name: value.clone() for name, value in ours._model.state_dict().items()}
    with pytest.raises(InputError, match=complaint) as caught:
        ours.fit(ours.loader(source_of(None)), states=saved)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(untrained[n], value) for n, value in ours._model.state_dict().items())


def test_a_state_without_a_version_is_of_the_first_format(trainer, source_of):
    saved = Saved()
    before, ours = trainer(), trainer()
    before.fit(before.loader(source_of(None)), states=saved, state_seconds=0)
    del saved.state["version"], saved.state["loader"]["version"]
    ours.fit(ours.loader(source_of(None)), states=saved)
    expected = before.model.state_dict()
    assert all(torch.equal(expected[n], value) for n, value in ours.model.state_dict().items())
