"""Files that are given for a dataset and are something else: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import InputError
from ..base.reading import open_regular

_PARQUET, _TAR, _TAR_AT = b"PAR1", b"ustar", 257
_FOLDER = "give the folder of the images, with a sub-folder per class"
_UNPACK = "unpack it, and give the folder that comes out"
_PICKLE = "a pickle, which is never opened"
_CONVERT = "write its images to a Parquet file, or into a folder with a sub-folder per class"

# How files begin, by what they are: signatures as `file` knows them.
_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ\x00": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
_OTHERS = {
    b"version https://git-lfs": (
        "a pointer of Git LFS and not the file itself",
        "run 'git lfs pull' in its folder",
    ),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", _CONVERT),
    b"ARROW1": ("an Arrow file", "write it as Parquet (Dataset.to_parquet of 'datasets')"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "write it as Parquet (Dataset.to_parquet)"),
    b"SQLite format 3\x00": ("an SQLite database", _CONVERT),
    b"\x93NUMPY": ("a NumPy array", "name it X.npy, with its labels beside it as X.labels.npy"),
    **{bytes([0x80, version]): (_PICKLE, _CONVERT) for version in range(2, 6)},
    b"%PDF-": ("a PDF document", _FOLDER),
    b"\x89PNG\r\n": ("an image file, which has no label", _FOLDER),
    b"\xff\xd8\xff": ("an image file, which has no label", _FOLDER),
}
_NAMED = {
    ".zip .rar .7z .npz": ("a damaged archive", "fetch it again and unpack it"),
    ".csv .tsv": ("a table of text, which holds no images", _FOLDER),
    ".json .jsonl .ndjson .txt .md .xml .html .yaml .yml": ("text and no images", _FOLDER),
    ".xls .xlsx": ("a spreadsheet", _FOLDER),
    ".mat": ("a MATLAB file", _CONVERT),
    ".tfrecord .tfrecords": ("a TFRecord file", _CONVERT),
    ".lmdb .mdb": ("an LMDB database", _CONVERT),
    ".pt .pth .pkl .pickle": (_PICKLE, _CONVERT),
    ".safetensors .ckpt .onnx": ("a file of weights", _FOLDER),
}
_BY_SUFFIX = {suffix: kind for suffixes, kind in _NAMED.items() for suffix in suffixes.split()}
_MOST = max(_TAR_AT + len(_TAR), *map(len, (*_ARCHIVES, *_OTHERS)))


def refuse_foreign(path: Path, is_shard: bool = False) -> None:
    """Raise `InputError` for a file that is known to be neither Parquet nor, if wanted, a shard.

    How it begins counts before how it is named.
    """
    with open_regular(path, "file") as file:
        begins = file.read(_MOST)
    what, remedy = _kind(path, begins, is_shard) or (None, None)
    if what is not None:
        raise InputError(f"{str(path)!r} is {what}: {remedy}")


def _kind(path: Path, begins: bytes, is_shard: bool) -> tuple[str, str] | None:
    """What a file is and what to do about it; None for one that may be what is wanted."""
    if not begins:
        return "empty", "fetch or write it again"
    is_tar = begins[_TAR_AT:].startswith(_TAR)
    if begins.startswith(_PARQUET):
        return ("a Parquet file", "name it so (.parquet)") if is_shard else None
    if is_tar and not is_shard:
        return "a tar file", "name it so (.tar)"
    if is_tar:
        return None
    for beginning, what in _ARCHIVES.items():
        if begins.startswith(beginning):
            return _zipped(path, begins) if what == "a ZIP archive" else (what, _UNPACK)
    for beginning, known in _OTHERS.items():
        if begins.startswith(beginning):
            return known
    if begins.startswith(b"\x1f\x8b") and not is_shard:
        return "compressed by gzip", "unpack it, or, if it is a tar file, name it so (.tar.gz)"
    return None if is_shard else _BY_SUFFIX.get(path.suffix.lower())


def _zipped(path: Path, begins: bytes) -> tuple[str, str]:
    """What a ZIP archive is: NumPy, PyTorch and spreadsheets are written as such, too.

    By the name of its first member (APPNOTE.TXT 4.3.7), for its directory may be of any size.
    """
    length = int.from_bytes(begins[26:28], "little")
    first = begins[30 : 30 + length]
    if len(first) < length and len(begins) < _MOST:
        return "a damaged ZIP archive", "fetch it again and unpack it"
    if first.endswith(b".npy"):
        return "an archive of NumPy arrays", (
            "save its images as X.npy, uint8 [N, H, W, 3], its labels as X.labels.npy, and give "
            "their folder"
        )
    of_zip = (".pt", ".pth", ".ckpt", ".xlsx")
    suffix = path.suffix.lower()
    return _BY_SUFFIX[suffix] if suffix in of_zip else ("a ZIP archive", _UNPACK)
