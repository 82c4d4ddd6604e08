"""What the file systems of fsspec can do, as far as committing depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProtocolFacts:
    """What is known of a file system."""

    whole: bool = False
    """What is uploaded is seen whole or not at all, under its own name."""
    exclusive: bool = False
    """`mode="create"` is one request, which fails where the name is taken."""
    copies: bool = False
    """It has no rename: a file is moved by a copy."""
    in_doubt: bool = False
    """Servers of many makers speak this protocol, and some create what is there already."""
    in_process: bool = False
    """One process alone sees it."""


# s3fs sends `If-None-Match: *`, also when it completes an upload in parts, gcsfs
# `ifGenerationMatch=0`, adlfs `If-None-Match: *`. An upload that ends half-way leaves no object.
_S3 = ProtocolFacts(whole=True, exclusive=True, copies=True, in_doubt=True)
_OBJECTS = ProtocolFacts(whole=True, exclusive=True, copies=True)
_FACTS = {
    "s3": _S3,
    "s3a": _S3,
    "gs": _OBJECTS,
    "gcs": _OBJECTS,
    "az": _OBJECTS,
    "abfs": _OBJECTS,
    "abfss": _OBJECTS,
    # Buckets of the Hugging Face hub: a file is sent in one request, from a local copy.
    "hf": ProtocolFacts(whole=True, copies=True),
    # Its `put_file` shows a file while it is written, its copies appear at once.
    "memory": ProtocolFacts(copies=True, in_process=True),
}


def facts_of(files: Any) -> ProtocolFacts:
    """What is known of a file system; where nothing is, the least is taken for granted."""
    from fsspec import AbstractFileSystem

    protocol = files.protocol
    for name in (protocol,) if isinstance(protocol, str) else protocol:
        if name in _FACTS:
            return _FACTS[name]
    return ProtocolFacts(copies=type(files).mv is AbstractFileSystem.mv)
