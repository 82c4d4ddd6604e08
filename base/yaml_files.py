"""Reading YAML that somebody else may have written: no more than the limits, aliases counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .limits import NESTING, VALUES
from .reading import read_text

if TYPE_CHECKING:
    import yaml

_RULE = "---"
# What the library raises for scalars that are not what their tag says, such as `!!int ""`.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def load_yaml(path: Path, what: str, remedy: str) -> Any:
    """The content of a YAML file; None for an empty one.

    Raises `InputError`, which calls the file `what` and ends in `remedy`, where it cannot be read
    or is not YAML, and `LimitError`.
    """
    where = f"{what} {str(path)!r}"
    try:
        return parse_yaml(read_text(path, what), where)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): {remedy}") from None
    except ValueError as error:
        raise InputError(f"{where} is not YAML ({error}): {remedy}") from None


def front_matter(text: str, where: str) -> dict[str, Any]:
    """The fields between two rules at the top of a card; empty where none can be read.

    Raises `LimitError`, which begins with `where`.
    """
    first, *lines = text.removeprefix("\ufeff").splitlines() or [""]
    rules = [row for row, line in enumerate(lines) if line.strip() == _RULE]
    if first.strip() != _RULE or not rules:
        return {}
    try:
        content = parse_yaml("\n".join(lines[: rules[0]]), where)
    except InputError:
        raise
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text, of plain values only; None for an empty one.

    Raises `LimitError`, which begins with `where`, and `ValueError`, in one line, where it is not
    YAML.
    """
    import yaml  # not above: help can spare it

    try:
        return yaml.load(text, _loader(where))
    except InputError:
        raise
    except (yaml.YAMLError, *_UNREADABLE) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _loader(where: str) -> type[yaml.SafeLoader]:
    """The library's safe loader, which counts values before it makes them."""

    class Loader(_counting_loader()):  # type: ignore[misc]
        place = where

    return Loader


@cache
def _counting_loader() -> type[yaml.SafeLoader]:
    import yaml

    class CountingLoader(yaml.SafeLoader):
        place: str

        def __init__(self, stream: str) -> None:
            super().__init__(stream)
            self._depth = self._values = 0
            self._sizes: dict[yaml.Node, int] = {}

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            """The next value; one that an alias stands for counts again with all that it holds."""
            before = self._values
            is_alias = self.check_event(yaml.AliasEvent)
            self._depth += 1
            NESTING.check(self._depth, self.place, or_more=True)
            node = super().compose_node(parent, index)
            self._depth -= 1
            if node is None:
                return None
            if is_alias and node not in self._sizes:
                raise ValueError("an alias stands for what it lies in")
            self._values += self._sizes[node] if is_alias else 1
            VALUES.check(self._values, self.place, or_more=True)
            self._sizes.setdefault(node, self._values - before)
            return node

    return CountingLoader
