"""Expressions over trials: what they mean, what they refuse, and that they agree with a loop over the records."""

from __future__ import annotations

import math
import operator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.errors import QueryError
from tunesmith.space import Categorical, Float, Int
from tunesmith.study.query import TrialTable


def table(values: list[float], lr: list[float], opt: list[str], notes: list[object] | None = None) -> TrialTable:
    study = ts.create_study(seed=0)
    space = {"lr": Float(1e-12, 1e3), "opt": Categorical(["sgd", "adam", "<b>x</b>"]), "my n": Int(0, 9)}
    for i, (y, rate, choice) in enumerate(zip(values, lr, opt, strict=True)):
        params = {"lr": rate, "opt": choice} | ({"my n": i % 10} if i % 2 else {})
        study.add_trial(
            ts.create_trial(
                params=params,
                distributions={name: space[name] for name in params},
                value=None if math.isnan(y) else y,
                state=ts.TrialState.FAIL if math.isnan(y) else ts.TrialState.COMPLETE,
                user_attrs={"note": notes[i]} if notes and notes[i] is not None else None,
            )
        )
    return TrialTable.of(study.history, study.signs, attributes=lambda: {t.number: t.user_attrs for t in study.trials})


TABLE = table(
    [0.1, math.nan, 1e-10, math.inf, -3.0],
    [1e-10, 1e-3, 0.5, 1.0, 2.0],
    ["sgd", "adam", "adam", "<b>x</b>", "sgd"],
    ["first", 3, None, 2.5, "Last one"],
)


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("value < 0.2", [0, 2, 4]),
        ("0 < value <= 0.1", [0, 2]),
        ("value = inf", [3]),
        ("value != 0.1", [2, 3, 4]),  # nothing holds of a value that is missing
        ("value is missing", [1]),
        ("value is not missing and not number in (0, 4)", [2, 3]),
        ("opt in ('sgd', 'adam') and lr > 1e-3", [2, 4]),
        ("opt not in [sgd]", [1, 2, 3]),
        ("opt == '<b>x</b>' or lr < 1e-9", [0, 3]),
        ("opt ~ 'AD'", [1, 2]),
        ("state == fail", [1]),
        ("state == 'FAILED'", [1]),
        ("state = complete and duration is missing", [0, 2, 3, 4]),
        ("params.`my n` >= 1", [1, 3]),
        ("`my n` is missing", [0, 2, 4]),
        ("user.note ~ 'l'", [4]),
        ("note > 2.7", [1]),
        ("user_attrs.note is missing", [2]),
        ("lr > value", [2, 4]),
        ("2 > 1", [0, 1, 2, 3, 4]),
        ("lr < 'text'", []),
        ("feasible", None),
    ],
)
def test_an_expression_holds_for_the_right_trials(expression: str, numbers: list[int] | None) -> None:
    if numbers is None:
        with pytest.raises(QueryError, match="comparison"):
            TABLE.where(expression)
        return
    assert sorted(TABLE.number[TABLE.where(expression)].tolist()) == numbers


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("value <", "at the end"),
        ("value < 1 )", "found '\\)' at character 11"),
        ("valeu < 1", "did you mean 'value'"),
        ("state == borken", "quotes"),
        ("state == 'runing'", "did you mean"),
        ("lr ; drop", "';' at character 4"),
        ("__import__('os').system('true')", "belongs to no expression"),
        ("(" * 60 + "1 > 0" + ")" * 60, "brackets"),
        ("not " * 60 + "1 > 0", "brackets"),
        ("1 > 0 or " * 400 + "1 > 0", "at most 2,000"),
        ("values[1] > 0", "1 objective"),
        ("'x' ~ opt", "on its left"),
    ],
)
def test_what_is_no_expression_is_refused_with_a_reason(expression: str, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        TABLE.where(expression)


@pytest.mark.parametrize(
    ("key", "descending", "numbers"),
    [
        ("value", False, [4, 2, 0, 3, 1]),
        ("value", True, [3, 0, 2, 4, 1]),
        ("lr", False, [0, 1, 2, 3, 4]),
        ("opt", False, [3, 1, 2, 0, 4]),
        ("my n", True, [3, 1, 0, 2, 4]),
        ("note", False, [3, 1, 4, 0, 2]),
    ],
)
def test_rows_are_sorted_by_number_and_missing_ones_come_last(key: str, descending: bool, numbers: list[int]) -> None:
    assert TABLE.number[TABLE.order(np.arange(len(TABLE)), key, descending)].tolist() == numbers


FLOATS = st.floats(1e-12, 1e3)


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), FLOATS), min_size=1, max_size=20),
    FLOATS,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
)
def test_comparisons_are_those_of_numpy(rows: list[tuple[float, float]], limit: float, sign: str) -> None:
    made = table([y for y, _ in rows], [lr for _, lr in rows], ["sgd"] * len(rows))
    compare = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
    expected = compare[sign](made.x[:, made.space.names.index("lr")], limit)  # type: ignore[union-attr]  # it has one
    assert (made.where(f"lr {sign} {limit!r}") == expected).all()


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_a_query_error(text: str) -> None:
    with suppress(QueryError):
        TABLE.where(text)


def test_waiting_and_running_trials_have_rows() -> None:
    study = ts.create_study(seed=0, space={"x": Float(0, 1)})
    study.enqueue_trial({"x": 0.25})
    study.enqueue_trial({"x": 0.5})
    study.ask()
    waiting = study.get_trials(states=[ts.TrialState.WAITING])
    made = TrialTable.of(study.history, study.signs, waiting)
    assert made.number[made.where("state == running and x == 0.25")].tolist() == [0]
    assert made.number[made.where("state == waiting and x == 0.5")].tolist() == [1]


def test_integers_of_any_size_are_compared_exactly() -> None:
    notes = [10**400, 2**53 + 1, 2**53, -(10**400), 0.5]
    made = table([0.0] * 5, [1.0] * 5, ["sgd"] * 5, notes)
    assert made.number[made.order(np.arange(5), "note")].tolist() == [3, 4, 2, 1, 0]
    for expression, numbers in {
        "note > 1e300": [0],
        f"note == {2**53 + 1}": [1],
        f"note < {2**53 + 1}": [2, 3, 4],
        f"note >= {10**400}": [0],
        f"number < {10**400} and value < {10**400}": [0, 1, 2, 3, 4],
        f"value == {10**400}": [],
        "note in (0.5, 9007199254740992)": [2, 4],
    }.items():
        assert made.number[made.where(expression)].tolist() == numbers, expression
