"""Which TensorRT serves, for which GPUs, and where its messages go."""

import importlib
import importlib.util
import logging
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base.errors import InputError
from zeroreal.engine.tensorrt import library

CPU = torch.device("cpu")

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="tensorrt_rtx is not what serves here",
)


@pytest.fixture
def installed(monkeypatch):
    """Replaces what importing gives: a module by name, or the error it ends in."""

    def install(**modules):
        def import_module(name):
            found = modules.get(name, ModuleNotFoundError(name))
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(library.importlib, "import_module", import_module)

    return install


@pytest.fixture
def classic():
    """A stand-in for `tensorrt`, which names no GPUs to build for."""
    return SimpleNamespace(__name__="tensorrt", __version__="11.4.0")


def test_without_tensorrt_the_pip_command_is_told(installed):
    installed()
    with pytest.raises(InputError, match=r"pip install 'zeroreal\[tensorrt-rtx\]'"):
        library.tensorrt_library()


def test_tensorrt_goes_before_tensorrt_rtx(installed, classic):
    installed(tensorrt=classic, tensorrt_rtx=SimpleNamespace(__name__="tensorrt_rtx"))
    assert library.tensorrt_library() is classic
    assert library.library_version() == "tensorrt 11.4.0"


def test_a_tensorrt_without_its_shared_libraries_is_passed_over(installed):
    rtx = SimpleNamespace(__name__="tensorrt_rtx")
    installed(tensorrt=OSError("libnvinfer.so.11: cannot open shared object"), tensorrt_rtx=rtx)
    assert library.tensorrt_library() is rtx


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_tensorrt_builds_for_no_gpu_but_that_of_the_machine(installed, classic):
    installed(tensorrt=classic)
    assert library.targets() == []
    with pytest.raises(InputError, match=r"'sm_89', only for the GPU .*here none.*tensorrt-rtx"):
        library.set_target(SimpleNamespace(), "sm_89", refittable=False)


@needs_rtx
def test_targets_are_the_library_s_own():
    targets = library.targets()
    assert {"sm_75", "sm_80", "sm_86", "sm_89", "sm_120"} <= set(targets)
    assert len(targets) == len(set(targets))
    assert all(target.removeprefix("sm_").isdecimal() for target in targets)


@needs_rtx
def test_a_gpu_that_the_library_does_not_know_is_told_which_it_does():
    assert library.target_not_supported_reasons("sm_89") == ()
    (reason,) = library.target_not_supported_reasons("sm_90")
    assert reason.startswith("tensorrt_rtx ")
    assert "sm_80, sm_86, sm_89" in reason


@needs_rtx
@pytest.mark.parametrize("target", ["sm_75", "sm_120"])
def test_the_target_is_told_to_the_builder(target):
    trt = library.tensorrt_library()
    config = trt.Builder(library.tensorrt_log()).create_builder_config()
    library.set_target(config, target, refittable=False)
    assert config.num_compute_capabilities == 1
    assert config.get_compute_capability(0).name == target.replace("_", "").upper()


@needs_rtx
def test_messages_go_to_logging_and_never_to_the_terminal(caplog, capfd):
    caplog.set_level(logging.DEBUG, logger="zeroreal")
    log, severities = library.tensorrt_log(), library.tensorrt_library().ILogger.Severity
    log.log(severities.ERROR, "it broke")
    log.log(severities.WARNING, "it is slow")
    log.log(severities.VERBOSE, "it works")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "it broke"),
        ("INFO", "it is slow"),
        ("DEBUG", "it works"),
    ]
    assert capfd.readouterr() == ("", "")


@needs_rtx
def test_a_listener_hears_everything_and_takes_errors_upon_itself(caplog):
    caplog.set_level(logging.INFO, logger="zeroreal")
    log, severities = library.tensorrt_log(), library.tensorrt_library().ILogger.Severity
    heard = []
    with library.listening(lambda severity, message: heard.append((severity, message))):
        log.log(severities.ERROR, "it broke")
        log.log(severities.VERBOSE, "it works")
    log.log(severities.VERBOSE, "nobody listens")
    assert heard == [("ERROR", "it broke"), ("VERBOSE", "it works")]
    assert caplog.records == []
