"""The signed-rank test is SciPy's, exact and approximate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tunesmith.foundation.numerics.rank_tests import MOST_EXACT, signed_rank_p

distinct = st.lists(st.integers(-500, 500), min_size=2, max_size=12, unique_by=abs).filter(lambda d: 0 not in d)


@given(distinct)
def test_the_exact_test_is_scipys(differences: list[float]) -> None:
    expected = stats.wilcoxon(differences, alternative="less", method="exact").pvalue
    assert signed_rank_p(np.array(differences)) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.floats(-1, 1))
def test_with_many_pairs_it_is_scipys_approximation(seed: int, shift: float) -> None:
    d = np.round(np.random.default_rng(seed).normal(shift, 1.0, MOST_EXACT + 30), 1) + 0.01  # ties, and no zeros
    expected = stats.wilcoxon(np.round(d, 2), alternative="less", method="asymptotic").pvalue
    assert signed_rank_p(np.round(d, 2)) == pytest.approx(expected, abs=1e-9)


def test_differences_of_nothing_speak_for_neither_side() -> None:
    assert signed_rank_p(np.zeros(MOST_EXACT + 1)) == 1.0
    d = np.r_[np.zeros(MOST_EXACT), -1.0, 1.0]
    assert signed_rank_p(d) == pytest.approx(0.5)
