"""TensorRT's plans of a run, for GPUs that are not here."""

import importlib.util
import json

import pytest
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.cli.main import app
from zeroreal.export.classifier import plans as building
from zeroreal.run import DeploySettings, deploy_run
from zeroreal.run.deploy import deploy as deploying

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="only tensorrt_rtx builds for other GPUs",
)

FIXED = {"size": "fixed", "synthetic": 60}


def settings(**changes):
    return DeploySettings(**{"to": ("tensorrt",), "target": ("sm_89",), **FIXED, **changes})


def test_a_plan_for_each_precision_and_gpu_says_that_it_was_not_run(finished, cards, tmp_path):
    wanted = settings(target=("sm_86", "sm_89"), data=cards(40, 1))
    deployment = deploy_run(finished, tmp_path / "out", wanted)
    names = [f"model-{one}-{gpu}.plan" for one in ("fp16", "int8") for gpu in ("sm_86", "sm_89")]
    assert [one.name for one in deployment.files] == names
    written = sorted(path.name for path in deployment.folder.iterdir())
    assert written == sorted([*names, "README.md", "deploy.json"])
    for file in deployment.files:
        assert file.bytes == (deployment.folder / file.name).stat().st_size > 1000
        assert (file.agreement, file.accuracy, file.largest_difference) == (None, None, None)
        assert file.speeds == ()
        assert (file.plan.precision, file.plan.target) == tuple(file.name[6:-5].split("-"))
        assert file.plan.graph_agreement >= {"fp16": 0.99, "int8": 0.97}[file.plan.precision]
        assert file.plan.graph_accuracy == pytest.approx(deployment.accuracy, abs=0.03)
        assert file.plan.layers[file.plan.precision] > 0
        assert file.plan.profile["batch"].largest == 32
    assert [file.quantised_share for file in deployment.files[:2]] == [None, None]
    assert all(file.quantised_share > 0.9 for file in deployment.files[2:])
    card = (deployment.folder / "README.md").read_text()
    for name in names:
        assert f"| {name} | " in card
    assert card.count("not run here") >= 6 * 4
    said = json.loads((deployment.folder / "deploy.json").read_text())["files"]
    assert [(one["is_run"], one["agreement"]) for one in said] == [(False, None)] * 4


def test_the_command_says_that_a_plan_was_not_run_here(finished, tmp_path):
    out = tmp_path / "out"
    arguments = ["--to", "tensorrt", "--target", "sm_89", "--precision", "fp16", "--size", "fixed"]
    done = CliRunner().invoke(
        app, ["deploy", str(finished), *arguments, "--synthetic", "60", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "not run here: its graph gives PyTorch's class to" in done.stdout
    assert "sm_89 by tensorrt_rtx" in done.stdout
    assert (out / "model-fp16-sm_89.plan").is_file()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"target": ("sm_90",)}, r"no plan can be built for 'sm_90': .*sm_89.*give another --targ"),
        ({"batch": "8:2"}, "range 8..2..2 is not in order"),
        ({"sides": "all"}, "'all' is not a range"),
    ],
)
def test_what_cannot_be_built_is_told_before_anything_is_made(
    finished, tmp_path, monkeypatch, changes, complaint
):
    monkeypatch.delattr(deploying, "material")
    with pytest.raises(InputError, match=complaint):
        deploy_run(finished, tmp_path / "out", settings(**changes))
    assert not list(tmp_path.iterdir())


def test_without_a_gpu_one_is_to_be_named(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="name one, such as --target sm_89"):
        deploy_run(finished, tmp_path / "out", settings(target=()))


@pytest.mark.parametrize(
    ("size", "remedy"), [("any", "give --size fixed$"), ("fixed", "leave fp16 out of --precision")]
)
def test_what_the_gpu_cannot_take_has_a_remedy(finished, tmp_path, monkeypatch, size, remedy):
    def refuse(graph, profile, target, folder):
        raise InputError("no kernel for Resize_3")

    monkeypatch.setattr(building, "build_plan", refuse)
    with pytest.raises(InputError, match=f"fp16 for sm_89.*no kernel for Resize_3.*{remedy}"):
        deploy_run(finished, tmp_path / "out", settings(precision=("fp16",), size=size))
    assert not list(tmp_path.iterdir())
