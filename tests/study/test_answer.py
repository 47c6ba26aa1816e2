"""How sure an answer is and what to do next do not contradict one another, wherever they are told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.languages import Words, say
from tunesmith.report.banner import banner_of, forms_of
from tunesmith.selection.report import AVERAGE, Written
from tunesmith.study.answer import next_step, sureness
from tunesmith.study.recommend import NOISY, Recommendation, recommend
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.summary import middle

NOTE = say(NOISY, 0.1)


@pytest.fixture(scope="module")
def study() -> Snapshot:
    made = ts.create_study(sampler="random", seed=0)
    made.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2, n_trials=20)
    return made.snapshot()


def found(study: Snapshot, width: float, *, noisy: bool) -> Recommendation:
    """What is recommended, if its interval were so many gains over a typical trial wide."""
    known = recommend(study)
    half = 0.5 * width * abs(middle(study) - known.value)
    notes: tuple[Any, ...] = (NOTE,) if noisy else ()
    return replace(known, interval=(known.value - half, known.value + half), notes=notes, method="posterior")


@pytest.mark.parametrize(
    ("width", "noisy", "sure", "todo"),
    [
        (0.1, True, "Sure", "Use it|Search on: the best trial"),
        (0.1, False, "Sure", "Use it|Search on: the best trial"),
        (1.0, True, "Fairly sure", "Run the best points again"),
        (3.0, True, "Not sure", "Run the best points again"),
        (3.0, False, "Not sure", "Search on: the interval is wide"),
        (math.inf, False, "Not known", "Run more trials|Search on|Use it"),
    ],
)
def test_what_is_sure_is_not_to_be_confirmed_and_what_is_not_is_not_simply_used(
    study: Snapshot, width: float, noisy: bool, sure: str, todo: str
) -> None:
    known = found(study, width, noisy=noisy)
    assert sureness(study, known).name == sure
    assert next_step(study, known, sureness(study, known)).startswith(tuple(todo.split("|")))


def test_how_sure_it_is_has_the_gain_over_a_typical_trial_and_what_it_is_known_to(study: Snapshot) -> None:
    known = found(study, 0.1, noisy=False)
    gain = middle(study) - known.value
    why = sureness(study, known).why
    assert why == f"About {gain:.2g} better than a typical trial; the value is known to ± {0.05 * gain:.2g}."
    assert sureness(study, found(study, 0.0, noisy=False)).name == "Sure"
    worse = replace(known, value=middle(study) + 1.0)
    assert sureness(study, worse).why.startswith("It is no better than a typical trial")
    assert sureness(study, worse).level == "bad"


def test_why_it_is_not_the_trial_with_the_best_value_is_one_sentence() -> None:
    made = ts.create_study(sampler="random", seed=0)
    rng = np.random.default_rng(0)
    made.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2 + rng.normal(0, 0.3), n_trials=40)
    known = made.recommend()
    best = made.best_trial
    assert known.trial is not None
    assert known.trial.number != best.number
    assert known.lucky is not None
    assert known.lucky[0] == best.number
    assert known.lucky[1] >= known.value
    assert known.why_not_best_seen().startswith(f"Trial {best.number} had the best value, ")
    few = ts.create_study(sampler="random", seed=0)
    few.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    assert few.recommend().why_not_best_seen() == "", "it is that trial"


def test_the_report_says_both(study: Snapshot) -> None:
    lines = banner_of(study, Words("en")).said(Words("en"))
    known = recommend(study)
    assert lines["How sure that is"][0] == f"{sureness(study, known).name}: {sureness(study, known).why}"
    assert lines["What to do next"] == [next_step(study, known, sureness(study, known))]


def test_what_no_program_takes_is_copied_as_python_only() -> None:
    assert set(forms_of({"x": 1.0})) == {"Python", "flags", "YAML"}
    assert set(forms_of({"x": Written("RBF()")})) == set(forms_of({"x": 1.0}, is_program=False)) == {"Python"}
    assert not forms_of({AVERAGE: "60 % svm"}), "an average of models is no set of parameters"
