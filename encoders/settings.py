"""What classification by a dual encoder goes by. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

EMBEDDED = "embedded"
"""The name of the encoder that ships."""
TEMPLATES = ("a photo of a {class}",)
