"""Honest probabilities without real images: temperature and reject threshold of a run."""
