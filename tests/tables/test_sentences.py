"""What `tune` says, read by a person: an error has one sign, counts agree, and what was not tried has not failed."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.tree import DecisionTreeRegressor

import tunesmith
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import TrialState
from tunesmith.report import write_report
from tunesmith.selection import Report
from tunesmith.study.answer import answer, sureness
from tunesmith.tables import responses
from tunesmith.tables.budget import Budget
from tunesmith.tables.responses import Measure
from tunesmith.tables.target import read_target

pd = pytest.importorskip("pandas")

X, Y = load_diabetes(return_X_y=True)
QUICK: dict[str, Any] = {"cv": 2, "timeout": None, "random_state": 0, "verbose": False}


def markdown(search: Any, lang: str = "en") -> str:
    return write_report(search, format="md", lang=lang).replace("\\", "")


@pytest.fixture(scope="module")
def errors() -> Any:
    return tunesmith.tune(["linear", "tree"], X, Y, scoring="neg_mean_absolute_error", n_trials=6, **QUICK)


def test_an_error_is_a_positive_number_that_is_minimised_wherever_it_is_told(errors: Any) -> None:
    study, board = errors.study_, errors.leaderboard_.to_frame()
    assert study.direction == "minimize"
    assert study.metric_names == ["mean absolute error"]
    assert study.best_value == pytest.approx(-errors.cv_results_["mean_test_score"].max())
    assert all(min(t.user_attrs["scores"]) > 0 for t in study.trials if t.state is TrialState.COMPLETE)
    found = study.recommend()
    assert 0 < found.interval[0] <= found.value <= found.interval[1]
    assert (board["low"] <= board["score"]).all()
    assert (board["score"] <= board["high"]).all()
    assert (board["score"] > 0).all()
    assert errors.best_score_ < 0, "what scikit-learn has is as scikit-learn has it"
    page = markdown(errors) + errors.study_.report(format="md").replace("\\", "")
    assert "The objective, mean absolute error, is minimised." in page
    for odd in ("maximi", "neg_", "objective is", "reaches up"):
        assert odd not in page
    assert not re.search(r"(?<![\w.])-\d\d", page), "no error has a minus"
    assert "of mean absolute error" in page
    assert "What shuffling a column adds to mean absolute error" in str(errors.explain(n_repeats=1, n_folds=2))


@pytest.mark.chinese
def test_what_is_told_in_a_report_is_said_in_the_readers_language(errors: Any) -> None:
    for sentence in errors.report_.sentences():
        assert Words("zh").told(sentence) != sentence
    page = markdown(errors, "zh")
    assert "在新数据上的期望平均绝对误差" in page
    assert "可信的平均绝对误差" in page
    for note, words in {
        "forest was not tried: a fit would take about 2.8 h.": "没有尝试 forest",
        "1 of 3 candidates of tree failed: RuntimeError: no such depth": "tree 的 3 个候选中有 1 个失败",
        read_target(pd.Series([1.0, 2.0, 3.0, 4.0] * 3 + [7.0], name="price")).notes[0]: "'price' 在",
    }.items():
        assert Words("zh").told(note).startswith(words)


def test_a_scorer_object_of_an_error_is_called_and_shown_as_one() -> None:
    label = Measure.of(make_scorer(mean_absolute_error, greater_is_better=False), None).label
    assert (label.name, label.sign, label.greater_is_better) == ("mean absolute error", -1, False)
    assert Measure.of(make_scorer(mean_absolute_error), None).label.name == "score"


def test_what_there_is_no_time_for_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def affordable(self: Budget, family: Any, screen: int) -> bool:
        return family.name != "linear" or len(self.standings.candidates) < 3

    monkeypatch.setattr(Budget, "affordable", affordable)
    search = tunesmith.tune(["linear", "tree"], X, Y, n_trials=16, **QUICK)
    study = search.study_
    untimely = [t for t in study.trials if t.reason == "there was no time for it"]
    assert untimely
    assert {t.state for t in untimely} == {TrialState.PRUNED}
    assert TrialState.FAIL not in study.counts
    told_of = re.search(
        r"Of (\d+) trials, (\d+) were evaluated, by (\d+) fits in all; the other (\d+) ", str(search.report_)
    )
    assert told_of is not None
    trials, evaluated, fits, others = map(int, told_of.groups())
    assert trials == len(study.trials) == evaluated + others
    assert (evaluated, fits) == (search.report_.n_candidates, search.report_.n_fits)
    assert f"Chosen from {evaluated} configurations" in str(search.report_)
    page = markdown(search)
    assert f"{trials} trials; report of" in page
    assert sum(place.tried for place in search.leaderboard_.places if place.model != "ensemble") == evaluated
    assert "failed" not in page
    assert "First mend" not in answer(study.snapshot()).next


def test_a_family_that_is_too_slow_to_try_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(self: Budget, family: Any) -> float:
        return 1e4 if family.name == "forest" else 0.0

    monkeypatch.setattr(Budget, "usual_seconds", seconds)
    monkeypatch.setattr(Budget, "affordable", lambda self, family, screen: family.name != "forest")
    search = tunesmith.tune(["linear", "forest"], X, Y, cv=2, timeout=60, n_trials=3, random_state=0, verbose=False)
    assert "forest was not tried: a fit would take about 2.8 h." in search.report_.notes
    assert "failed" not in str(search.report_)
    (place,) = (one for one in search.leaderboard_.places if one.model == "forest")
    assert (place.tried, str(place.why)) == (0, "a fit would take about 2.8 h")


def test_a_failure_of_some_candidates_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fits = responses.fit_model, []

    def fitted(model: Any, *rows: Any) -> Any:
        if isinstance(model[-1], DecisionTreeRegressor):
            fits.append(model)
            if len(fits) == 3:  # of the second tree, the first fold
                raise RuntimeError("no such depth")
        return real(model, *rows)

    monkeypatch.setattr(responses, "fit_model", fitted)
    search = tunesmith.tune(["linear", "tree"], X, Y, n_trials=10, ensemble=False, **QUICK)
    n = sum(t.params["model"] == "tree" for t in search.study_.trials if "nearly" not in (t.reason or ""))
    assert n > 1
    assert search.study_.counts[TrialState.FAIL] == 1
    said = f"1 of {n} candidates of tree failed: RuntimeError: no such depth"
    assert said in search.report_.notes


def test_a_report_offers_no_flags_and_shows_no_curve_of_one_point(errors: Any) -> None:
    page = markdown(errors)
    assert "flags" not in page
    assert "Intermediate values" not in page
    assert "All trials together took" in page


def test_an_average_of_models_is_told_in_words_and_not_as_parameters() -> None:
    report = Report(None, {"ensemble": "60 % svm, 40 % linear"}, n_candidates=7)
    assert report.verdict() == "Chosen from 7 configurations: an average of models (60 % svm, 40 % linear)."


def test_a_target_is_called_by_its_column() -> None:
    prices = pd.Series([1.0, 2.0, 3.0, 4.0] * 3 + [7.0], name="price")
    assert read_target(prices).notes[0].startswith("'price' has 5 different")
    assert read_target(prices.to_numpy()).notes[0].startswith("y has 5 different")
    with pytest.raises(ValueError, match="every value of 'price' is 1"):
        read_target(prices * 0 + 1)


def test_noise_is_not_to_be_relied_on() -> None:
    rng = np.random.default_rng(0)
    noise = tunesmith.tune(["linear", "tree"], rng.normal(size=(80, 3)), rng.normal(size=80), n_trials=4, **QUICK)
    found = noise.study_.recommend()
    assert noise.honest_score_.has_skill is False
    assert sureness(noise.study_.snapshot(), found).why == "It may be no better than a guess that sees no feature."
    assert answer(noise.study_.snapshot()).next.startswith("Do not rely on it yet")
    few = tunesmith.tune(["linear"], X[:16], X[:16, 2], n_trials=2, **QUICK)
    assert sureness(few.study_.snapshot(), few.study_.recommend()).name == "Not sure", (
        "whatever the interval of so few rows"
    )
    good = tunesmith.tune(["linear"], X, Y, n_trials=2, **QUICK)
    assert sureness(good.study_.snapshot(), good.study_.recommend()).name == "Sure"
    assert answer(good.study_.snapshot()).next.startswith("Use it")


def test_xgboost_whose_time_is_up_at_once_has_not_failed() -> None:
    xgboost = pytest.importorskip("xgboost")
    from tunesmith.tables.rounds import EarlyStopped

    model = EarlyStopped(xgboost.XGBRegressor(), ends=time.monotonic() - 1.0).fit(X, Y)
    assert model.n_rounds_ >= 1
    assert np.isfinite(model.predict(X)).all()


def test_sentences_end_between_words_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tunesmith.foundation.languages import wrapped_for_terminal

    text = "Chosen from 3 configurations: neg_mean_absolute_error and more-of-it\n  indented_and_long_without_a_blank"
    assert wrapped_for_terminal(text) == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "32")
    lines = wrapped_for_terminal(text).split("\n")
    assert " ".join(lines[:-1]) == text.split("\n")[0]
    assert lines[-1] == text.split("\n")[1]
