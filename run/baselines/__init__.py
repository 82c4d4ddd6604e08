"""What classifies a run's test images without training, beside its classifier."""
