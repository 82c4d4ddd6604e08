"""A small run on stored pictures of colours, and what is deployed of it."""

import shutil
from functools import partial

import pytest
from coloured import COLOURS, coloured

from zeroreal.export.classifier.timing import measure
from zeroreal.run import DeploySettings, RunSettings, deploy_run, run
from zeroreal.run.deploy import deploy as deploying
from zeroreal.run.deploy.settings import FILES
from zeroreal.train import TrainSettings


@pytest.fixture(scope="session", autouse=True)
def _briefly_timed():
    """Speeds are measured in a moment: here they need not be right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploying, "measure", partial(measure, seconds=0.01))
        yield


@pytest.fixture(scope="session")
def cards(tmp_path_factory, write_dataset):
    """A function that writes pictures of colours as folders of classes."""

    def write(count, seed):
        folder = tmp_path_factory.mktemp("cards") / "cards"
        return write_dataset(folder, "folders", *coloured(count, 16, seed), list(COLOURS))

    return write


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cards):
    """The folder of a run that is finished; not to be changed."""
    train = TrainSettings(epochs=6, batch_size=32)
    settings = RunSettings(images=cards(300, 0), data=cards(40, 1), device="cpu", train=train)
    return run(settings, tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture
def own_run(finished, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="session")
def deployment(finished, cards, tmp_path_factory):
    """All that can be deployed."""
    settings = DeploySettings(to=tuple(FILES), synthetic=180, data=cards(40, 1))
    return deploy_run(finished, tmp_path_factory.mktemp("deployed") / "out", settings)
