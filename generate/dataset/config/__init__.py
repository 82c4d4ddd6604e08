"""What decides a dataset."""
