"""Makes `assets/fashion-mnist-test`: real images to test on, from Fashion-MNIST's test split.

    python tools/make_test_set.py --data /usr/share/datasets/fashion-mnist

Takes the first images of each class in the order of the split: nothing is drawn at random, nothing
is chosen by looking. The same input, Pillow and pyarrow give the same bytes; the digest of the
pixels, in the README that this writes, depends on the input alone.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from pathlib import Path

import PIL
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from zeroreal.data.fashion_mnist import FASHION_MNIST_CLASSES, load_fashion_mnist

LICENCE = """\
The MIT License (MIT)

Copyright © 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

README = """\
# Real test images: Fashion-MNIST

`test.parquet` holds {count:,} of the 10,000 images of the [Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist)
test split: the first {per_class} of each of the ten classes, in the order of the split. They serve
to evaluate a finished classifier. Nothing is trained on them and nothing is chosen by them; the
embedded pipeline learned from the training split only.

| | |
| --- | --- |
| images | 28x28 grey, 8 bits, as PNG |
| columns | `image` (struct of `bytes` and `path`), `label` (int64) |
| `path` | the image's index in the test split, `00000.png` to `09999.png` |
| class names | in the schema's metadata: `class_names`, and Hugging Face's ClassLabel |
| classes | {classes} |
| licence | MIT, Copyright © 2017 Zalando SE: `LICENSE` |
| made by | `python tools/make_test_set.py`, Pillow {pillow}, pyarrow {pyarrow} |
| sha256 of `test.parquet` | `{file_digest}` |
| sha256 of the pixels, row after row | `{pixel_digest}` |

Reference: Han Xiao, Kashif Rasul, Roland Vollgraf. *Fashion-MNIST: a Novel Image Dataset for
Benchmarking Machine Learning Algorithms.* arXiv 1708.07747, 2017.
"""


def first_of_each_class(labels: Tensor, per_class: int) -> Tensor:
    """Indices, in ascending order, of the first `per_class` images of each class."""
    parts = [torch.nonzero(labels == label)[:per_class, 0] for label in labels.unique()]
    return torch.cat(parts).sort().values


def png(pixels: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def table(images: Tensor, labels: Tensor, indices: Tensor) -> pa.Table:
    rows = [{"bytes": png(images[i]), "path": f"{i:05d}.png"} for i in indices.tolist()]
    label_feature = {"names": list(FASHION_MNIST_CLASSES), "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "label": label_feature}
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", image_type), ("label", pa.int64())],
        metadata={
            "class_names": ",".join(FASHION_MNIST_CLASSES),
            "huggingface": json.dumps({"info": {"features": features}}),
        },
    )
    return pa.table([pa.array(rows, image_type), labels[indices].numpy()], schema=schema)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the IDX files; downloaded if absent")
    parser.add_argument("--out", type=Path, default=Path("assets/fashion-mnist-test"))
    parser.add_argument("--per-class", type=int, default=500)
    arguments = parser.parse_args()

    images, labels = load_fashion_mnist(arguments.data, "test")
    indices = first_of_each_class(labels, arguments.per_class)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "test.parquet"
    # PNG data does not repeat, but the headers of thousands of small files do: zstd saves a tenth.
    pq.write_table(
        table(images, labels, indices),
        path,
        row_group_size=1000,
        use_dictionary=False,
        compression="zstd",
        compression_level=19,
    )
    (arguments.out / "LICENSE").write_text(LICENCE, encoding="utf-8")
    readme = README.format(
        count=len(indices),
        per_class=arguments.per_class,
        classes=", ".join(FASHION_MNIST_CLASSES),
        pillow=PIL.__version__,
        pyarrow=pa.__version__,
        file_digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        pixel_digest=hashlib.sha256(images[indices].numpy().tobytes()).hexdigest(),
    )
    (arguments.out / "README.md").write_text(readme, encoding="utf-8")
    print(f"{len(indices):,} images, {path.stat().st_size:,} bytes: {path}")


if __name__ == "__main__":
    main()
