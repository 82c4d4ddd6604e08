"""Damaged entries: noticed, told once, built again."""

import json
import logging
import os
import shutil
from dataclasses import replace

import pytest

from zeroreal.base.digest import key_digest
from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey(
    kind="tensorrt",
    name="unet",
    graph="0123abcd",
    options={"batch": [1, 8, 16], "refit": True},
    library="tensorrt_rtx 1.7.1",
    device="sm_89",
    driver="580.65",
)


FILES = {"engine.plan": b"a plan" * 1000, "weights/unet.safetensors": b"weights"}


def build(folder):
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def must_not_build(folder):
    pytest.fail("there is a good entry")


def flip_a_byte(entry):
    path = entry / "weights" / "unet.safetensors"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def truncate(entry):
    os.truncate(entry / "engine.plan", 5999)


def remove_a_file(entry):
    (entry / "engine.plan").unlink()


def put_a_folder_for_a_file(entry):
    (entry / "engine.plan").unlink()
    (entry / "engine.plan").mkdir()


def remove_the_record(entry):
    (entry / "entry.json").unlink()


def empty_the_record(entry):
    (entry / "entry.json").write_bytes(b"")


def put_other_json_for_the_record(entry):
    (entry / "entry.json").write_text("[1, 2]")


def put_binary_for_the_record(entry):
    (entry / "entry.json").write_bytes(bytes(range(256)))


def claim_another_format(entry):
    record = json.loads((entry / "entry.json").read_text())
    (entry / "entry.json").write_text(json.dumps(record | {"format": 2}))


def claim_another_key(entry):
    record = json.loads((entry / "entry.json").read_text())
    record["key"]["driver"] = "470.1"
    (entry / "entry.json").write_text(json.dumps(record))


def put_a_foreign_entry(entry):
    other = Cache(entry.parents[3] / "other").get(replace(KEY, device="sm_80"), build)
    shutil.rmtree(entry)
    shutil.copytree(other, entry)


def put_a_file_for_the_entry(entry):
    shutil.rmtree(entry)
    entry.write_bytes(b"no folder")


def add_a_file(entry):
    (entry / "weights" / "more.so").write_bytes(b"code")


def put_a_link_for_a_file(entry):
    (entry / "engine.plan").rename(entry.parents[3] / "engine.plan")
    (entry / "engine.plan").symlink_to(entry.parents[3] / "engine.plan")


def let_others_write_a_file(entry):
    (entry / "engine.plan").chmod(0o666)


def let_a_group_write_the_folder(entry):
    (entry / "weights").chmod(0o775)


def record_what_is_no_record(entry):
    record = json.loads((entry / "entry.json").read_text())
    del record["digest"]
    record["files"] = ["engine.plan"]
    (entry / "entry.json").write_text(json.dumps({**record, "digest": key_digest(record)}))


def record_no_date(entry):
    record = json.loads((entry / "entry.json").read_text())
    del record["digest"]
    record["created"] = "today"
    (entry / "entry.json").write_text(json.dumps({**record, "digest": key_digest(record)}))


DAMAGES = [
    (flip_a_byte, "weights/unet.safetensors does not match its digest"),
    (truncate, "engine.plan has 5999 bytes, not 6000"),
    (remove_a_file, "engine.plan: No such file"),
    (put_a_folder_for_a_file, "engine.plan has"),
    (remove_the_record, "entry.json' cannot be read (No such file"),
    (empty_the_record, "entry.json' is not valid JSON"),
    (put_other_json_for_the_record, "entry.json' is [1, 2] and not values by their names"),
    (put_binary_for_the_record, "entry.json' is not "),
    (claim_another_format, "has 2 as 'format': input should be 1"),
    (claim_another_key, "entry.json does not match its digest"),
    (put_a_foreign_entry, "made for another key"),
    (put_a_file_for_the_entry, "entry.json' cannot be read (Not a directory"),
    (add_a_file, "weights/more.so is not in its record"),
    (put_a_link_for_a_file, "engine.plan is a link: 'zeroreal cache trust' takes it over"),
    (let_others_write_a_file, "engine.plan can be written by others"),
    (let_a_group_write_the_folder, "weights can be written by others"),
    (record_what_is_no_record, "has ['engine.plan'] as 'files': input should be a valid dict"),
    (record_no_date, "has 'today' as 'created': input should be a valid datetime"),
]


by_damage = pytest.mark.parametrize(
    ("damage", "problem"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES]
)


@by_damage
def test_a_damaged_entry_is_built_again_with_one_line_of_warning(
    cache, entry, caplog, damage, problem
):
    damage(entry)
    assert cache.get(KEY, build) == entry
    assert contents(entry) == FILES
    assert cache.get(KEY, must_not_build) == entry
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert problem in record.message
    assert "tensorrt of unet is to be built again" in record.message
    assert "\n" not in record.message


@by_damage
def test_a_damaged_entry_is_not_found(cache, entry, caplog, damage, problem):
    damage(entry)
    assert cache.find(KEY) is None
    (record,) = caplog.records
    assert problem in record.message


def test_every_flipped_byte_of_the_record_is_noticed(cache, entry):
    record = (entry / "entry.json").read_bytes()
    for position in range(len(record) - 1):  # the last is a line's end
        changed = bytearray(record)
        changed[position] ^= 1
        (entry / "entry.json").write_bytes(changed)
        assert cache.find(KEY) is None, changed
    (entry / "entry.json").write_bytes(record)
    assert cache.find(KEY) == entry
