"""Training against a plain timm loop."""
