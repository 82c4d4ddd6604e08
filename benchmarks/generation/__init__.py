"""How fast images are generated, against diffusers."""
