"""Which parts are done: a file beside the results says with what arguments and of which code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...base.files import write_atomically
from ...report.results.sources import code_digest
from .parts import Part


class Ledger:
    """Remembers parts that are done, in `gpu-parts-GPU.json` in the folder of the results.

    A part is done no longer when its arguments or the code change, and when its result's file goes
    or is not one of a finished measurement. A ledger that cannot be read says that nothing is done.
    """

    def __init__(self, folder: Path, gpu: str) -> None:
        self._folder, self._gpu = folder, gpu
        self._path = folder / f"gpu-parts-{gpu}.json"

    def has(self, part: Part) -> bool:
        """Whether `part` is done."""
        entry = self._read().get(part.name)
        return entry == self._entry(part) and is_finished(self.result_path(part))

    def add(self, part: Part) -> None:
        """Note that `part` is done."""
        self._write({**self._read(), part.name: self._entry(part)})

    def remove(self, part: Part) -> None:
        """Note that `part` is not done, before its result is overwritten."""
        self._write({name: one for name, one in self._read().items() if name != part.name})

    def result_path(self, part: Part) -> Path:
        """The file of the part's result."""
        return self._folder / part.file_name(self._gpu)

    def _entry(self, part: Part) -> dict[str, Any]:
        code = [code_digest(), *([] if part.folder is None else [code_digest(part.folder)])]
        return {"arguments": list(part.arguments), "code": code}

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        write_atomically(self._path, (json.dumps(content, indent=2) + "\n").encode())


def is_finished(path: Path) -> bool:
    """Whether a result's file is there and, if it is JSON, of a measurement that is finished."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else {}
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("finished", True) is True
