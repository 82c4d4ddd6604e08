"""Making datasets in tests: by one call, interrupted, and looked at."""

from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.workers import WORKERS
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.store.store import LocalStore


def generate(settings, folder, **options):
    return generate_dataset(settings, LocalStore(folder), **options)


def is_sound(folder):
    return verify_dataset(LocalStore(folder)).is_sound


def interrupt_at(count):
    """Ctrl-C once so many batches are made."""
    batches = iter(range(1, 1000))

    def press(specs):
        if next(batches) > count:
            raise KeyboardInterrupt

    return press


def press(*_):
    raise KeyboardInterrupt


def files(folder):
    """Names and contents of all files, but of notes."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and WORKERS not in path.parts
    }
