"""PyTorch behind the `Engine` interface: eager and compiled."""
