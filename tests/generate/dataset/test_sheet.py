"""The contact sheet: the latest images, rewritten now and then, beside generation."""

import threading

import pytest
import torch

from zeroreal.generate import ImageBatch, SampleSpec
from zeroreal.generate.dataset.config.config import DatasetConfig
from zeroreal.generate.dataset.store.store import LocalStore
from zeroreal.generate.dataset.writing import sheet
from zeroreal.generate.dataset.writing.sheet import SheetWriter


class Pages(LocalStore):
    """Keeps pages, and writes them when it may."""

    def __init__(self, root):
        super().__init__(root)
        self.pages, self.may_write = [], threading.Event()
        self.may_write.set()

    def write(self, name, content):
        assert self.may_write.wait(60)
        self.pages.append((name, content))


@pytest.fixture
def config(dataset_settings):
    return DatasetConfig(dataset_settings, {}, "0" * 64, (4,))


def batch(index):
    spec = SampleSpec(index, index % 3, f"prompt {index}", "", 1.0, 7)
    images = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    return ImageBatch((spec,), images, torch.tensor([index % 3]))


def test_a_page_is_written_once_a_minute(config, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(sheet.time, "monotonic", lambda: clock[0])
    store = Pages(tmp_path)
    writer = SheetWriter(store, config)
    for second in (0, 1, 59, 61, 100, 122):
        clock[0] = float(second)
        writer.add(batch(second))
        if writer._writing is not None:
            writer._writing.result()
    writer.close()
    assert [name for name, _ in store.pages] == ["preview.html"] * 3
    shown = [f"prompt {second}" for second in (0, 61, 122)]
    assert all(one.encode() in page for one, (_, page) in zip(shown, store.pages, strict=True))


def test_generation_does_not_wait_for_a_page(config, tmp_path):
    store = Pages(tmp_path)
    store.may_write.clear()
    writer = SheetWriter(store, config, seconds=0)
    for index in range(5):
        writer.add(batch(index))  # returns though no page is written yet
    assert store.pages == []
    store.may_write.set()
    writer.close()
    assert len(store.pages) == 1


def test_a_page_that_cannot_be_written_is_left_out(config, tmp_path, monkeypatch):
    store = Pages(tmp_path)
    monkeypatch.setattr(store, "write", lambda name, content: 1 / 0)
    writer = SheetWriter(store, config)
    writer.add(batch(0))
    writer.close()
