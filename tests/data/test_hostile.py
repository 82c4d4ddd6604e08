"""Data of others that declares more than there is: refused before memory is asked for."""

import gzip
import io
import os
import struct
import tarfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.base.limits import LimitError
from zeroreal.data.arrays import open_arrays
from zeroreal.data.decode import decode, room_for
from zeroreal.data.fashion_mnist import load_fashion_mnist
from zeroreal.data.parquet import open_parquet
from zeroreal.data.shards import open_shards
from zeroreal.data.source import load_images

pytestmark = pytest.mark.usefixtures("no_hang")

TERABYTE = 2**40


def png():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def header(name, size, kind=tarfile.REGTYPE):
    """The header of a tar file's member, whatever its content."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return bytearray(member.tobuf(tarfile.GNU_FORMAT))


def with_checksum(block):
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return block


def sparse(name, size):
    """A member that GNU tar wrote as sparse: no content, and a size."""
    block = header(name, 0, tarfile.GNUTYPE_SPARSE)
    block[483:495] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    return with_checksum(block)


def hole(path, content, size):
    """A file of `size` bytes that begins with `content`, and takes no room."""
    with path.open("wb") as file:
        file.write(content)
        file.truncate(size)
    return path


def test_a_sparse_member_of_a_tar_file_is_refused(tmp_path, little_memory):
    path = tmp_path / "x.tar"
    path.write_bytes(sparse("0.png", 10 * 10**9) + bytes(1024))
    with pytest.raises(InputError, match=r"holds '0.png' as a sparse file, which declares 10,000,"):
        open_shards([path])


@pytest.mark.parametrize("name", ["0.png", "0.cls", "0.json"])
def test_a_member_that_is_too_large_is_refused(tmp_path, name, little_memory):
    path = hole(tmp_path / "x.tar", header(name, TERABYTE), 2 * TERABYTE)
    with pytest.raises(LimitError) as raised:
        open_shards([path])
    assert str(raised.value) == (
        f"'{name}' of shard '{path}' has 1,099,511,627,776 bytes in one file of an archive, and "
        "the limit is 268,435,456: raise it by ZEROREAL_MAX_MEMBER_BYTES if you trust the file"
    )


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_long_name_of_a_terabyte_is_refused(tmp_path, kind, little_memory):
    path = hole(tmp_path / "x.tar", header("x", TERABYTE, kind), 2 * TERABYTE)
    with pytest.raises(LimitError, match=r"^shard .* bytes in one file of an archive"):
        open_shards([path])


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_size_below_zero_does_not_go_round(tmp_path, kind):
    block = header("0.png", 0, kind)
    block[124:136] = tarfile.itn(-1024, 12, tarfile.GNU_FORMAT)
    path = tmp_path / "x.tar"
    path.write_bytes(header("a.cls", 0) + with_checksum(block) + bytes(1024))
    with pytest.raises(InputError, match="cut short or damaged"):
        open_shards([path])


def test_a_table_of_holes_that_is_cut_off_is_damaged(tmp_path):
    pax = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    path = tmp_path / "x.tar"
    content = header("p", len(pax), tarfile.XHDTYPE) + pax.ljust(512, b"\0")
    path.write_bytes(content + header("0.png", 512) + b"9\n".ljust(512, b"9"))
    with pytest.raises(InputError, match="cut short or damaged"):
        open_shards([path])


def packed_zeros(begin, size):
    """`begin` and zeros after it to `size` bytes, as gzip: about a thousandth of that."""
    packer = zlib.compressobj(9, wbits=31)
    zeros, parts = bytes(2**22), [packer.compress(begin)]
    parts += [packer.compress(zeros) for _ in range(size // len(zeros))]
    return b"".join([*parts, packer.flush()])


def test_a_packed_tar_file_is_not_unpacked_without_end(tmp_path, monkeypatch, little_memory):
    monkeypatch.setenv("ZEROREAL_MAX_UNPACKED_BYTES", str(2**26))
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed_zeros(header("0.bin", 2**27), 2**27))
    assert path.stat().st_size < 2**18
    with pytest.raises(LimitError, match=r"^shard .* bytes unpacked, and the limit is 67,108,864:"):
        open_shards([path])
    path.write_bytes(packed_zeros(header("0.bin", 2**32), 0))
    with pytest.raises(LimitError, match=r"^'0.bin' of shard .* 4,294,967,296 bytes in one file"):
        open_shards([path])


def test_the_labels_of_a_packed_tar_file_are_read_without_going_back(tmp_path, monkeypatch):
    path = tmp_path / "x.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for number in range(50):
            for name, content in ((f"{number}.png", png()), (f"{number}.cls", b"1")):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    rewound, rewind = [], gzip._GzipReader._rewind

    def counted(reader):
        rewound.append(1)
        rewind(reader)

    monkeypatch.setattr(gzip._GzipReader, "_rewind", counted)
    found = open_shards([path])
    assert found.labels.tolist() == [1] * 50
    assert len(rewound) <= 1  # for the mark of the end


def test_a_sample_of_endless_files_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(b"".join(header(f"0.{n}", 0) for n in range(1001)) + bytes(1024))
    with pytest.raises(InputError, match="has more than 1000 files"):
        open_shards([path])


def write_repeated(path, image, label, rows):
    """A Parquet file of `rows` rows that are all the same, in a few kilobytes."""
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [value])
        for value in (image, label)
    ]
    table = pa.table(columns, ["image", "label"])
    pq.write_table(table, path, compression="zstd", use_dictionary=True, store_schema=False)
    return path


def test_a_table_that_declares_20_million_rows_is_refused(tmp_path, little_memory):
    path = write_repeated(tmp_path / "x.parquet", png(), "cat", 20_000_000)
    assert path.stat().st_size < 300_000
    with pytest.raises(LimitError) as raised:
        load_images(path, size=32)
    assert str(raised.value) == (
        f"Parquet file '{path}' has 20,000,000 rows, and the limit is 10,000,000: raise it by "
        "ZEROREAL_MAX_ROWS if you trust the file"
    )


def test_images_that_memory_does_not_hold_are_not_begun(tmp_path):
    path = write_repeated(tmp_path / "x.parquet", png(), "cat", 5_000_000)
    with pytest.raises(InputError, match=r"5,000,000 images of 512 pixels .* GiB of memory, and"):
        load_images(path, size=512)
    assert room_for(2, 4).shape == (2, 4, 4, 3)


def test_a_label_that_a_million_rows_repeat_is_held_once(tmp_path, little_memory):
    path = write_repeated(tmp_path / "x.parquet", png(), "cat" * 10_000, 1_000_000)
    found = open_parquet(path)
    assert found.names == ["cat" * 10_000]
    assert len(found.labels) == 1_000_000


def test_an_image_that_each_row_repeats_is_read_a_few_at_a_time(tmp_path, monkeypatch):
    path = write_repeated(tmp_path / "x.parquet", bytes(2**25), "cat", 500)
    monkeypatch.setenv("ZEROREAL_MAX_UNPACKED_BYTES", str(2**26))
    before = pa.total_allocated_bytes()
    encoded, _ = next(iter(open_parquet(path).pictures))
    assert len(encoded) == 2**25
    assert pa.total_allocated_bytes() - before < 2**27
    monkeypatch.setenv("ZEROREAL_MAX_UNPACKED_BYTES", str(2**24))
    with pytest.raises(LimitError, match=r"^column 'image' of .* bytes unpacked, and the limit is"):
        next(iter(open_parquet(path).pictures))


def write_idx(path, shape, pixels=b""):
    content = struct.pack(">HBB", 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(gzip.compress(content + pixels) if path.suffix == ".gz" else content + pixels)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((4_000_000_000, 28, 28), "has 4,000,000,000 rows, and the limit is 10,000,000"),
        ((9_000_000, 2**31, 2**31), "bytes unpacked, and the limit is 4,294,967,296"),
        ((5_000_000, 28, 28), "is not a whole IDX file"),
        ((5, 28, 28), "is not a whole IDX file"),
    ],
)
def test_an_idx_file_is_as_large_as_it_declares(tmp_path, shape, complaint, suffix, little_memory):
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", shape, bytes(28))
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", (1,), b"1")
    with pytest.raises(InputError, match=complaint):
        load_fashion_mnist(tmp_path, "test")


def test_a_packed_idx_file_is_unpacked_as_far_as_it_declares(tmp_path, little_memory):
    begin = struct.pack(">HBBIII", 0, 8, 3, 1, 28, 28)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(packed_zeros(begin, 2**31))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", (1,), b"1")
    with pytest.raises(InputError, match="is not a whole IDX file"):
        load_fashion_mnist(tmp_path, "test")


def test_arrays_are_no_larger_than_their_files(tmp_path, little_memory):
    np.save(tmp_path / "x.npy", np.zeros((1, 2, 2, 3), np.uint8))
    np.save(tmp_path / "x.labels.npy", np.zeros(1, np.int64))
    path = tmp_path / "x.npy"
    for shape in ("(90000000000, 2, 2, 3)", "(1, 90000, 9000000, 3)"):
        content = path.read_bytes().replace(b"(1, 2, 2, 3)", shape.encode(), 1)
        path.with_name("y.npy").write_bytes(content)
        np.save(tmp_path / "y.labels.npy", np.zeros(1, np.int64))
        with pytest.raises(InputError, match=r"cannot read .* as an array"):
            open_arrays([path.with_name("y.npy")])
    array = np.lib.format.open_memmap(
        tmp_path / "z.npy", "w+", np.uint8, (20_000_000, 1, 1, 3)
    )  # sparse
    del array
    np.save(tmp_path / "z.labels.npy", np.zeros(1, np.int64))
    with pytest.raises(LimitError, match="has 20,000,000 rows, and the limit is 10,000,000"):
        open_arrays([tmp_path / "z.npy"])


def test_an_image_that_declares_too_many_pixels_is_not_decoded(little_memory):
    content = bytearray(png())
    content[16:24] = struct.pack(">II", 100_000, 100_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(LimitError, match=r"^image 'x' has 10,000,000,000 pixels, .* is 178,"):
        decode(bytes(content), "x", 8)


@pytest.mark.parametrize("name", ["x.tar", "x.parquet", "x.npy", "x.png"])
@pytest.mark.parametrize("is_pipe", [True, False])
def test_a_pipe_or_device_named_as_a_source_is_said(tmp_path, name, is_pipe):
    path = tmp_path / name
    os.mkfifo(path) if is_pipe else path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"is a (pipe|device) and not a file"):
        load_images(path)


def test_a_pipe_among_images_is_left_out(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(png())
        os.mkfifo(tmp_path / name / "2.png")
    assert len(load_images(tmp_path).images) == 2
