"""Native kernels behind `torch.library` operators, each with a plain PyTorch reference."""

import lazy_loader

# With the repository's root on sys.path, as under `python -m`, transformers finds this folder when
# it looks for the Hub's package `kernels`, and imports it by that name: then there is nothing here.
if __name__ != "kernels":
    __getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
