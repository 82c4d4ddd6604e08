"""From a pool of images to a tested classifier: pool, loader, trainer, evaluation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
