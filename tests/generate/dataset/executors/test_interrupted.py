"""Ctrl-C before anything is there to tell of."""

import pytest

from zeroreal.generate.dataset import making as module
from zeroreal.generate.dataset.making import DatasetInterruptedError, generate_dataset


def test_ctrl_c_before_the_dataset_is_begun_tells_of_none_of_all_images(
    making, monkeypatch, tmp_path
):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "open_dataset", interrupt)
    with pytest.raises(DatasetInterruptedError, match="interrupted with 0 of 40 images"):
        generate_dataset(making.settings(images_per_class=4), tmp_path)
