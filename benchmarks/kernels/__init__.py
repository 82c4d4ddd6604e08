"""Kernels against plain PyTorch."""
