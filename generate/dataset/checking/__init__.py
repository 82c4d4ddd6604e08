"""What is in a dataset, compared with what should be."""
