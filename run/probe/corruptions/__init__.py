"""The 15 common corruptions of Hendrycks and Dietterich (arXiv 1903.12261), batched, in PyTorch."""
