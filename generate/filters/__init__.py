"""Which finished images are good enough to be handed over."""
