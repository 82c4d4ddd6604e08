"""A model's parts as the modules that are run, exported and compiled."""
