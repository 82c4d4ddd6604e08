"""What is deployed of a small run on stored pictures of colours."""

import shutil
from functools import partial

import pytest

from zeroreal.export.classifier.timing import measure
from zeroreal.run import DeploySettings, deploy_run
from zeroreal.run.deploy import deploy as deploying
from zeroreal.run.deploy.settings import FILES


@pytest.fixture(scope="session", autouse=True)
def _briefly_timed():
    """Speeds are measured in a moment: here they need not be right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploying, "measure", partial(measure, seconds=0.01))
        yield


@pytest.fixture
def own_run(finished, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="session")
def deployment(finished, cards, tmp_path_factory):
    """All that can be deployed."""
    settings = DeploySettings(to=tuple(FILES), synthetic=180, data=cards(40, 1))
    return deploy_run(finished, tmp_path_factory.mktemp("deployed") / "out", settings)
