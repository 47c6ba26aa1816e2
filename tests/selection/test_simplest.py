"""The one-standard-error rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.selection.choice import complexities, ranks_of_rows, simplest_within


def test_the_simplest_within_one_standard_error_wins() -> None:
    loss = [0.10, 0.11, 0.115, 0.20]
    assert simplest_within(loss, 0.012, [4, 3, 2, 1]) == 1
    assert simplest_within(loss, 0.02, [4, 3, 2, 1]) == 2
    assert simplest_within(loss, 0.0, [4, 3, 2, 1]) == 0
    assert simplest_within(loss, [0.012, 9, 9, 9], [4, 3, 2, 1]) == 1  # the best one's error counts
    assert simplest_within(loss, math.nan, [4, 3, 2, 1]) == 0  # an error that is not known is no licence


def test_among_equally_simple_ones_the_better_wins_and_later_columns_break_ties() -> None:
    assert simplest_within([0.2, 0.1, 0.15], 1.0, [1, 1, 1]) == 1
    assert simplest_within([0.2, 0.1, 0.15], 1.0, [[1, 5], [1, 4], [1, 3]]) == 2
    assert simplest_within([math.nan, 0.1], 1.0, [0, 1]) == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=20), st.floats(0, 0.5))
def test_the_choice_is_near_the_best_and_nothing_as_near_is_simpler(pairs: list[tuple[float, int]], se: float) -> None:
    loss, rank = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    at = simplest_within(loss, se, rank)
    near = loss <= loss.min() + se
    assert near[at]
    assert rank[at] == rank[near].min()


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="0 losses finite"):
        simplest_within([math.nan], 0.1, [1])
    with pytest.raises(ValueError, match=r"\(2,\)"):
        simplest_within([0.1], 0.1, [1, 2])


CONFIGS: list[dict[str, Any]] = [
    {"model": "svm", "C": 10.0},
    {"model": "tree", "max_depth": 5, "leaf": 3},
    {"model": "tree", "max_depth": 5, "leaf": 1},
]


def test_what_is_simple_is_said_by_names_or_by_a_function() -> None:
    assert complexities(CONFIGS, "max_depth").ravel().tolist() == [-math.inf, 5, 5]  # what is not there is simplest
    assert complexities(CONFIGS, ["max_depth", "-leaf"])[1:].tolist() == [[5, -3], [5, -1]]
    assert complexities(CONFIGS, lambda p: p.get("C", 0)).ravel().tolist() == [10, 0, 0]
    assert complexities(CONFIGS, lambda p: (len(p), 1)).shape == (3, 2)


@pytest.mark.parametrize(
    ("complexity", "kind", "words"),
    [
        ("depth", ValueError, "there are"),
        ("model", ValueError, "give a function"),
        ([], TypeError, "parameter's name"),
        ("-", TypeError, "parameter's name"),
        (lambda p: "small", TypeError, "a number"),
        (lambda p: math.nan, TypeError, "a number"),
        (lambda p: tuple(range(len(p))), TypeError, "same number"),
    ],
)
def test_what_cannot_be_ordered_is_an_error(complexity: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        complexities(CONFIGS, complexity)


def test_none_is_no_limit_and_ranks_keep_the_order() -> None:
    table = complexities(
        [{"depth": None, "leaf": 1}, {"depth": 3, "leaf": 5}, {"depth": 3, "leaf": 1}], ["depth", "leaf"]
    )
    assert table[:, 0].tolist() == [math.inf, 3, 3]
    assert ranks_of_rows(table).tolist() == [2, 1, 0]
