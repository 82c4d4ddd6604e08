"""Files of others are read in few places, which check what they declare before they believe it."""

import ast
from collections.abc import Iterator

from .test_imports import ROOT, STANDS_ON

FOLDERS = [name for name in STANDS_ON if name != "benchmarks"]
"""Benchmarks read what processes of their own wrote."""

READERS = {
    "json.load": (),
    # The other two: what a library has just made.
    "json.loads": ("base/reading.py", "base/sealed.py", "engine/tensorrt/inspect.py"),
    "yaml.load": ("base/yaml_files.py",),
    "yaml.safe_load": (),
    "tarfile.open": ("data/tar_files.py",),
    "gzip.open": (),
    "gzip.decompress": ("export/model/single_file/tokenizer.py",),  # of what ships
    "gzip.GzipFile": ("data/tar_files.py", "data/fashion_mnist.py"),
    "zipfile.ZipFile": (),
    "np.load": (),
    "np.lib.format.open_memmap": ("data/arrays.py",),
    "pq.ParquetFile": ("data/tables.py",),
    "pq.read_table": (),
    "pq.read_schema": ("data/parquet.py",),
    "safe_open": ("base/tensor_files.py",),
    "load_file": (),
    "Image.open": (
        "data/decode.py",
        "report/pictures.py",  # pictures of their own, as in the next
        "run/probe/corruptions/digital.py",
    ),
}
WHOLE = {
    "base/device.py",
    "base/memory.py",
    "report/results/conditions.py",  # like those above, `/proc`
    "report/results/sources.py",  # our sources
    "export/model/single_file/tokenizer.py",  # what ships
}
"""Modules that read a whole file without asking for its size."""


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Each call of the package but for benchmarks: in which file, of what, and its node."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.relative_to(ROOT).as_posix(), ast.unparse(node.func), node


def is_copy(call: ast.Call) -> bool:
    """Whether this is `json.loads(json.dumps(...))`, which reads nothing."""
    inner = call.args[0] if call.args else None
    return isinstance(inner, ast.Call) and ast.unparse(inner.func) == "json.dumps"


def test_formats_that_declare_sizes_are_opened_where_these_are_checked():
    found = [(file, name, call) for file, name, call in calls() if name in READERS]
    assert len(found) >= 12
    elsewhere = [
        f"{file}:{call.lineno} {name}"
        for file, name, call in found
        if file not in READERS[name] and not is_copy(call)
    ]
    assert elsewhere == []


def test_whole_files_are_read_where_their_size_is_checked():
    found = {
        file
        for file, name, call in calls()
        if name.rpartition(".")[2] in ("read_text", "read_bytes") and "." in name
    }
    assert found == WHOLE


def test_each_place_that_may_read_does():
    used = {(file, name) for file, name, _ in calls()}
    assert {(file, name) for name, files in READERS.items() for file in files} - used == set()
