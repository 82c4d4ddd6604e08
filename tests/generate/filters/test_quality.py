"""What may be asked of images."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate import Quality


def test_at_least_one_attempt_is_needed():
    assert Quality(most_attempts=1).filters == ()
    with pytest.raises(InputError, match="most attempts is 0: at least 1 is needed"):
        Quality(most_attempts=0)
