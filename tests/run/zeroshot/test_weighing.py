"""Weights of templates: given, or by the images to classify."""

import pyarrow.parquet as pq
import pytest

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.base import InputError
from zeroreal.run import ZeroshotSettings, run_zeroshot
from zeroreal.run.zeroshot.settings import DiffusionClassifierSettings
from zeroreal.run.zeroshot.weighing import WeighingSettings

GOOD, POOR = "a photo of a {class}", "a black and white photo of a {class}"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Some of the shipped ones, which are many, while this file's tests run."""
    few = tmp_path_factory.mktemp("real") / "few.parquet"
    pq.write_table(pq.read_table(FASHION_MNIST_TEST).slice(0, 200), few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroreal.run.zeroshot.start.FASHION_MNIST_TEST", few)
        yield few


pytestmark = pytest.mark.usefixtures("photographs")


def settings(weights, templates=(GOOD, POOR), **changes):
    values = {"pretraining": None, "prompt_temperature": 1.0, **changes}
    return ZeroshotSettings(
        encoder="embedded",
        device="cpu",
        diffusion=DiffusionClassifierSettings(template=templates),
        weighing=WeighingSettings(weights, **values),
    )


def predicted(*of):
    return run_zeroshot(settings(*of)).found.labels.tolist()


def test_a_template_of_weight_0_plays_no_part():
    assert predicted("2,0") == predicted(None, (GOOD,)) != predicted("0,1")


def test_the_images_weigh_templates_and_pretraining_images_change_that(cards):
    plain = run_zeroshot(settings("zpe"))
    usual = run_zeroshot(settings("zpe", pretraining=cards(40, 0)))
    even = run_zeroshot(settings("zpe", prompt_temperature=1e6))
    for result in (plain, usual, even):
        weights = result.content()["template_weights"]
        assert sum(weights) == pytest.approx(1)
    assert plain.found.template_weights != usual.found.template_weights
    assert even.found.template_weights == pytest.approx([0.5, 0.5], abs=1e-4)
    assert even.found.labels.tolist() == predicted(None)
    assert "templates weighted" in plain.sentence


@pytest.mark.parametrize(
    ("of", "complaint"),
    [
        (("2,x",), "'2,x' are neither 'zpe' nor numbers: give such as 2,1,0.5"),
        (("zpe", (GOOD,)), "and not several templates of an encoder to weigh"),
    ],
)
def test_what_is_no_weights_is_refused(of, complaint):
    with pytest.raises(InputError, match=complaint):
        settings(*of)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"pretraining": "x"}, "--pretraining was given, but no weights that it decides: add"),
        ({"prompt_temperature": 2.0}, "--prompt-temperature was given, but no weights"),
        ({"prompt_temperature": 0.0}, "prompt temperature is 0.0: it must be above 0"),
    ],
)
def test_what_only_zpe_takes_is_refused_without(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        settings("1,2", **changes)


def test_another_number_of_weights_is_refused():
    with pytest.raises(InputError, match="there are 3 weights of 2 templates"):
        run_zeroshot(settings("1,2,3"))
