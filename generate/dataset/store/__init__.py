"""Where a dataset lies: a folder, or a place that fsspec reaches."""
