"""The parts of the embedded pipeline's training: see `train_tiny_pipeline.py`."""
