"""What writing a dataset costs the generator."""
