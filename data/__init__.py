"""Labelled images as files: one way to open every kind of source, and writers of four kinds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
