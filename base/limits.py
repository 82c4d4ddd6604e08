"""How much is taken of a file that somebody else wrote, whatever it says of itself.

One limit for each kind, checked before memory is asked for. A variable of the environment raises
it, as `ZEROREAL_MAX_ROWS=50000000` does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .errors import InputError


class LimitError(InputError):
    """A file asks for more than a limit allows."""


@dataclass(frozen=True)
class Limit:
    """The most that is taken of one kind."""

    name: str
    default: int
    unit: str
    """What is counted, in the plural."""
    option: str | None = None
    """The command's option that raises it too, for one command."""

    @property
    def variable(self) -> str:
        """The variable of the environment that raises it."""
        return f"ZEROREAL_MAX_{self.name.upper()}"

    @property
    def most(self) -> int:
        """The limit that holds now; `InputError` where the environment has no whole number."""
        text = os.environ.get(self.variable)
        if text is None:
            return self.default
        if re.fullmatch(r"[1-9][0-9]{0,17}", text) is None:
            raise InputError(
                f"{self.variable} is {text!r} in the environment: give a whole number of "
                f"{self.unit}, such as {self.default}"
            )
        return int(text)

    def check(self, found: int, where: str, or_more: bool = False, most: int | None = None) -> None:
        """Raise `LimitError`, which begins with `where`, if `found` is more than the limit.

        `or_more` says that counting ended there. `most` stands for the limit where an option did.
        """
        most = self.most if most is None else most
        if found > most:
            more = " or more" if or_more else ""
            raise LimitError(
                f"{where} has {found:,}{more} {self.unit}, and the limit is {most:,}: raise it by "
                f"{self.option or self.variable} if you trust the file"
            )


TEXT_BYTES = Limit("text_bytes", 64 * 2**20, "bytes of text")
"""JSON, YAML, CSV and lists of names. CLIP's vocabulary takes 1 MB."""
NESTING = Limit("nesting", 100, "levels of nesting")
"""Lists and objects inside each other. Python's own limit of calls lies a few times higher."""
VALUES = Limit("values", 2_000_000, "values")
"""Of a JSON or YAML text, by commas and brackets or with aliases written out; each takes up to 100
bytes of memory."""
CHECKPOINT_VALUES = Limit("checkpoint_values", 50_000_000, "values")
"""Of the text in a checkpoint, which holds three numbers for each image of the pool."""
HEADER_BYTES = Limit("header_bytes", 100_000_000, "bytes of header")
"""Names and shapes in a safetensors file; this is what its library takes (`MAX_HEADER_SIZE`)."""
MEMBER_BYTES = Limit("member_bytes", 256 * 2**20, "bytes in one file of an archive")
"""An encoded image, or what else a tar file holds in one piece."""
UNPACKED_BYTES = Limit("unpacked_bytes", 4 * 2**30, "bytes unpacked")
"""What gzip gives for a file, or Parquet for a column of labels or one group of images."""
ROWS = Limit("rows", 10_000_000, "rows")
"""Images or prompts of one file: of Parquet, IDX and NumPy arrays, and samples of a tar file."""
IMAGE_PIXELS = Limit("image_pixels", 178_956_970, "pixels", "--max-image-pixels")
"""Width times height of an image; by default what Pillow opens without an error."""
KERNEL_BYTES = Limit("kernel_bytes", 2 * 2**30, "bytes of compiled kernels")
"""What TensorRT compiled for the sizes that were met, kept beside the cache."""
MODEL_BYTES = Limit("model_bytes", 2 * 2**30, "bytes of model")
"""An ONNX file with its weights, which cannot be larger: protobuf's own limit."""
RECIPE_PARTS = Limit("recipe_parts", 1_000, "parts")
"""Recipes that one is merged from, a part counted each time that it is named."""
TREE_NAMES = Limit("tree_names", 100_000, "names")
"""Of a tree of classes: a distance is kept of each to each of the classifier's classes. WordNet has
82,000 nouns."""

LIMITS = (
    TEXT_BYTES,
    NESTING,
    VALUES,
    CHECKPOINT_VALUES,
    HEADER_BYTES,
    MEMBER_BYTES,
    UNPACKED_BYTES,
    ROWS,
    IMAGE_PIXELS,
    KERNEL_BYTES,
    MODEL_BYTES,
    RECIPE_PARTS,
    TREE_NAMES,
)
