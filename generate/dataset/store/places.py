"""The store of a path or URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ....base.errors import InputError, unknown
from .hub import HubStore
from .remote import RemoteStore
from .retries import Patience
from .store import LocalStore, Store

# Packages whose names differ from those of their modules.
_PACKAGES = {"smbclient": "smbprotocol", "pydrive2": "pydrive2"}


def open_store(url: str | Path, patience: Patience | None = None) -> Store:
    """The store of a folder's path, or of any URL that fsspec knows.

    Nothing is looked up yet, but for places to which one logs in first, such as sftp://. Raises
    `InputError` for a scheme that is unknown, a library that is missing, and a URL of no folder.
    """
    if isinstance(url, Path) or "://" not in url:
        if not str(url).strip():
            raise InputError("the dataset's place is empty: give a folder or a URL")
        # `absent/../folder` is `folder` once `absent` is made: what is there must be seen before.
        return LocalStore(Path(os.path.normpath(url)))
    scheme = url.partition("://")[0]
    if "::" in url:
        raise InputError(
            f"{url!r} is a chain of file systems: give the URL of a folder that can be written"
        )
    if scheme in ("file", "local"):
        from fsspec.implementations.local import LocalFileSystem

        return LocalStore(Path(LocalFileSystem._strip_protocol(url)))
    patience = patience or Patience()
    files, root = patience.tried("opening it", url, lambda: _opened(url, scheme))
    if not root.strip("/"):
        raise InputError(f"{url!r} names no folder: give one, such as {scheme}://place/folder")
    if scheme == "hf" and not root.startswith("buckets/"):
        return HubStore(url, files, root, patience)
    return RemoteStore(url, files, root, patience)


def _opened(url: str, scheme: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs
    from fsspec.registry import get_filesystem_class, known_implementations, registry

    if scheme not in known_implementations and scheme not in registry:
        raise unknown(f"scheme of {url!r},", scheme, known_implementations)
    try:
        get_filesystem_class(scheme)
    except ImportError as error:
        module = getattr(error.__cause__, "name", None) or known_implementations[scheme]["class"]
        package = _PACKAGES.get(module.partition(".")[0], module.partition(".")[0])
        raise InputError(
            f"{url!r} needs the package {package}, which is not installed: `pip install {package}`"
        ) from error
    # Others write at the same time: a listing that was kept would hide their files.
    found: tuple[Any, str] = url_to_fs(url, use_listings_cache=False)
    return found
