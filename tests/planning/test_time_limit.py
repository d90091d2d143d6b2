"""What still starts before a time limit."""

from __future__ import annotations

import time

import pytest

from uebench.errors import UsageError
from uebench.planning.time_limit import UNLIMITED, TimeLimit


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2h", 7200),
        ("90m", 5400),
        ("1h30m", 5400),
        ("1h30m5s", 5405),
        ("45s", 45),
        ("300", 300),
        ("1.5h", 5400),
        (7, 7),
        (1e-05, 1e-05),
    ],
)
def test_a_time_limit_is_written_in_hours_minutes_and_seconds(written: str | float, seconds: float) -> None:
    limit = TimeLimit.of(written)
    assert limit.seconds == seconds
    assert 0 < limit.ends - time.time() <= seconds


@pytest.mark.parametrize(
    "written",
    ["", "h", "2 days", "-1h", "0s", "30m1h", "1h30", "nan", "inf", 0, -5, True, 10**400, ["2h"]],
)
def test_what_is_no_duration_is_refused(written: str | float) -> None:
    with pytest.raises(UsageError, match=r"time_limit .*: not a duration; write 2h"):
        TimeLimit.of(written)


def test_only_work_that_ends_in_time_starts_unless_it_never_would() -> None:
    limit = TimeLimit(seconds=100, ends=time.time() + 50)
    assert limit.allows(40)
    assert not limit.allows(60)
    assert limit.allows(101)  # no run of 100 seconds would start it
    assert limit.allows(None)
    assert not TimeLimit(seconds=100, ends=time.time() - 1).allows(None)
    assert TimeLimit.of(None) == UNLIMITED
    assert UNLIMITED.allows(1e9)
    assert 0 < UNLIMITED.timeout < float("inf")
