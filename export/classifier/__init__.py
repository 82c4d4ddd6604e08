"""A trained classifier as one file for other machines: written, quantised, checked and read."""
