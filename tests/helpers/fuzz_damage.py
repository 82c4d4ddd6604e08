"""Damage to files, as `hypothesis` draws it: to their bytes, and to the values that they hold."""

import json
from pathlib import Path

import yaml
from hypothesis import strategies as st

VALUES = (
    *(None, True, -1, 0, 2, 10**9, 2**63, 10**400, -1e308, float("nan"), float("inf")),
    *("", "x", "-1", "1e9", "\u2029", "\x1b[2J", "../../x", "{class!r:>99999999}", "x" * 5000),
    *([], {}, [None], [[]], [0] * 5, {"x": None}, {"": []}),
)
"""What may stand in a configuration in place of a value."""
PIECES = (
    *(b"\0" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80", b"-", b"9" * 30, b"1e999", b"NaN"),
    *(b"null", b'"', b"\\", b"[" * 3000, b'{"":' * 3000, b"\n", b"\n- ", b": ", b"&a ", b"*a"),
    *(b"!!python/name:os.system ", b"<<: ", b"%", b",", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
)
_HEADER = 8  # bytes that a safetensors file's header begins after

_places = st.floats(0, 1, exclude_max=True)
byte_edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "repeat", "cut"]),
        _places,
        st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)),
        st.integers(1, 64),
    ),
    min_size=1,
    max_size=3,
)
value_edits = st.lists(
    st.tuples(_places, st.one_of(st.just("remove"), st.sampled_from(VALUES))),
    min_size=1,
    max_size=3,
)


def with_bytes_changed(content, edits):
    """The bytes after each edit, of whatever kind of file."""
    for kind, place, piece, length in edits:
        at = int(place * (len(content) + 1))
        before, after = content[:at], content[at:]
        content = {
            "replace": before + piece + after[len(piece) :],
            "insert": before + piece + after,
            "delete": before + after[length:],
            "repeat": before + after[:length] * 3 + after[length:],
            "cut": before,
        }[kind]
    return content


def with_values_changed(path, content, edits):
    """The file with other values in its JSON, its YAML or its header; None if it has none."""
    header, tensors = b"", b""
    if path.suffix == ".safetensors":
        length = int.from_bytes(content[:_HEADER], "little")
        content, tensors = content[_HEADER : _HEADER + length], content[_HEADER + length :]
    elif path.suffix not in (".json", ".yaml", ".yml"):
        return None
    is_yaml = path.suffix in (".yaml", ".yml")
    value = yaml.safe_load(content) if is_yaml else json.loads(content)
    for place, change in edits:
        value = _changed(value, place, change)
    text = (yaml.safe_dump(value) if is_yaml else json.dumps(value)).encode()
    if path.suffix == ".safetensors":
        header = len(text).to_bytes(_HEADER, "little")
    return header + text + tensors


def _changed(value, place, change):
    """A copy of `value` with the part at `place`, 0 to 1, removed or replaced."""
    paths = list(_paths(value))
    *to, last = paths[int(place * len(paths))]
    copy = {"": json.loads(json.dumps(value))}  # of the root, too, something else may become
    inner = copy
    for step in to:
        inner = inner[step]
    if change == "remove":
        del inner[last]
    else:
        inner[last] = change
    return copy.get("")


def _paths(value, to=("",)):
    """The ways to each part of a value, itself first."""
    yield to
    parts = value.items() if isinstance(value, dict) else ()
    for key, part in enumerate(value) if isinstance(value, list) else parts:
        yield from _paths(part, (*to, key))


def damaged(path: Path, content: bytes, edits, changes) -> bytes:
    """The file with `changes` to its values, where there are any to change, or else `edits`."""
    if changes is not None:
        changed = with_values_changed(path, content, changes)
        if changed is not None:
            return changed
    return with_bytes_changed(content, edits)
