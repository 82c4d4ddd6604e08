"""A classifier as an HTTP service, by the Open Inference protocol."""
