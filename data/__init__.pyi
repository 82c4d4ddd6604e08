from .real import load_real_images
from .source import LabelledImages, load_images

__all__ = [
    "LabelledImages",
    "load_images",
    "load_real_images",
]
