"""Reports and model cards of what `tunesmith.tune` returned."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, r2_score
from tests.visualization.studies import tuned

from tunesmith.cli.main import cli
from tunesmith.errors import NothingToDrawError
from tunesmith.report import write_report
from tunesmith.tables import report as told
from tunesmith.tables.figures.calibration import calibration
from tunesmith.tables.figures.confusion import confusion
from tunesmith.tables.figures.predictions import predictions
from tunesmith.tables.figures.residuals import residuals
from tunesmith.tables.learning import LearningCurve
from tunesmith.tables.out_of_fold import LEAST_IN_BIN, OutOfFold
from tunesmith.tables.out_of_fold import calibration as bins_of
from tunesmith.tables.report import TableResults

FILES = {"target": "price", "table": "train.csv", "model": "m.skops", "again": "train.tune.toml"}


@pytest.mark.parametrize("classes", [True, False])
def test_what_is_out_of_fold_has_the_score_of_the_folds(classes: bool) -> None:
    known = tuned(classes).out_of_fold_
    assert len(known.rows) == len(set(known.rows.tolist())) == 240
    score = (accuracy_score if classes else r2_score)(known.y, known.predictions)
    assert score == pytest.approx(tuned(classes).honest_score_.value, abs=0.05)
    assert known.off.mean() == pytest.approx(1 - score if classes else (known.y - known.answers).mean())


@pytest.mark.parametrize("classes", [True, False])
def test_a_report_says_each_thing_once(classes: bool) -> None:
    text = write_report(TableResults(tuned(classes), **FILES), format="md")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## The best of each kind of model", "## On rows that it was not fitted on", "## Which columns matter",
        "## Whether more rows or a longer search would help", "## How to use it", "## How that was found",
    ]  # fmt: skip
    for said in ("A prediction takes about", "tunesmith predict m.skops NEW_TABLE -o predictions.csv", "Twice the rows",
                 "tunesmith tune train.tune.toml", "What shuffling a column costs"):  # fmt: skip
        assert text.count(said) == 1, said
    params = tuned(classes).best_params_
    if not classes:
        assert text.count(repr(params)) == 1
    assert ("Most often" in text) == classes
    assert ("Half of the predictions are off by" in text) != classes


def test_what_would_take_too_long_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(told, "SHARE", 0.0)
    text = write_report(TableResults(tuned()), format="md")
    assert "search.explain() works it out" in text
    assert "search.learning\\_curve() works it out" in text
    assert "Twice the rows" not in text


def test_a_pickle_has_a_report_without_what_needs_its_rows() -> None:
    copy = pickle.loads(pickle.dumps(tuned()))
    copy.study_ = tuned().study_
    text = write_report(copy, format="md")
    assert "What shuffling" not in text
    assert "Most often" in text
    with pytest.raises(NothingToDrawError, match="plot_residuals: it needs the rows as a table"):
        residuals(copy, "kind")


def test_a_model_card_has_what_programs_and_people_look_for(tmp_path: Path) -> None:
    text = write_report(TableResults(tuned(), **FILES), tmp_path / "card.md", format="card")
    _, head, body = text.split("---\n", 2)
    facts = {name: json.loads(value) for name, _, value in (line.partition(": ") for line in head.splitlines())}
    assert facts["pipeline_tag"] == "tabular-classification"
    assert facts["metrics"][0]["low"] < facts["metrics"][0]["value"] < facts["metrics"][0]["high"]
    for said in ("# A model of price", "240 rows and 2 columns of train.csv", "It predicts price of rows", "lambda |",
                 "## Where it falls short", "m.skops"):  # fmt: skip
        assert said in body
    with pytest.raises(TypeError, match=r"a model card is of what tunesmith\.tune returned"):
        write_report(tuned().study_, format="card")


@pytest.mark.chinese
@pytest.mark.parametrize("classes", [True, False])
def test_reports_and_cards_are_chinese(classes: bool) -> None:
    for form in ("md", "card"):
        text = write_report(TableResults(tuned(classes)), format=form, lang="zh")
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        assert "各列的重要性" in text or "怎样使用" in text
        for english in ("Which", "What shuffling", "Twice", "Most often", "Half of", "Along", "rows"):
            assert english not in text


def test_bins_have_as_many_rows_each_and_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(60):
        sure = rng.uniform(0.5, 1.0, 400)
        answers = np.column_stack([sure, 1.0 - sure])
        y = (rng.random(400) > sure).astype(int)  # as often right as it is sure
        made = bins_of(OutOfFold(np.arange(400), y, answers, np.array(["a", "b"])))
        assert sum(b.n for b in made) == 400
        assert min(b.n for b in made) >= LEAST_IN_BIN
        held += [b.interval[0] <= b.at <= b.interval[1] for b in made]
    assert 0.92 < np.mean(held) < 0.98


def test_a_curve_tells_what_twice_the_rows_bring() -> None:
    n = np.array([100, 200, 400])
    scores = 0.9 - 2.0 * n[:, None] ** -0.5 + np.array([[0.0, 0.01]])
    gain, error = LearningCurve(n, scores, "accuracy", True).gain_of_twice()
    assert gain == pytest.approx(2.0 * (400**-0.5 - 800**-0.5))
    assert error == pytest.approx(0.0, abs=1e-12)
    gain, _ = LearningCurve(n, 1.0 - scores, "error", False).gain_of_twice()
    assert gain == pytest.approx(2.0 * (400**-0.5 - 800**-0.5)), "an error that falls gets better"


def test_where_it_is_wrong_is_told_beyond_chance_only() -> None:
    search: Any = type("Search", (), {})()
    rng = np.random.default_rng(0)
    size, noise = rng.uniform(0, 1, 2000), rng.normal(0, 1, 2000)
    for shift, said in ((0.0, "there is no place where it is off"), (2.0, "predictions are too low by 1.99")):
        y = noise + shift * (size > 0.9)
        search.out_of_fold_ = OutOfFold(np.arange(2000), y, np.zeros(2000), None)
        search.target_, search._data = type("Target", (), {"classes": None}), (np.column_stack([size, noise]),)
        assert said in residuals(search, 0).summary


def test_what_figures_refuse() -> None:
    for make in (confusion, calibration, predictions):
        with pytest.raises(TypeError, match=r"takes what tunesmith\.tune returned; got 3"):
            make(3)
    with pytest.raises(NothingToDrawError, match="plot_confusion: the targets are numbers"):
        confusion(tuned(classes=False))
    with pytest.raises(NothingToDrawError, match="plot_predictions: the targets are classes"):
        predictions(tuned())
    with pytest.raises(ValueError, match="there is no column 'kin'; did you mean 'kind'"):
        residuals(tuned(), "kin")


def test_the_command_writes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skops")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    rows = "\n".join(f"{a:.4f},{'yes' if a + b > 0 else 'no'}" for a, b in x.tolist())
    Path("train.csv").write_text(f"x,ill\n{rows}\n")
    command = ["tune", "train.csv", "--target", "ill", "--models", "tree", "--trials", "3", "--quiet", "--seed", "0"]
    done = CliRunner().invoke(cli, [*command, "--report", "r.html", "--card", "card.md"])
    assert done.exit_code == 0, done.output
    assert "card: card.md" in done.output
    assert "tunesmith predict train.skops NEW_TABLE" in Path("r.html").read_text()
    assert "# A model of ill" in Path("card.md").read_text()
    done = CliRunner().invoke(cli, [*command, "--card", "card.md"])
    assert done.exit_code == 2
    assert "--force" in done.output
