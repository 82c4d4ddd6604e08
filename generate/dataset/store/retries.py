"""Trying again what a remote store refused, where that may help."""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ....base.errors import InputError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

WAITS = (2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)
"""Seconds between tries, doubled and capped: two minutes in all."""

# What a store answers of a name, which its caller has to know.
_ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
# Statuses of HTTP that may pass, below 500 and from there on those that will not.
_PASSING_STATUSES = (408, 409, 425, 429)
_LASTING_STATUSES = (501, 505, 507, 508)
_LASTING_ERRNOS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.EEXIST,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENAMETOOLONG,
    errno.EMSGSIZE,
    errno.ENOSPC,
    errno.EDQUOT,
)
# Errors of the libraries below fsspec that are no OSError, by top package and name of a class.
_PASSING_CLASSES = {
    "aiohttp.ClientError",
    "azure.ServiceRequestError",
    "azure.ServiceResponseError",
    "botocore.ConnectionError",
    "botocore.HTTPClientError",
    "botocore.ResponseParserError",
    "builtins.EOFError",
    "ftplib.error_temp",
    "google.TransportError",
    "httpx.TransportError",
    "httpx2.TransportError",
    "paramiko.SSHException",
}
_LASTING_CLASSES = {"paramiko.AuthenticationException", "paramiko.BadHostKeyException"}


@dataclass(frozen=True)
class Patience:
    """How often, and after which waits, what failed is tried again."""

    waits: Sequence[float] = WAITS
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5)
    """Factor of a wait, so that workers that failed together do not come back together."""

    def tried(self, what: str, url: str, action: Callable[[], _T]) -> _T:
        """What `action` gives, in the end.

        What a store answers of a name (not found, exists) is raised as it is. Raises `InputError`
        for what will not pass, and after the last try.
        """
        for number in range(len(self.waits) + 1):
            try:
                return action()
            except (*_ANSWERS, InputError):
                raise
            except Exception as error:
                if not may_pass(error):
                    if not _is_of_the_store(error):
                        raise
                    raise _refusal(what, url, error) from error
                if number == len(self.waits):
                    raise InputError(
                        f"{url!r}: {what} failed {number + 1} times, at last because "
                        f"{reason(error)}: give the same command again when the place can be "
                        "reached; finished shards stay"
                    ) from error
                wait = self.waits[number] * self.jitter()
                _log.warning(
                    "%s: %s failed (%s): trying again in %.1f s", url, what, reason(error), wait
                )
                self.sleep(wait)
        raise AssertionError  # the last turn returns or raises


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: no connection, too many requests, and such."""
    if isinstance(error, (*_ANSWERS, PermissionError)):
        return False
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True  # whatever the status: that of S3's RequestTimeout is 400
    if (status := http_status(error)) is not None:
        return status in _PASSING_STATUSES or (status >= 500 and status not in _LASTING_STATUSES)
    names = {f"{one.__module__.partition('.')[0]}.{one.__name__}" for one in type(error).__mro__}
    if names & _LASTING_CLASSES:
        return False
    if names & _PASSING_CLASSES:
        return True
    # gcsfs says so of status 403.
    if not isinstance(error, OSError) or str(error).startswith("Forbidden"):
        return False
    return error.errno not in _LASTING_ERRNOS


def http_status(error: BaseException) -> int | None:
    """The status that a server answered with, as the libraries below fsspec keep it."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):  # botocore
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(found, int):
                return found
        for holder in (one, response):
            for name in ("status_code", "status", "code"):
                found = getattr(holder, name, None)
                if str(found).isdecimal() and 400 <= int(str(found)) < 600:
                    return int(str(found))
    return None


def reason(error: BaseException) -> str:
    """What an error says, on a line; its name where it says nothing."""
    text = " ".join(str(error).split())
    return text.rstrip(".") or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _is_of_the_store(error: Exception) -> bool:
    """Whether an error is an answer and no mistake of the code's."""
    known = isinstance(error, (OSError, ValueError, NotImplementedError))
    return known or type(error).__module__ != "builtins"


def _refusal(what: str, url: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "free space and give the same command again; finished shards stay"
    elif isinstance(error, NotImplementedError):
        remedy = "give a place that can be written"
    else:
        remedy = "check the URL, your credentials for it and what they allow"
    return InputError(f"{url!r}: {what} failed because {reason(error)}: {remedy}")
