"""The one error that is the user's to mend."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

_MOST_LISTED = 30
_MOST_NEAR = 8
_LONGEST_NAME = 300


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the value, what was expected and the remedy. The command
    line prints it and exits with status 2; Python callers catch it as a `ValueError`.
    """

    def __init__(self, message: object) -> None:
        # What a library said, which it may quote, can go over several lines.
        super().__init__(" ".join(str(message).splitlines()))


def system_sentence(error: OSError) -> str:
    """What the system refused, of which file, and what helps, in one sentence without its end.

    It can go on with ", then ...".
    """
    place = f" {error.filename!r}" if error.filename else " a file"
    return f"the system refused{place} ({error.strerror}): {_help_against(error)}"


def _help_against(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "make room there"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "give yourself the right to use it, or choose another place"
    return "see that it is there and can be used"


def unknown(kind: str, name: object, known: Iterable[str]) -> InputError:
    """An `InputError` for a name that is not in `known`: suggests the nearest and lists what is."""
    names = sorted(known)
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        shown = repr(name)[:_LONGEST_NAME]
        return InputError(f"unknown {kind} {shown}: known are {_listed('', names)}")
    by_folded = {known_name.casefold(): known_name for known_name in names}
    nearest = difflib.get_close_matches(name.casefold(), by_folded, 1, 0.5)
    guess = f"did you mean {by_folded[nearest[0]]!r}? " if nearest else ""
    return InputError(f"unknown {kind} {name!r}: {guess}known are {_listed(name, names)}")


def _listed(name: str, names: list[str]) -> str:
    """All of `names` if they are few, else those that hold or resemble `name`."""
    if len(names) <= _MOST_LISTED:
        return ", ".join(names)
    holding = [known for known in names if name.casefold() in known.casefold()]
    near = holding or difflib.get_close_matches(name, names, _MOST_NEAR, 0.4) or names
    return ", ".join([*near[:_MOST_NEAR], "..."])
