"""Workers whose files are taken away, whose disk is full, or whose dataset is another's by now."""

import errno
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from zeroreal.base import InputError
from zeroreal.data.formats import SHARD_FORMATS
from zeroreal.generate.dataset.checking.fixing import fix_dataset
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.dead import clear_dead
from zeroreal.generate.dataset.commit.workers import WORKERS, WorkerNote
from zeroreal.generate.dataset.job import make_dataset
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.opening import open_dataset
from zeroreal.generate.dataset.store.store import PENDING, LocalStore


def generate(settings, folder):
    return generate_dataset(settings, LocalStore(folder))


def files(folder):
    """Names and contents of all files, but of notes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in paths if path.parent.name != WORKERS}


def is_sound(folder):
    return verify_dataset(LocalStore(folder)).is_sound


def once(sample, folder, act):
    """Calls `act` before the batch that begins with a sample, the first time."""
    left = [act]

    def watch(specs):
        if specs[0].index == sample and left:
            wait_for_commits(folder)
            left.pop()()

    return watch


def wait_for_commits(folder):
    """Wait until no shard is pending but the one that is generated."""
    while len(os.listdir(folder / PENDING)) > 1:
        time.sleep(0.01)


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
@pytest.mark.parametrize("sample", [12, 20])
def test_a_worker_that_was_taken_for_dead_makes_its_shard_again(
    tmp_path, generator, small_settings, caplog, content, shard_format, sample
):
    """Its files are removed within the second shard, and within the third."""
    store = LocalStore(tmp_path / "set")
    with pytest.MonkeyPatch.context() as patch:

        def take_for_dead():
            patch.setattr(WorkerNote, "is_alive", lambda note, now=None: False)
            clear_dead(store, shard_format)
            patch.undo()

        generator.on_batch = once(sample, tmp_path / "set", take_for_dead)
        result = generate(small_settings(format=shard_format), tmp_path / "set")
    assert (result.images, result.made) == (24, 3)
    assert is_sound(tmp_path / "set")
    said = [one.message for one in caplog.records if "took this one for dead" in one.message]
    assert len(said) == 1
    assert f"shard {sample // 8} were removed" in said[0]
    generator.on_batch = lambda specs: None
    generate(small_settings(format=shard_format), tmp_path / "whole")
    assert content(tmp_path / "set") == content(tmp_path / "whole")


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_commit_during_which_the_worker_is_taken_for_dead_is_whole(
    tmp_path, generator, small_settings, monkeypatch, shard_format
):
    """Others clear its files right before the shard is committed, and right after."""
    create, calls = LocalStore.create, []
    main = {"webdataset": ".tar", "folder": ".json"}.get(shard_format, f".{shard_format}")

    def clear():
        with monkeypatch.context() as patch:
            patch.setattr(WorkerNote, "is_alive", lambda note, now=None: False)
            clear_dead(LocalStore(tmp_path), shard_format)

    def create_watched(store, token, source, name):
        if not name.endswith(main) or "/" in name or name.endswith(".labels.npy"):
            return create(store, token, source, name)
        calls.append(name)
        if len(calls) == 1:
            clear()
        created = create(store, token, source, name)
        if len(calls) == 3:
            clear()
        return created

    monkeypatch.setattr(LocalStore, "create", create_watched)
    assert generate(small_settings(format=shard_format), tmp_path).images == 24
    assert len(calls) == 4  # the first shard twice
    assert is_sound(tmp_path)


def test_files_that_vanish_again_and_again_end_in_a_sentence(tmp_path, generator, small_settings):
    def remove(specs):
        if specs[0].index == 12:
            wait_for_commits(tmp_path)
            shutil.rmtree(tmp_path / PENDING)

    generator.on_batch = remove
    with pytest.raises(InputError, match=r"shard 1 in .* were removed 3 times, '.*' for one"):
        generate(small_settings(), tmp_path)
    assert list(tmp_path.glob("000001-*")) == []
    assert len(list(tmp_path.glob("000000-*.tar"))) == 1


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_worker_of_a_dataset_that_was_replaced_commits_nothing_into_the_new_one(
    tmp_path, monkeypatch, coloured, small_settings, shard_format
):
    def replace_it():
        while tmp_path.exists():  # the worker that is still there writes its note meanwhile
            shutil.rmtree(tmp_path, ignore_errors=True)
        new = small_settings(seed=1, format=shard_format)
        make_dataset(open_dataset(LocalStore(tmp_path), new))
        kept.update(files(tmp_path))

    kept = {}
    stale, new = coloured(on_batch=once(12, tmp_path, replace_it)), coloured()
    makers = iter([stale, new])
    monkeypatch.setattr("zeroreal.generate.dataset.opening.make_generator", lambda *_: next(makers))
    with pytest.raises(InputError, match="another dataset has been begun in"):
        generate(small_settings(format=shard_format), tmp_path)
    assert is_sound(tmp_path)
    assert files(tmp_path) == kept


def test_a_worker_whose_dataset_is_gone_stops_and_writes_no_index(
    tmp_path, generator, small_settings
):
    generator.on_batch = once(12, tmp_path / "set", lambda: shutil.rmtree(tmp_path / "set"))
    with pytest.raises(InputError, match="holds no dataset of zeroreal"):
        generate(small_settings(), tmp_path / "set")
    assert files(tmp_path) == {}


def test_a_shard_that_a_stale_worker_committed_nevertheless_is_found_and_removed(
    tmp_path, generator, small_settings, content
):
    generate(small_settings(seed=1), tmp_path / "old")
    generate(small_settings(), tmp_path / "set")
    before = content(tmp_path / "set")
    for path in (tmp_path / "old").glob("000001-*"):
        shutil.copy(path, tmp_path / "set")
    store = LocalStore(tmp_path / "set")
    found = verify_dataset(store)
    assert {fault.kind for fault in found.faults} == {"strange"}
    fix_dataset(store, found)
    assert is_sound(tmp_path / "set")
    assert content(tmp_path / "set") == before


def test_who_dies_while_others_work_on_is_cleared_by_them(tmp_path, generator, small_settings):
    store = LocalStore(tmp_path)

    def leave_files():
        (store.scratch("dead-1.000002") / "half.tar").write_bytes(b"half")
        (tmp_path / ".workers" / "dead-1.json").write_text("{}")

    generator.on_batch = once(12, tmp_path, leave_files)
    generate(small_settings(), tmp_path)
    assert is_sound(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """A function that gives a folder on a disk of so many KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(size):
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", folder], capture_output=True
        )
        if made.returncode:
            pytest.skip("file systems cannot be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for one in mounted:
        subprocess.run(["umount", one], check=True)


def bytes_in(folder):
    """What the files of a folder take of a disk, in pages."""
    return sum(-(-p.stat().st_size // 4096) * 4096 for p in folder.rglob("*") if p.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_disk_that_is_full_in_the_middle_loses_nothing(
    small_disk, tmp_path, generator, small_settings, content, shard_format
):
    settings = small_settings(format=shard_format, images_per_class=64, image_format="jpg")
    whole = generate(settings, tmp_path / "whole")
    assert whole.images == 192
    disk = small_disk(bytes_in(tmp_path / "whole") // 2 // 1024)
    out = disk / "set"
    with pytest.raises(InputError) as raised:
        generate(settings, out)
    said = str(raised.value)
    assert said.startswith(f"no space is left for '{out}': the ")
    assert said.endswith("free as much and give the same command again")
    assert LocalStore(out).folders(PENDING) == []
    done = sorted(out.glob("0*.json"))
    assert 0 < len(done) < 24
    missing = 24 - len(done)
    assert f"{missing * 8} images of the {missing} missing shards need about 1 MiB" in said
    with pytest.raises(InputError, match=r"no space is left|is full"):
        generate(settings, out)  # still
    assert set(done) <= set(out.glob("0*.json"))
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    generator.generated.clear()
    assert generate(settings, out).images == 192
    assert len(generator.generated) <= missing * 8
    assert content(out) == content(tmp_path / "whole")
    assert is_sound(out)


@pytest.mark.parametrize("where", ["write", "close", "link", "record"])
@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_disk_that_is_full_at_any_step_leaves_nothing_pending(
    tmp_path, generator, small_settings, monkeypatch, content, shard_format, where
):
    """As above where no file system can be mounted: the system's answer is made up."""
    from zeroreal.data import shard_embedded, shard_folder, shard_npy, shard_tar
    from zeroreal.generate.dataset.commit import commit as module

    shard = {
        "webdataset": shard_tar.TarShard,
        "parquet": shard_embedded.EmbeddedShard,
        "folder": shard_folder.FolderShard,
        "npy": shard_npy.ArrayShard,
    }[shard_format]
    calls = {"write": 12, "close": 2, "link": 14 if shard_format == "folder" else 3, "record": 2}

    def filling(real):
        def call(*arguments):
            calls[where] -= 1
            if not calls[where]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file")
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        if where in ("write", "close"):
            patch.setattr(shard, where, filling(getattr(shard, where)))
        elif where == "link":
            patch.setattr(os, "link", filling(os.link))
        else:
            patch.setattr(module, "write_atomically", filling(module.write_atomically))
        with pytest.raises(InputError, match=r"no space is left for .* images of the .* missing"):
            generate(small_settings(format=shard_format), tmp_path / "set")
    assert LocalStore(tmp_path / "set").folders(PENDING) == []
    generate(small_settings(format=shard_format), tmp_path / "set")
    generate(small_settings(format=shard_format), tmp_path / "whole")
    assert content(tmp_path / "set") == content(tmp_path / "whole")
    assert is_sound(tmp_path / "set")


def test_a_full_disk_of_temporary_files_is_named_where_the_dataset_is_remote(
    tmp_path, generator, small_settings, monkeypatch
):
    from zeroreal.data.shard_tar import TarShard

    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file")

    monkeypatch.setattr(TarShard, "write", fill)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match=f"temporary folder '{tmp_path}' is full"):
        generate_dataset(small_settings(), "memory://full/set")
    assert list(Path(tmp_path).glob("zeroreal-*")) == []
