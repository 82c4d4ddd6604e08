"""What takes a GPU as work: its order and files, the tests among it, the GPU's name."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.gpu import gpu_tests as tests_module
from zeroreal.benchmarks.gpu import work as work_module
from zeroreal.benchmarks.gpu.gpu_tests import gpu_tests
from zeroreal.benchmarks.gpu.parts import PARTS
from zeroreal.benchmarks.gpu.settings import GpuSettings, names_of
from zeroreal.benchmarks.gpu.work import gpu_name, gpu_works, work_through_gpu

GPU = "NVIDIA H100 80GB HBM3"


@pytest.fixture
def worked(monkeypatch):
    """The names of the work that was to be done on a GPU that is there."""
    names = []
    monkeypatch.setattr(work_module, "gpu_name", lambda: GPU)
    monkeypatch.setattr(
        work_module,
        "work_through",
        lambda works, tell, **_: names.extend(work.name for work in works) or (),
    )
    return names


def test_the_tests_come_first_then_the_parts_in_their_order(worked, tmp_path):
    work_through_gpu(GpuSettings(out=tmp_path))
    assert worked == ["tests", *PARTS]


def test_only_what_is_named_is_done(worked, tmp_path):
    work_through_gpu(GpuSettings(("kernels", "tests"), tmp_path))
    assert worked == ["tests", "kernels"]


def test_the_gpu_stands_in_the_results_names(tmp_path):
    works = gpu_works(tmp_path, GPU)
    assert works["tests"].path.name == "gpu-tests-nvidia-h100-80gb-hbm3.txt"
    assert works["loop"].path.name == "loop-embedded-nvidia-h100-80gb-hbm3.json"
    assert works["loop"].command[-2:] == ("--result", str(works["loop"].path))


def test_the_tests_are_done_once_they_passed_with_this_code(tmp_path, monkeypatch):
    work = gpu_tests(tmp_path / "tests.txt")
    assert work.why() == "they have not run here"
    work.path.write_text(f"3 passed\n{work.command[-1]}\n")
    assert work.why() is None
    monkeypatch.setattr(tests_module, "code_digest", lambda *folders: "another")
    assert gpu_tests(work.path).why() == "they have not passed with this code"
    work.path.write_text("1 failed\n")
    assert work.why() == "they have not passed with this code"


def test_the_tests_need_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(tests_module, "SOURCES", tmp_path)
    assert "there is no folder 'tests'" in gpu_tests(tmp_path / "tests.txt").hindrance


def test_names_are_separated_by_commas():
    assert names_of("guided, kernels,") == ("guided", "kernels")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"parts": ("kernel",)}, "unknown part 'kernel': did you mean 'kernels'?"),
        ({"minutes": 0.0}, "minutes is 0.0: a number of minutes above 0 is needed"),
        ({"budget": -1.0}, "budget is -1.0: a number of minutes above 0 is needed"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        work_through_gpu(GpuSettings(**settings))
    assert complaint in str(error.value)


def test_a_folder_that_cannot_be_made_gets_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be made .*: name another with --out"):
        work_through_gpu(GpuSettings(out=tmp_path / "file" / "results"))


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (f"print({GPU!r})", GPU),
        ("print('')", "there is no CUDA device here: run this on a machine with an NVIDIA GPU"),
        ("import no_such", "PyTorch does not start here (ModuleNotFoundError: No module named"),
    ],
)
def test_the_gpu_is_asked_for_its_name_or_there_is_none(program, name, monkeypatch):
    monkeypatch.setattr(work_module, "_ASK", program)
    try:
        assert gpu_name() == name
    except InputError as error:
        assert name in str(error)  # noqa: PT017
