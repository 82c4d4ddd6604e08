"""How classes are decided on from probabilities: each image by itself, or all of them together."""
