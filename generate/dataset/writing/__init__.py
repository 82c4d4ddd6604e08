"""From batches of images to the files of a shard, beside generation."""
