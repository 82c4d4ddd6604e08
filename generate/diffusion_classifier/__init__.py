"""Classifying images with a diffusion model, without training (arXiv 2303.16203)."""
