"""The rule by which a candidate replaces the default."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.selection.choice import replaces_default


@pytest.mark.parametrize(
    ("seen", "corrected", "error", "replaced"),
    [
        (0.3, 0.2, 0.1, True),
        (0.3, 0.1, 0.1, False),  # no more than one standard error
        (0.3, 0.2, math.nan, False),  # an error that is not known is no licence
        (-0.1, -0.2, 0.0, False),
        (0.0, 0.0, 0.0, False),
    ],
)
def test_a_corrected_gain_has_to_exceed_its_error(seen: float, corrected: float, error: float, replaced: bool) -> None:
    assert replaces_default(seen, corrected, error) == replaced
    assert replaces_default(seen, corrected, error, prefer_default=False) == (seen > 0)


def test_caution_is_a_number_of_errors_and_may_be_negative() -> None:
    assert not replaces_default(0.3, 0.15, 0.1, caution=2.0)
    assert replaces_default(0.3, 0.15, 0.1, caution=1.0)
    assert replaces_default(0.3, -0.05, 0.1, caution=-1.0)
    assert not replaces_default(-0.3, -0.05, 0.1, caution=-1.0)


def test_a_simpler_candidate_has_to_be_as_good_and_a_tie_counts_on_request() -> None:
    gains = np.array([-0.05, -0.15, 0.0])
    assert replaces_default(gains, gains, 0.1, simpler=True).tolist() == [True, False, True]
    assert replaces_default(gains, gains, 0.1, simpler=np.array([False, True, True])).tolist() == [False, False, True]
    assert replaces_default(gains, gains, 0.1, prefer_default=False, ties=True).tolist() == [False, False, True]
