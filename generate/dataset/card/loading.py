"""How to load a dataset, in code that works as pasted."""

from __future__ import annotations

import json
import shlex

from .facts import CardFacts
from .markdown import fenced


def loading(facts: CardFacts) -> list[str]:
    """Blocks of code for the libraries that read the dataset's format."""
    source = json.dumps(facts.hub_id or "DIR")
    hub = f'datasets.load_dataset({source}, split="train")'
    command = f"zeroreal run --images {shlex.quote(facts.url or 'DIR')}"
    python = []
    if facts.format == "webdataset":
        python += [
            f"import datasets\n\nimages = {hub}  # images[0]['{facts.image_format}'], ['cls']",
            "import glob\n\nimport webdataset\n\n"
            'shards = webdataset.WebDataset(sorted(glob.glob("DIR/*.tar")), shardshuffle=False)\n'
            f'images = shards.decode("pil").to_tuple("{facts.image_format}", "cls")',
            "import timm.data\n\n"
            'images = timm.data.create_dataset("wds/", root="DIR", split="train")',
        ]
    if facts.format == "parquet":
        python += [f"import datasets\n\nimages = {hub}  # images[0]['image'], ['label']"]
    if facts.format == "folder":
        python += [
            "import torchvision\n\n"
            "# Its labels number the folders' names as they sort.\n"
            'images = torchvision.datasets.ImageFolder("DIR/train")',
            f"import datasets\n\nimages = {hub}",
        ]
    if facts.format == "npy":
        python += [
            "import glob\n\nimport numpy as np\n\n"
            'labels = sorted(glob.glob("DIR/*.labels.npy"))  # int64 [N]\n'
            'pixels = [path.replace(".labels", "") for path in labels]  # uint8 [N, H, W, 3]\n'
            'shards = [(np.load(x, mmap_mode="r"), np.load(y)) for x, y in zip(pixels, labels)]',
        ]
    return [fenced(command, "bash"), *(fenced(one, "python") for one in python)]
