"""Which errors of the libraries below fsspec may pass."""

import errno
import importlib

import pytest
from huggingface_hub.errors import HfHubHTTPError

from zeroreal.base import InputError
from zeroreal.generate.dataset.store.retries import Patience, may_pass


class _StatusError(Exception):
    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status_code = status


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("timed out"),
        OSError("connection broken"),
        OSError(errno.EIO, "internal error"),
        EOFError(),
        *(_StatusError(status) for status in (408, 429, 500, 502, 503, 504)),
    ],
    ids=repr,
)
def test_errors_that_may_pass(error):
    assert may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("a"),
        FileExistsError("a"),
        PermissionError("denied"),
        OSError(errno.ENOSPC, "disk full"),
        OSError(errno.EINVAL, "bad argument"),
        OSError("Forbidden: bucket"),  # as gcsfs says it
        ValueError("no credentials"),
        KeyError("a"),
        *(_StatusError(status) for status in (400, 401, 403, 404, 412, 501)),
    ],
    ids=repr,
)
def test_errors_that_stay(error):
    assert not may_pass(error)


def test_answers_of_s3_as_its_library_gives_them():
    errors = pytest.importorskip("s3fs.errors")
    botocore = pytest.importorskip("botocore.exceptions")

    def answer(code, status):
        content = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return errors.translate_boto_error(botocore.ClientError(content, "PutObject"))

    passing = {"SlowDown": 503, "InternalError": 500, "RequestTimeout": 400}
    passing |= {"ConditionalRequestConflict": 409}
    assert all(may_pass(answer(*one)) for one in passing.items())
    lasting = {"AccessDenied": 403, "NoSuchBucket": 404, "InvalidBucketName": 400}
    assert not any(may_pass(answer(*one)) for one in lasting.items())
    assert may_pass(botocore.EndpointConnectionError(endpoint_url="http://here"))
    assert not may_pass(botocore.NoCredentialsError())


def test_a_connection_of_the_hub_that_broke_may_pass():
    library = HfHubHTTPError.__mro__[1].__module__.partition(".")[0]
    broken = getattr(importlib.import_module(library), "ReadTimeout", None)
    if broken is None:
        pytest.skip(f"{library} says it otherwise")
    assert may_pass(broken("timed out"))


def test_a_full_disk_is_told_with_its_remedy():
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"No space left on device: free space"):
        Patience().tried("writing", "s3://a/b", full)


def test_waits_differ_between_workers():
    factors = {Patience().jitter() for _ in range(10)}
    assert len(factors) == 10
    assert all(0.5 <= factor <= 1.5 for factor in factors)
