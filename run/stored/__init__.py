"""Images of a dataset to train on, in place of generated ones."""
