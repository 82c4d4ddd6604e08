"""Shards: which files make a sample, how labels are read and named, and each bad input."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from zeroreal.base.errors import InputError
from zeroreal.data.shards import open_shards


def png(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def write_shard(path, files, format=tarfile.PAX_FORMAT):
    """A tar file of `files`, pairs of name and content, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in files:
            content = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def samples(*labels):
    """The files of a sample a label, named 0.png, 0.cls and so on."""
    files = []
    for i, label in enumerate(labels):
        files += [(f"{i}.png", png(i)), (f"{i}.cls", label)]
    return files


def read(*shards):
    found = open_shards(list(shards))
    return [found.names[i] for i in found.labels], [bytes(image) for image, _ in found.pictures]


def test_shards_are_read_in_order(tmp_path):
    first = write_shard(tmp_path / "1.tar", samples("bag", "coat"))
    second = write_shard(tmp_path / "2.tar", [("x.png", png(7)), ("x.cls", "bag")])
    assert read(first, second) == (["bag", "coat", "bag"], [png(0), png(1), png(7)])


@pytest.mark.parametrize(
    "format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=str
)
def test_every_format_of_tar_is_read(tmp_path, format):
    long = "a/" * 70 + "sample"  # needs an extended header, which ustar splits in two fields
    files = [(f"{long}.png", png()), (f"{long}.cls", "bag")]
    assert read(write_shard(tmp_path / "1.tar", files, format)) == (["bag"], [png()])


def test_a_sample_is_what_shares_the_path_up_to_the_first_dot_of_the_base_name(tmp_path):
    files = [
        ("v1.0/one.left.png", b"another field"),
        ("v1.0/one.PNG", png(1)),
        ("v1.0/one.cls", "bag"),
        ("v2.0/one.cls", "coat"),
        ("v2.0/one.png", png(2)),
        ("v2.0/one.txt", "a caption"),
        ("v2.0/._one.png", b"left by a Mac"),
        ("v2.0/README", "no suffix, no sample"),
    ]
    shard = write_shard(tmp_path / "1.tar", files)
    assert read(shard) == (["bag", "coat"], [png(1), png(2)])


def test_a_label_may_stand_in_json(tmp_path):
    files = [
        ("0.jpg", png(0)),
        ("0.json", json.dumps({"label": "bag", "caption": "a bag"})),
        ("1.webp", png(1)),
        ("1.json", json.dumps({"label": "a coat"})),
    ]
    assert read(write_shard(tmp_path / "1.tar", files))[0] == ["bag", "a coat"]


def test_cls_counts_before_json(tmp_path):
    files = [("0.jpg", png()), ("0.json", '{"label": "coat"}'), ("0.cls", "bag\n")]
    assert read(write_shard(tmp_path / "1.tar", files))[0] == ["bag"]


def test_numbers_without_names_name_themselves(tmp_path):
    found = open_shards([write_shard(tmp_path / "1.tar", samples("2", "0"))])
    assert (list(found.names), found.labels.tolist()) == (["0", "1", "2"], [2, 0])


def test_names_without_a_list_are_sorted(tmp_path):
    found = open_shards([write_shard(tmp_path / "1.tar", samples("coat", "bag", "coat"))])
    assert (list(found.names), found.labels.tolist()) == (["bag", "coat"], [1, 0, 1])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("classes.txt", "coat\nankle boot\nbag\n"),
        ("classes.txt", "coat\r\nankle boot\r\nbag"),
        ("_info.json", '{"classes": ["coat", "ankle boot", "bag"]}'),
    ],
)
def test_the_class_names_may_stand_beside_the_shards(tmp_path, file, content):
    (tmp_path / file).write_bytes(content.encode())
    found = open_shards([write_shard(tmp_path / "1.tar", samples("2", "coat"))])
    assert (list(found.names), found.labels.tolist()) == (["coat", "ankle boot", "bag"], [2, 0])


def test_an_index_as_timm_writes_it_names_no_classes(tmp_path):
    (tmp_path / "_info.json").write_text('{"splits": {"train": {"num_samples": 1}}}')
    assert read(write_shard(tmp_path / "1.tar", samples("bag")))[0] == ["bag"]


def test_of_several_images_and_labels_those_asked_for_are_read(tmp_path):
    files = [("0.png", png(0)), ("0.mask.png", png(1)), ("0.cls", "3"), ("0.fine.cls", "cat")]
    files.append(("0.json", json.dumps({"coarse": "animal"})))
    path = write_shard(tmp_path / "0.tar", files)
    for image, pixels in (("png", png(0)), ("mask.png", png(1))):
        for label, name in (("cls", "3"), ("fine.cls", "cat"), ("coarse", "animal")):
            found = open_shards([path], None, image, label)
            assert [found.names[i] for i in found.labels] == [name]
            assert [bytes(content) for content, _ in found.pictures] == [pixels]
    with pytest.raises(InputError, match=r"has no label; it needs 0\.age .* under 'age'"):
        open_shards([path], None, "png", "age")


def test_compressed_shards_hold_the_same_images(tmp_path):
    plain = write_shard(tmp_path / "a.tar", samples("bag", "coat", "bag"))
    for name in ("b.tar.gz", "c.tgz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    expected = list(open_shards([plain]).pictures)
    found = open_shards([tmp_path / "b.tar.gz", tmp_path / "c.tgz"])
    assert found.labels.tolist() == [0, 1, 0] * 2
    assert [image for image, _ in found.pictures] == [image for image, _ in expected] * 2


def test_shards_of_several_folders_have_the_names_beside_each(tmp_path):
    a = write_shard(tmp_path / "a" / "0.tar", samples("0", "1"))
    b = write_shard(tmp_path / "b" / "0.tar", samples("0", "1"))
    (tmp_path / "a" / "classes.txt").write_text("bag\ncoat")
    (tmp_path / "b" / "classes.txt").write_text("coat\nbag")
    found = open_shards([a, b], tmp_path)
    assert [found.names[label] for label in found.labels] == ["bag", "coat", "coat", "bag"]


@pytest.mark.parametrize("place", ["", "a"])
def test_the_names_may_stand_above_the_shards_or_beside_the_first(tmp_path, place):
    shards = [write_shard(tmp_path / name / "0.tar", samples("1")) for name in ("a", "b/deep")]
    (tmp_path / place / "classes.txt").write_text("bag\ncoat")
    found = open_shards(shards, tmp_path)
    assert (found.names, found.labels.tolist()) == (["bag", "coat"], [1, 1])


def cut(path, length):
    path.write_bytes(path.read_bytes()[:length])
    return path


def cut_in_an_image(path):
    with tarfile.open(write_shard(path, samples("bag", "coat", "bag"))) as tar:
        return cut(path, tar.getmember("2.png").offset_data + 20)


def cut_in_a_header(path):
    with tarfile.open(write_shard(path, samples("bag", "coat", "bag"))) as tar:
        return cut(path, tar.getmember("2.png").offset + 100)


def cut_between_samples(path):
    with tarfile.open(write_shard(path, samples("bag", "coat", "bag"))) as tar:
        return cut(path, tar.getmember("2.png").offset)


def damaged_header(path):
    with tarfile.open(write_shard(path, samples("bag", "coat", "bag"))) as tar:
        start = tar.getmember("2.png").offset
    content = bytearray(path.read_bytes())
    content[start + 5] ^= 0xFF
    path.write_bytes(content)
    return path


def no_tar_at_all(path):
    path.write_bytes(png())
    return path


def nothing(path):
    path.touch()
    return path


def compressed(path):
    path.write_bytes(gzip.compress(write_shard(path, samples("bag")).read_bytes()))
    return path


def of(*files, **beside):
    """A function that writes a shard of `files`, and `classes.txt` or `_info.json` beside it."""
    suffixes = {"classes": ".txt", "_info": ".json"}

    def make(path):
        for name, content in beside.items():
            (path.parent / f"{name}{suffixes[name]}").write_text(content)
        return write_shard(path, files)

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cut_in_an_image, r"'.*1\.tar' is cut short or damaged after sample '1' .*again"),
        (cut_in_a_header, r"after sample '1' \(no end-of-archive mark\)"),
        (cut_between_samples, r"after sample '1' \(no end-of-archive mark\)"),
        (damaged_header, r"after sample '1' \(no end-of-archive mark\)"),
        (no_tar_at_all, r"'.*1\.tar' is an image file, which has no label: give the folder"),
        (nothing, r"'.*1\.tar' is empty: fetch or write it again"),
        (compressed, r"from the start"),
        (of(("7.png", png())), r"sample '7' of '.*1\.tar' has no label; it needs 7\.cls"),
        (of(("7.png", png()), ("7.cls", " ")), r"sample '7' .* has no label"),
        (of(("7.png", png()), ("7.json", "{}")), r"sample '7' .* has no label"),
        (of(("7.png", png()), ("7.json", "[1]")), r"sample '7' .* has no label"),
        (of(("7.png", png()), ("7.json", "{")), r"sample '7' .* has no label"),
        (of(("7.png", png()), ("7.json", '{"label": 1.5}')), r"sample '7' .* has no label"),
        (of(("7.png", png()), ("7.cls", b"\xff")), r"sample '7' .* has no label"),
        (of(("7.cls", "bag")), r"sample '7' .* has 0 images; it needs one, such as 7\.jpg"),
        (
            of(("7.png", png()), ("7.jpg", png()), ("7.cls", "bag")),
            r"sample '7' .* has 2 images",
        ),
        (
            of(("7.png", png()), ("7.cls", "bag"), ("7.png", png())),
            r"sample '7' .* holds two files 'png'",
        ),
        (of(*samples("bag", "1")), r"sample '1' .* number and others with names.*classes\.txt"),
        (of(*samples("-1")), r"sample '0' .* has label -1, which is not one of the 1 classes"),
        (of(*samples("9" * 15)), r"sample '0' .* has label 9{15}, which is not one"),
        (
            of(*samples("0", "2"), classes="bag\ncoat\n"),
            r"sample '1' .* has label 2, which is not one of the 2 classes \('bag' to 'coat'\)",
        ),
        (
            of(*samples("bag", "hat"), classes="bag\ncoat\n"),
            r"sample '1' .* has label 'hat', which is not one of the 2 classes",
        ),
        (of(*samples("0"), classes="\n"), r"classes\.txt' should list class names"),
        (of(*samples("0"), classes="bag\n\ncoat"), r"classes\.txt' should list class names"),
        (of(*samples("0"), _info='{"classes": 3}'), r"_info\.json' should list class names"),
        (of(*samples("0"), _info="{"), r"cannot read the class names in '.*_info\.json'"),
    ],
)
def test_a_bad_shard_is_one_clear_sentence(tmp_path, make, message):
    with pytest.raises(InputError, match=message) as caught:
        open_shards([make(tmp_path / "1.tar")])
    assert "\n" not in str(caught.value)
