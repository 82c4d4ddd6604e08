"""Training on a diverse share of the images."""
