from .encode import ImageEncoder
from .formats import IMAGE_FORMATS, SHARD_FORMATS
from .real import load_real_images
from .shard_info import wds_info
from .shard_writer import ShardWriter, new_shard
from .source import LabelledImages, load_images

__all__ = [
    "IMAGE_FORMATS",
    "SHARD_FORMATS",
    "ImageEncoder",
    "LabelledImages",
    "ShardWriter",
    "load_images",
    "load_real_images",
    "new_shard",
    "wds_info",
]
