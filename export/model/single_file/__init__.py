"""Single-file checkpoints of Stable Diffusion: what they are, and folders made of them."""
