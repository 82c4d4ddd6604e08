"""Schedules that were read before: reading one needs `diffusers`, a second to import."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ...base import library_versions
from ...base.digest import key_digest
from ...base.errors import InputError
from ...base.reading import load_json
from ...engine import Cache, CacheKey
from .model_info import pipeline_kind
from .read_schedule import schedule_of
from .schedule import Schedule
from .scheduler import load_scheduler, scheduler_config

_FILE = "schedule.json"
_READ_BY = ("zeroreal", "torch", "diffusers")


def known_schedule(folder: Path, name: str | None, steps: int, cache: Cache) -> Schedule:
    """What `schedule_of` gives of a folder's scheduler, or another by `name`, out of `cache`.

    It is read and kept there where it is not, as far as `cache` can be written. Raises `InputError`
    as `load_scheduler` and `schedule_of` do.
    """
    key = _key(folder, name, steps)
    if (entry := cache.find(key)) is not None:
        return Schedule.from_dict(load_json(entry / _FILE, "schedule", "remove the entry"))
    schedule = schedule_of(load_scheduler(folder, name), steps)

    def write(partial: Path) -> None:
        (partial / _FILE).write_text(json.dumps(schedule.as_dict()))

    with suppress(InputError):
        cache.get(key, write)
    return schedule


def _key(folder: Path, name: str | None, steps: int) -> CacheKey:
    """All that `load_scheduler` looks at."""
    is_model = (folder / "model_index.json").is_file()
    read = {
        # As text: configurations hold infinity, which is not JSON.
        "config": json.dumps(scheduler_config(folder), sort_keys=True),
        "pipeline": pipeline_kind(folder) if is_model else None,
    }
    return CacheKey(
        kind="schedule",
        name=name or "own",
        graph=key_digest(read),
        options={"steps": steps},
        library=" ".join(f"{k} {v}" for k, v in library_versions(_READ_BY).items()),
        device="any",
        driver=None,
    )
