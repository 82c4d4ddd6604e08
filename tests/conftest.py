"""What all tests share."""

import functools
import gc
import itertools
import os
import resource
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

# xdist gives its workers one, and a console keeps that of its start.
os.environ.pop("COLUMNS", None)
# Before PyTorch reads it, and for the processes that tests start: workers share the cores. Their
# parent must not set it, for they inherit that, and with two threads each on two cores most waits.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

import hypothesis
import pytest
import torch
from filelock import FileLock
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from tiny_models import shrunk

from zeroreal.generate import ImageBatch, SampleSpec

SIDE = 4  # of `NumberedImages`
FAMILIES = ("sd15", "sd21", "sd-turbo", "lcm", "sdxl")


def pytest_configure() -> None:
    """Let Ctrl-C reach the commands under test: a shell's background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The same examples each time and on every machine, however slow.
    hypothesis.settings.register_profile(
        "zeroreal", derandomize=True, database=None, deadline=None, max_examples=200
    )
    hypothesis.settings.load_profile("zeroreal")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `gpu` where there is no GPU."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):  # not by its keywords: folders are among those
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_collection_finish() -> None:
    """Keep what the libraries and all tests are made of out of every search for garbage."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all workers of this run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(shared_folder):
    """Tests neither use nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROREAL_CACHE", str(shared_folder / "cache"))
        yield


@pytest.fixture
def no_hang():
    """What waits for a pipe, or goes round for ever, ends as a failed test."""

    def stop(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def little_memory():
    """The memory that may be asked for in addition is half a GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + 2**29
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def noise_of(seed, shape, scheduler):
    """The start of an image's latents, and inside, the noise of its own seed for a scheduler.

    For a `diffusers` pipeline that makes one image: our noise comes from a counter, not from a
    generator that the pipeline could be given.
    """
    from zeroreal.kernels import philox_normal_reference

    seeds, draws = torch.tensor([seed]), itertools.count(1)

    def draw(size, *_, **__):
        return philox_normal_reference(seeds, size[1:], next(draws))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{type(scheduler).__module__}.randn_tensor", draw, raising=False)
        yield philox_normal_reference(seeds, shape, 0)


@pytest.fixture(name="noise_of", scope="session")
def _noise_of():
    return noise_of


def made_once(folder, make):
    """`folder`, which the first worker that asks for it has `make` write; the others wait."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            make(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(shared_folder):
    """A function that gives the folder of a family's tiny model with random weights, float32."""
    from zeroreal.export.model.random_weights import architecture, write_random_model

    def write(family, folder):
        folder.mkdir()
        write_random_model(shrunk(architecture(family)), folder, torch.float32)

    @functools.cache
    def make(family):
        return made_once(shared_folder / family, functools.partial(write, family))

    return make


@pytest.fixture(scope="session")
def export_of(shared_folder, tiny_model):
    """A function that gives the export of a family's tiny model by some settings."""
    from zeroreal.export import ExportSettings, export_model, read_manifest
    from zeroreal.generate.own_trajectories import record_own_steps

    def export(model, settings, out):
        export_model(model, out, settings, record_steps=record_own_steps)

    @functools.cache
    def make(family, **settings):
        folder = shared_folder / "-".join([family, *map(str, settings.values())])
        model, chosen = tiny_model(family), ExportSettings(**settings)
        return read_manifest(made_once(folder, functools.partial(export, model, chosen)))

    return make


@pytest.fixture(scope="session")
def tiny_export(export_of):
    """A function that gives the export of a family's tiny model in a precision."""
    return lambda family, precision: export_of(family, precision=precision)


@pytest.fixture(scope="session")
def encoder_export(export_of):
    """The tiny Stable Diffusion 1.x model in float32, exported with its VAE encoder."""
    return export_of("sd15", precision="fp32", encodes=True)


@pytest.fixture(scope="session")
def any_size_export(export_of):
    """The tiny Stable Diffusion 1.x model in float16, exported with height and width left free."""
    return export_of("sd15", precision="fp16", any_size=True)


class NumberedImages:
    """A source whose images are the colour (n % 256, n // 256, 0) for sample n: no diffusion.

    `seconds` is how long a batch takes, `blank` the samples that are left out, `broken` the one
    that cannot be generated.
    """

    device = torch.device("cpu")

    def __init__(self, batch_size=3, seconds=0.0, blank=(), broken=None):
        self.batch_size, self.seconds, self.blank, self.broken = batch_size, seconds, blank, broken
        self.generated = []
        self.threads = set()

    def generate(self, specs, done=()):
        todo = [spec for spec in specs if spec.index not in done]
        for begin in range(0, len(todo), self.batch_size):
            batch = todo[begin : begin + self.batch_size]
            time.sleep(self.seconds)
            if self.broken in [spec.index for spec in batch]:
                raise RuntimeError(f"sample {self.broken} cannot be generated")
            self.generated += [spec.index for spec in batch]
            self.threads.add(threading.current_thread().name)
            kept = tuple(spec for spec in batch if spec.index not in self.blank)
            if not kept:
                continue
            labels = torch.tensor([spec.label for spec in kept])
            yield ImageBatch(kept, self.pictures([spec.index for spec in kept]), labels)

    @staticmethod
    def plan(count, classes=2):
        """The specs of samples 0, 1, ..., their labels in turn."""
        return [SampleSpec(n, n % classes, "", "", 1.0, n) for n in range(count)]

    @staticmethod
    def pictures(numbers):
        """The images of samples: uint8 `[B, 4, 4, 3]`."""
        colours = torch.tensor([[n % 256, n // 256, 0] for n in numbers], dtype=torch.uint8)
        return colours[:, None, None].expand(-1, SIDE, SIDE, -1).contiguous()

    @staticmethod
    def numbers(images):
        """The samples that a normalised batch, `[B, 3, S, S]`, shows."""
        mean, std = torch.tensor(IMAGENET_DEFAULT_MEAN), torch.tensor(IMAGENET_DEFAULT_STD)
        colours = (images.float() * std[:, None, None] + mean[:, None, None]) * 255
        assert (colours - colours[..., :1, :1]).abs().max() < 0.01  # one colour each
        red, green, _ = colours[..., 0, 0].round().long().unbind(1)
        return (red + 256 * green).tolist()


@pytest.fixture(scope="session")
def numbered():
    """The class `NumberedImages`."""
    return NumberedImages


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """The library, offline and with a cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    library.disable_progress_bars()
    return library
