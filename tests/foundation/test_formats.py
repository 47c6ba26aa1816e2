"""How numbers, times and sizes are written and read, and what values become in JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from tunesmith.foundation.formats import (
    ago_text,
    bytes_of,
    cell_text,
    clock_text,
    duration_text,
    json_value,
    rate_text,
    seconds_of,
    size_text,
)
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import TrialState


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.123456789, "0.123457"),
        (math.nan, "nan"),
        (1234567, "1234567"),
        (True, "True"),
        ("a\x1b", r"a\x1b"),
    ],
)
def test_cells(value: Any, text: str) -> None:
    assert cell_text(value) == text


def test_a_cell_has_as_many_digits_as_are_asked_for() -> None:
    assert cell_text(0.123456789, 3) == "0.123"
    assert cell_text(None, none="not active") == "not active"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5 m", 90), ("10 min", 600), ("8h", 28800), ("2d", 172800), ("1e3", 1000), ("0", 0)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "min", "-1", "-1s", "inf", "nan", "1w", "1h30m"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a time such as 90s, 15m, 8h or 2d; got"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.000196, "0.196 ms"), (0.3096, "310 ms"), (0.99996, "1 s"), (57.31, "57.3 s"), (59.97, "1.0 min"),
        (0.0, "0 s"), (7200, "2.0 h"), (float("nan"), ""),
    ],
)  # fmt: skip
def test_a_time_is_written_with_its_unit_and_without_an_exponent(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (61, "1:01"), (3723, "1:02:03"), (183845, "2 d 3:04:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("n", "seconds", "text"),
    [
        (3, 0.0, "3 trials"),
        (5000, 2.0, "2,500 trials/s"),
        (10, 4.0, "2.5 trials/s"),
        (2, 7.0, "3.5 s/trial"),
        (1, 240.0, "4 min/trial"),
        (1, 9000.0, "2.5 h/trial"),
    ],
)
def test_rates(n: int, seconds: float, text: str) -> None:
    assert rate_text(n, seconds, "trial") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4, "just now"), (59.9, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (2e5, "2 d ago"), (math.nan, "")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago_text(seconds, Words("en")) == text
    assert not text or ago_text(seconds, Words("zh")).isascii() is False


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500 * 10**6), ("2 gb", 2 * 10**9), ("1.5GiB", 3 * 2**29), ("1KiB", 1024), ("7", 7), (1e3, 1000)],
)
def test_sizes_are_read(text: str | float, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("wrong", ["", "MB", "-1MB", "0", 0, True, "1 XB", math.inf, None])
def test_what_is_not_a_size_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="a size is a number of bytes or a text such as"):
        bytes_of(wrong)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 kB"), (20480, "20.5 kB"), (3e6, "3 MB"), (2.5e9, "2.5 GB"), (math.nan, "")]
)
def test_sizes_are_written_in_the_units_in_which_they_are_read(size: float, text: str) -> None:
    assert size_text(size) == text
    assert not size or not text or bytes_of(text) == pytest.approx(size, rel=0.01)


def test_json_has_no_infinities() -> None:
    value = {1: (math.nan, math.inf, -np.inf, np.float64(0.5)), "state": TrialState.FAIL, "other": {"a": object}}
    made = json_value(value)
    assert made["1"] == [None, "inf", "-inf", 0.5]
    assert [float(end) for end in made["1"][1:3]] == [math.inf, -math.inf]
    assert made["other"] == {"a": str(object)}
    assert json_value(value, infinities=False)["1"] == [None, None, None, 0.5]
    assert json.loads(json.dumps(made, allow_nan=False)) == made
