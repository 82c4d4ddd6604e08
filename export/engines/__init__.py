"""Which engines a model can run on, and loading or building them."""
