"""What tests of verification do to a dataset, and how they see what it found."""

import io
import json
import tarfile
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq

from zeroreal.generate.dataset.checking.fixing import fix_dataset
from zeroreal.generate.dataset.checking.verify import verify_dataset
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
