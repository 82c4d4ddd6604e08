"""Clones of data sets with several configurations, which are never read together."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import get_dataset_config_names
from PIL import Image

from zeroreal.base import InputError
from zeroreal.data.source import load_images

CARD = """---
license: mit
configs:
- config_name: small
  data_files: small/*.parquet
- config_name: large
  data_files: large/*.parquet
---
# Pets
"""


@pytest.fixture
def clone(tmp_path, png):
    """A clone with a table in each of two folders."""
    for name in ("small", "large"):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        table = pa.table({"image": [png], "label": ["cat"]})
        pq.write_table(table, folder / "train-00000-of-00001.parquet")
    return tmp_path / "pets"


@pytest.fixture
def png():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def test_several_are_refused_by_name_and_one_can_be_given(clone):
    (clone / "README.md").write_text(CARD)
    assert set(get_dataset_config_names(str(clone))) == {"small", "large"}
    with pytest.raises(InputError, match=r"configurations 'small', 'large', which are not read"):
        load_images(clone)
    assert len(load_images(clone / "small").images) == 1


@pytest.mark.parametrize(
    "card",
    [
        "",
        "# Pets\n",
        "---\nlicense: mit\n---\n",
        "---\nconfigs:\n- config_name: default\n  data_files: '*/*.parquet'\n---\n",
        "---\nconfigs: none\n---\n",
        "---\nconfigs: [1]\n---\n",
        "---\n[\n---\n",
        "---\nconfigs:\n",
    ],
)
def test_other_cards_change_nothing(clone, card):
    (clone / "README.md").write_text(card)
    assert len(load_images(clone).images) == 2
