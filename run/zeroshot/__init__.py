"""Classifying labelled real images without training."""
