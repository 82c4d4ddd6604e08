"""Verification of real datasets: each fault by itself is found, named, and mended to the bit."""

import io
import json
import tarfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeroreal.base import InputError
from zeroreal.generate import Generator
from zeroreal.generate.dataset import opening
from zeroreal.generate.dataset.checking.fixing import fix_dataset
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.workers import new_note, pending_folder, write_note
from zeroreal.generate.dataset.store.store import LocalStore

FORMATS = ("webdataset", "parquet", "npy", "folder")
# A file of each kind, of the second of three shards: samples 5 to 9.
KINDS = [
    ("webdataset", "000001-*.tar"),
    ("webdataset", "000001-*.parquet"),
    ("parquet", "000001-*.parquet"),
    ("npy", "000001-*[0-9a-f].npy"),
    ("npy", "000001-*.labels.npy"),
    ("npy", "000001-*.parquet"),
    ("folder", "train/cat/000000007.jpg"),
    ("folder", "metadata/000001-*.parquet"),
]
MAIN = {"webdataset": ".tar", "parquet": ".parquet", "npy": ".npy", "folder": ".json"}


def the(root, pattern):
    (found,) = (
        path for path in root.glob(pattern) if ".labels" not in path.name or "labels" in pattern
    )
    return found


def data_files(root):
    """All files that hold images or say what they are, by name."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.suffix in (".tar", ".parquet", ".npy", ".jpg") and path.is_file()
    }


def faults(root):
    return verify_dataset(LocalStore(root)).faults


def the_fault(root):
    """The one fault, as kind, name and reason."""
    (fault,) = faults(root)
    assert "\n" not in fault.reason
    return fault.kind, fault.name, fault.reason


def assert_mended(root, original):
    fix_dataset(LocalStore(root), verify_dataset(LocalStore(root)))
    assert faults(root) == ()
    assert data_files(root) == data_files(original)


def record(root, number=1):
    return the(root, f"{number:06d}-*.json")


def change_record(root, change):
    path = record(root)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def digest_anew(root, path):
    """Have the record say that a file was written as it is now."""
    content = path.read_bytes()
    facts = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    name = str(path.relative_to(root))
    change_record(root, lambda content: content["files"].update({name: facts}))


def change_tar(root, change):
    """Rewrite a tar file by `change`, given key, suffix and bytes of each member."""
    path = the(root, "000001-*.tar")
    with tarfile.open(path) as tar:
        members = [(*m.name.split("."), tar.extractfile(m).read()) for m in tar]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, suffix, body in change(members):
            info = tarfile.TarInfo(f"{key}.{suffix}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    digest_anew(root, path)


def change_table(root, change, pattern="000001-*.parquet"):
    path = the(root, pattern)
    table = pq.read_table(path)
    pq.write_table(change(table), path)
    digest_anew(root, path)


def with_value(table, column, row, value):
    values = table[column].to_pylist()
    values[row] = value
    place = table.column_names.index(column)
    field = table.schema.field(column)
    return table.set_column(place, field, pa.array(values, field.type))


@pytest.fixture(autouse=True)
def _one_generator(monkeypatch):
    """Loading the model for each test would take most of the time."""
    monkeypatch.setattr(opening, "make_generator", lambda settings, *others: _generator(settings))


@cache
def _generator(settings):
    return Generator(settings.generate, device=settings.device)


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_finished_dataset_is_sound(finished_dataset, shard_format):
    found = verify_dataset(LocalStore(finished_dataset(shard_format)))
    assert found.is_sound
    assert (found.images, found.total, found.shards) == (12, 12, 3)


@pytest.mark.parametrize(("shard_format", "pattern"), KINDS)
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_flipped_byte_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern, place
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    content = bytearray(path.read_bytes())
    content[int(place * len(content)) if place != -1 else -1] ^= 1
    path.write_bytes(content)
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("damaged", the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}").name)
    assert f"{str(path.relative_to(root))!r} has another digest" in reason
    if place == 0.5:
        assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize(("shard_format", "pattern"), KINDS)
def test_a_truncated_file_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-7])
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert f"{path.name}' has {size - 7} bytes, {size} were written" in reason
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_missing_main_file_is_found_and_mended(dataset_copy, finished_dataset, shard_format):
    root = dataset_copy(shard_format)
    path = the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}")
    path.unlink()
    assert the_fault(root) == ("missing", path.name, "samples 5 to 9 are not there")
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize(
    ("shard_format", "pattern"), [one for one in KINDS if not one[1].endswith(MAIN[one[0]])]
)
def test_a_missing_side_file_is_found_and_mended(
    dataset_copy, finished_dataset, shard_format, pattern
):
    root = dataset_copy(shard_format)
    path = the(root, pattern)
    path.unlink()
    kind, _, reason = the_fault(root)
    assert (kind, reason) == ("damaged", f"{str(path.relative_to(root))!r} is not there")
    assert_mended(root, finished_dataset(shard_format))


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff{"])
def test_a_lost_or_damaged_record_is_written_anew_without_the_model(
    dataset_copy, finished_dataset, monkeypatch, shard_format, content
):
    root = dataset_copy(shard_format)
    path = record(root)
    written = json.loads(path.read_text())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(opening, "make_generator", None)
    kind, _, reason = the_fault(root)
    assert kind == "without a record"
    assert ("is damaged" if content is not None else "not their digests") in reason
    assert_mended(root, finished_dataset(shard_format))
    now = json.loads(path.read_text())
    same = ("stem", "first", "end", "files", "classes", "rejected")
    assert [now[name] for name in same] == [written[name] for name in same]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff{"])
def test_a_damaged_record_of_a_folder_is_mended(dataset_copy, finished_dataset, content):
    root = dataset_copy("folder")
    record(root).write_bytes(content)
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("damaged", record(root).name)
    assert "is damaged" in reason
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize("shard_format", ["webdataset", "npy"])
def test_a_shard_that_lost_its_record_and_a_file_is_made_again(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    record(root).unlink()
    the(root, "000001-*.parquet").unlink()
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert ".parquet' is not there" in reason
    assert_mended(root, finished_dataset(shard_format))


def test_a_record_that_leaves_a_file_out_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    change_record(root, lambda content: content["files"].pop(the(root, "000001-*.parquet").name))
    kind, _, reason = the_fault(root)
    assert (kind, reason) == (
        "damaged",
        f"its record lacks {the(root, '000001-*.parquet').name!r}",
    )


def test_a_record_that_counts_otherwise_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    change_record(root, lambda content: content["classes"].update(cat=7))
    assert the_fault(root)[2] == "the record counts 7 images of 'cat', there should be 1"


# Samples 5 to 9 have labels 2, 0, 1, 2, 0.
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda ms: [(k, s, b"1" if (k, s) == ("000000006", "cls") else b) for k, s, b in ms],
            "gives sample 6 label 1, its class has 0",
        ),
        (
            lambda ms: [
                (k, s, b.replace(b'"bird"', b'"dogs"') if (k, s) == ("000000006", "json") else b)
                for k, s, b in ms
            ],
            "json' gives sample 6 a label of no class, its class has 0",
        ),
        (lambda ms: [*ms, *ms[:4]], "has sample 5 2 times"),
        (lambda ms: ms[4:], "has sample 5 0 times"),
        (lambda ms: [m for m in ms if m[:2] != ("000000008", "jpg")], "has sample 8 0 times"),
        (
            lambda ms: [("000000011" if k == "000000008" else k, s, b) for k, s, b in ms],
            "has sample 8 0 times",
        ),
        (lambda ms: ms[4:8] + ms[:4] + ms[8:], "has its samples out of order"),
    ],
    ids=["label", "class", "doubled", "left-out", "no-image", "of-another-shard", "order"],
)
def test_wrong_samples_in_a_well_formed_tar_are_found_and_mended(
    dataset_copy, finished_dataset, change, said
):
    root = dataset_copy("webdataset")
    change_tar(root, change)
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert said in reason
    assert_mended(root, finished_dataset("webdataset"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: with_value(t, "label", 1, 1), "gives sample 6 label 1, its class has 0"),
        (lambda t: with_value(t, "class", 1, "cat"), "gives sample 6 label 1, its class has 0"),
        (lambda t: with_value(t, "index", 1, 5), "has sample 5 2 times"),
        (lambda t: with_value(t, "index", 4, 10), "has sample 9 0 times"),
        (lambda t: t.drop_columns(["label"]), "cannot be read as a table"),
    ],
    ids=["label", "class", "doubled", "of-another-shard", "no-labels"],
)
@pytest.mark.parametrize(
    ("shard_format", "pattern"),
    [
        ("webdataset", "000001-*.parquet"),
        ("parquet", "000001-*.parquet"),
        ("npy", "000001-*.parquet"),
        ("folder", "metadata/000001-*.parquet"),
    ],
)
def test_wrong_samples_in_a_well_formed_table_are_found(
    dataset_copy, shard_format, pattern, change, said
):
    root = dataset_copy(shard_format)
    change_table(root, change, pattern)
    kind, _, reason = the_fault(root)
    assert kind == "damaged"
    assert said in reason


def test_wrong_labels_in_an_array_are_found_and_mended(dataset_copy, finished_dataset):
    root = dataset_copy("npy")
    path = the(root, "000001-*.labels.npy")
    np.save(path, np.array([2, 0, 0, 2, 0]))
    digest_anew(root, path)
    assert "gives sample 7 label 0, its class has 1" in the_fault(root)[2]
    assert_mended(root, finished_dataset("npy"))


def test_an_array_of_fewer_images_is_found(dataset_copy):
    root = dataset_copy("npy")
    path = the(root, "000001-*[0-9a-f].npy")
    np.save(path, np.load(path)[:4])
    digest_anew(root, path)
    assert the_fault(root)[2] == "it has 4 images, 5 labels and 5 rows"


def test_a_picture_that_its_record_has_twice_is_found_and_mended(dataset_copy, finished_dataset):
    root = dataset_copy("folder")
    path = root / "train" / "bird" / "000000007.jpg"
    path.write_bytes((root / "train" / "cat" / "000000007.jpg").read_bytes())
    digest_anew(root, path)
    assert the_fault(root)[2] == "'train' has sample 7 2 times"
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize(
    "name",
    [
        "train/bird/000000007.jpg",  # the index of another class
        "train/cat/000000907.jpg",  # of no sample
        "train/cat/other.jpg",
        "train/dog/000000007.jpg",
        "metadata/000007-000000035-000000039-01234567.parquet",
    ],
)
def test_lost_files_in_folders_are_found_and_removed(dataset_copy, finished_dataset, name):
    root = dataset_copy("folder")
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"lost")
    assert the_fault(root) == ("strange", name, "is in no record")
    assert_mended(root, finished_dataset("folder"))


@pytest.mark.parametrize("shard_format", FORMATS)
def test_a_file_of_another_datasets_digest_is_found_and_removed(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    path = the(root, f"000001-*[0-9a-f]{MAIN[shard_format]}")
    name = f"{path.name.split('.')[0][:-8]}01234567{MAIN[shard_format]}"
    (root / name).write_bytes(path.read_bytes())
    assert the_fault(root)[:2] == ("strange", name)
    assert_mended(root, finished_dataset(shard_format))


def test_a_file_beside_a_shard_that_its_record_lacks_is_found(dataset_copy):
    root = dataset_copy("webdataset")
    path = the(root, "000001-*.tar").with_suffix(".tar.old")
    path.write_bytes(b"old")
    assert the_fault(root) == ("strange", path.name, "is in no record")


def test_files_of_the_users_own_are_left_alone(dataset_copy):
    root = dataset_copy("folder")
    (root / "NOTES.txt").write_text("mine")
    (root / "more").mkdir()
    assert faults(root) == ()


@pytest.mark.parametrize("shard_format", FORMATS)
def test_pending_files_of_a_dead_worker_are_found_and_removed(
    dataset_copy, finished_dataset, shard_format
):
    root = dataset_copy(shard_format)
    folder = root / ".pending" / "gone-1-abc.000001"
    folder.mkdir(parents=True)
    (folder / "half.tar").write_bytes(b"half")
    kind, name, reason = the_fault(root)
    assert (kind, name) == ("pending", ".pending/gone-1-abc.000001")
    assert "a worker that is gone" in reason
    assert_mended(root, finished_dataset(shard_format))
    assert not folder.exists()


class AtWork:
    """A live worker in the middle of the second shard."""

    def __init__(self, root):
        store = LocalStore(root)
        for path in [*root.glob("000001-*")]:
            path.unlink()
        self.note = write_note(store, new_note("cpu"))
        self.pending = store.scratch(pending_folder(self.note.token, 1)) / "half.tar"
        self.pending.write_bytes(b"half")


@pytest.mark.parametrize("shard_format", FORMATS)
def test_of_a_live_workers_shard_only_that_it_is_missing_is_said(dataset_copy, shard_format):
    root = dataset_copy(shard_format)
    AtWork(root)
    # In the format folder, its pictures are placed already, and no record has them.
    kind, _, reason = the_fault(root)
    assert (kind, reason) == ("missing", "samples 5 to 9 are not there")


@pytest.mark.parametrize("shard_format", FORMATS)
def test_mending_leaves_a_live_workers_files_alone(dataset_copy, finished_dataset, shard_format):
    root = dataset_copy(shard_format)
    worker = AtWork(root)
    fix_dataset(LocalStore(root), verify_dataset(LocalStore(root)))
    assert worker.pending.read_bytes() == b"half"
    assert data_files(finished_dataset(shard_format)).items() <= data_files(root).items()


def test_a_shard_that_was_committed_since_is_not_removed(dataset_copy, finished_dataset):
    root = dataset_copy("webdataset")
    original = finished_dataset("webdataset")
    moved = {path: path.read_bytes() for path in root.glob("000001-*")}
    for path in moved:
        path.unlink()
    found = verify_dataset(LocalStore(root))
    for path, content in moved.items():
        path.write_bytes(content)
    before = the(root, "000001-*.tar").stat().st_ino
    fix_dataset(LocalStore(root), found)
    assert the(root, "000001-*.tar").stat().st_ino == before
    assert data_files(root) == data_files(original)


def test_nothing_is_removed_where_the_model_is_gone(dataset_copy, monkeypatch):
    root = dataset_copy("webdataset")
    the(root, "000001-*.tar").write_bytes(b"damaged")
    (root / ".pending" / "gone-1-abc.000001").mkdir(parents=True)
    path = root / "dataset.yaml"
    path.write_text(path.read_text().replace("model: null", "model: /no/such/model"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="/no/such/model"):
        fix_dataset(LocalStore(root), verify_dataset(LocalStore(root)))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert (root / ".pending" / "gone-1-abc.000001").is_dir()


class Unreachable(LocalStore):
    """A place that fails while shards are read."""

    def local(self, name, folder):
        raise InputError("the place cannot be reached")


def test_a_place_that_fails_is_no_damage(finished_dataset):
    with pytest.raises(InputError, match="cannot be reached"):
        verify_dataset(Unreachable(finished_dataset("webdataset")))


def test_progress_is_told_shard_by_shard(finished_dataset):
    told = []
    verify_dataset(LocalStore(finished_dataset("npy")), lambda *one: told.append(one))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no dataset of zeroreal"):
        verify_dataset(LocalStore(Path(tmp_path)))
