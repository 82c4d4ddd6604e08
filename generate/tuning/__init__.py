"""Finding the fastest engine and batch sizes of a model on a device."""
