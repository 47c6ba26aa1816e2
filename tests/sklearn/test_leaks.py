"""What rows tell of one another across the folds is said before the first fit and in the report; nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import datasets
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Int
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.checks.rows import leaks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 5))
Y = RNG.integers(0, 2, 150)
AGAIN = RNG.integers(0, 150, 600)
SHUFFLED = KFold(5, shuffle=True, random_state=0)


def said(X: Any, y: Any, cv: Any = SHUFFLED, groups: Any = None) -> str:
    return " ".join(found.sentence for found in leaks(X, np.asarray(y), list(cv.split(X, y, groups)), groups))


COPIED = [X[AGAIN], X[AGAIN].astype(np.float32), pd.DataFrame(X[AGAIN]), sparse.csr_matrix(np.tile(X, 6))[AGAIN]]


@pytest.mark.parametrize("rows", COPIED, ids=["array", "float32", "frame", "sparse"])
def test_copies_across_folds_are_told(rows: Any) -> None:
    assert "exact copy among the training rows with the same target" in said(rows, Y[AGAIN])
    numbers = RNG.normal(size=150)[AGAIN]
    assert "exact copy among the training rows:" in said(rows, numbers + 0.3 * RNG.normal(size=600)), "measured again"
    assert not said(rows, RNG.integers(0, 2, 600)), "a copy's target says nothing of the row's"
    assert not said(rows, RNG.normal(size=600))
    assert not said(rows, Y[AGAIN], GroupKFold(5), AGAIN), "copies stay together"


def test_the_report_of_a_search_over_copies_says_so() -> None:
    search = SearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": Int(1, 9)}, n_trials=3, cv=SHUFFLED)
    with pytest.warns(UserWarning, match="exact copy among the training rows"):
        search.fit(X[AGAIN], Y[AGAIN])
    assert "exact copy among the training rows" in str(search.report_)


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_diabetes, datasets.load_digits])
def test_ordinary_rows_pass_without_a_word(load: Any) -> None:
    assert not said(*load(return_X_y=True))


@pytest.mark.parametrize("shape", [(500, 8), (500, 1), (500, 3)])
def test_equal_rows_of_few_values_are_no_copies(shape: tuple[int, int]) -> None:
    assert not said(RNG.integers(0, 5, shape), RNG.integers(0, 2, 500))
    assert not said(RNG.normal(36.5, 0.5, shape).round(1), RNG.integers(0, 2, 500))


AGE = RNG.integers(18, 80, 500)
REGION = RNG.integers(0, 50, 500)
HEIGHT = RNG.normal(170, 8, 500)
ALIKE = {
    "an age and its decade": np.column_stack([AGE, AGE // 10]),
    "an age in years and in months": np.column_stack([AGE, 12.5 * AGE, AGE // 10]),
    "a column that follows from another": np.column_stack([AGE, REGION, 3 * REGION % 50]),
    "columns that go together": (HEIGHT[:, None] * [1.0, 0.5, 0.6, 0.7] + RNG.normal(0, 0.4, (500, 4))).round(),
    "constant columns": np.ones((500, 3)),
    "zeros and some numbers": np.where(RNG.random((500, 6)) < 0.9, 0.0, RNG.normal(size=(500, 6))),
    "short texts": sparse.csr_matrix(RNG.poisson(0.02, (500, 100)).astype(float)),
    "categories, encoded": OneHotEncoder().fit_transform(RNG.integers(0, 6, (500, 5))),
    "categories": pd.DataFrame(RNG.integers(0, 6, (500, 5))).astype("category"),
}


@pytest.mark.parametrize("rows", ALIKE.values(), ids=ALIKE)
def test_rows_that_are_equal_by_nature_are_no_copies(rows: Any) -> None:
    assert not said(rows, AGE + RNG.normal(0, 20, 500) > 40)


def test_a_column_that_names_groups_is_told() -> None:
    frame = pd.DataFrame({"x": RNG.normal(size=200), "k": np.repeat(np.arange(40), 5)})
    y = RNG.integers(0, 2, 200)
    assert "Column 'k' looks like an identifier of groups (40 values in 200 rows)" in said(frame, y)
    mixed = frame.sample(frac=1.0, random_state=0)
    assert not said(mixed, y), "a column of whole numbers like any other"
    assert "groups=" in said(mixed.rename(columns={"k": "patient_id"}), y)
    assert not said(mixed.rename(columns={"k": "patient_id"}), y, GroupKFold(5), mixed["k"].to_numpy())


def test_rows_in_the_order_of_time_that_are_shuffled() -> None:
    dated = pd.DataFrame({"x": RNG.normal(size=90)}, index=pd.date_range("2024-01-01", periods=90))
    assert "order of time (by the index)" in said(dated, np.arange(90.0))
    assert "order of time (by column 'day')" in said(dated.rename_axis("day").reset_index(), np.arange(90.0))
    assert not said(dated, np.arange(90.0), TimeSeriesSplit(4))
    assert not said(dated.sample(frac=1.0, random_state=0), np.arange(90.0))


def test_dates_in_texts_and_series_without_dates_are_told() -> None:
    rng = np.random.default_rng(3)
    walk = rng.normal(size=300).cumsum()
    x = rng.normal(size=(300, 2))
    texts = pd.DataFrame(x, columns=["a", "b"]).assign(
        when=pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d")
    )
    assert "order of time (by column 'when')" in said(texts, x[:, 0])
    assert "look like a series (their targets change slowly along the rows)" in said(x, walk)
    assert "and column 'day' grows" in said(pd.DataFrame(x, columns=["a", "b"]).assign(day=range(300)), walk)
    assert not said(x, walk, TimeSeriesSplit(4))
    assert not said(x, rng.permutation(walk))
    assert not said(x, np.sort(walk)), "rows sorted by the target are no series"
    assert not said(x, np.repeat([0, 1, 2], 100)), "nor those of one class after another"
    assert not said(walk[:, None] + 1.5 * x, walk), "where the columns tell as much, neighbours give nothing away"


FORMS = {
    "in other units": lambda y: 1.8 * y + 32,
    "by its rank": lambda y: y.argsort().argsort(),
    "with some rows wrong": lambda y: np.where(np.arange(len(y)) % 250, y, 0.0),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_column_that_is_the_target_in_another_form_is_told(form: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 3)), rng.normal(size=600)
    told = said(np.column_stack([x, form(y)]), y)
    assert told.startswith("Column 3 by itself tells the target")
    assert not said(np.column_stack([x, y + 0.3 * rng.normal(size=600)]), y), "a good predictor is none"


def test_a_column_that_is_the_class_in_another_form_is_told() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 3)), rng.integers(0, 3, 600)
    for column in (np.array(["no", "maybe", "yes"])[y], y + 5, y + 0.3 * rng.random(600)):
        frame = pd.DataFrame(x, columns=list("abc")).assign(outcome=column)
        assert "Column 'outcome' by itself tells the target" in said(frame, y)
    noisy = np.where(rng.random(600) < 0.05, rng.integers(0, 3, 600), y)
    assert not said(np.column_stack([x, noisy]), y)
    assert not said(np.column_stack([x, np.ones(600)]), np.where(np.arange(600) < 30, 1, 0)), "nearly all of one class"


@pytest.mark.parametrize("cv", [SHUFFLED, TimeSeriesSplit(4)], ids=["mixed", "in time"])
def test_a_column_that_holds_the_target_of_another_row_is_told(cv: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=400)
    after, before = np.append(y[1:], 0.0), np.append([0.0, 0.0], 3 * y[:-2])
    assert "Column 2 holds the target of a later row (1 further)" in said(np.column_stack([x, after]), y, cv)
    earlier = "Column 2 holds the target of an earlier row (2 further)"
    assert (earlier in said(np.column_stack([x, before]), y, cv)) == (cv is SHUFFLED), "which a forecast may know"


def test_data_of_their_own_kind_are_left_alone() -> None:
    rows, y = [["a", 1], ["b", 2]] * 20, RNG.integers(0, 2, 40)
    assert not said(rows, y)
    assert not said(np.array(rows, dtype=object), y)
    assert not said(RNG.normal(size=(40, 3, 3)), y)


def test_rows_that_change_with_time_are_told_where_the_splits_are_in_its_order() -> None:
    steps = np.arange(300.0)
    rng = np.random.default_rng(1)
    rows, noise = rng.normal(size=(300, 3)), rng.normal(size=300)
    for drift, told in ((0.1, True), (0.0, False)):
        y = rows[:, 0] + noise * (1.0 + drift * steps)
        search = SearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=TimeSeriesSplit(5), scoring="neg_mean_absolute_error")
        report = str(search.fit(rows, y).report_)
        assert ("The scores get worse from each period to the next" in report) is told
