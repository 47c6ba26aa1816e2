"""A study read once: what a snapshot says is what the study said, stays so, and costs one read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.foundation.states import TrialState
from tunesmith.importance import importance
from tunesmith.report import write_report
from tunesmith.study.recommend import recommend
from tunesmith.study.snapshot import Snapshot, read_snapshot
from tunesmith.visualization import plot_slice


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("twice", 2 * x)
    for step in range(3):
        trial.report(x + 1 / (step + 1), step)
        if step == 1 and trial.number % 4 == 3:
            raise ts.TrialPruned
    if trial.number % 7 == 6:
        raise ArithmeticError("seven")
    return (x - 0.3) ** 2


@pytest.fixture(params=["memory", "sqlite"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> ts.Study:
    storage = None if request.param == "memory" else tmp_path / "a.db"
    made = ts.create_study(storage=storage, sampler="random", seed=0)
    made.optimize(objective, n_trials=20, catch=ArithmeticError)
    made.enqueue_trial({"x": 0.5})
    return made


def facts(of: ts.Study | Snapshot) -> list[str]:
    """What a study and a snapshot of it both say, as text, in which NaN is equal to itself."""
    said: list[Any] = [
        (of.study_name, of.study_id, of.seed, of.directions, of.signs, of.metric_names),
        (dict(of.user_attrs), dict(of.system_attrs), of.stored_stop_reason),
        (of.counts, of.tally, of.space, of.explain()),
        (of.trials, of.best_trials, of.find_best()),
        (of.get_trials(states=[TrialState.FAIL]), of.get_trials(numbers=[5, 2])),
        (of.history.number.tolist(), of.history.y.tolist(), of.history.curves.numbers),
    ]
    return list(map(str, said))


def test_a_snapshot_says_what_the_study_says(study: ts.Study) -> None:
    study.set_user_attr("who", "me")
    assert facts(study.snapshot()) == facts(study)
    assert facts(read_snapshot(study.storage, study.study_name)) == facts(study)
    assert str(recommend(study.snapshot())) == str(study.recommend())
    assert str(importance(study.snapshot())) == str(importance(study))
    assert plot_slice(study.snapshot(), backend="arrays").to_dict() == plot_slice(study, backend="arrays").to_dict()
    assert write_report(study.snapshot(), format="md").splitlines()[4:] == study.report(format="md").splitlines()[4:]


def other(trial: ts.Trial) -> float:
    trial.set_constraint("c", 1.0)
    return trial.suggest_float("z", 0, 1)


def test_what_is_told_later_does_not_change_it(study: ts.Study) -> None:
    running = study.ask()
    running.suggest_float("x", 0, 1)
    running.report(1.0, 0)
    seen = study.snapshot()
    before = [*facts(seen)[:3], seen.history.curves.of(running.number), seen.history.y.tolist(), seen.history.running]
    running.report(0.5, 1)
    study.tell(running, 0.0)
    study.optimize(other, n_trials=30)
    study.set_user_attr("who", "me")
    after = [*facts(seen)[:3], seen.history.curves.of(running.number), seen.history.y.tolist(), seen.history.running]
    assert str(after) == str(before)
    assert (len(seen.trials), len(seen.history), len(study.trials)) == (21, 20, 51)
    assert (seen.history.names, study.history.names) == (("x",), ("x", "z"))


def test_nothing_new_is_the_same_snapshot(study: ts.Study) -> None:
    seen = study.snapshot()
    assert study.snapshot(seen) is seen
    for change in (
        lambda: study.set_user_attr("who", "me"),
        lambda: study.enqueue_trial({"x": 0.25}),
        lambda: study.ask().report(1.0, 0),
    ):
        change()
        before, seen = seen, study.snapshot(seen)
        assert seen is not before


def test_a_part_has_some_trials_alone(study: ts.Study) -> None:
    seen = study.snapshot()
    rows = seen.table.where("x < 0.5 or state == waiting")
    part = seen.only(seen.table.number[rows])
    assert part.numbers_in() == sorted(seen.table.number[rows].tolist()) == [t.number for t in part.trials]
    assert sum(part.counts.values()) == part.n_trials < seen.n_trials
    assert part.counts[TrialState.WAITING] == 1
    assert not (part.history.x[:, 0] >= 0.5).any()
    drawn = plot_slice(part, backend="arrays")
    assert set(drawn.number.tolist()) <= set(part.numbers_in())
    assert np.isin(part.history.y, seen.history.y).any()


# -- what one look costs: statements have no noise ------------------------------------------------------------------


@pytest.fixture
def statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite is told of this test's files: a study that an earlier test left says in its thread that it lives."""
    said: list[str] = []
    connect = sqlite3.connect

    def watched(place: Any, *given: Any, **more: Any) -> sqlite3.Connection:
        made = connect(place, *given, **more)
        if tmp_path.name in str(place):
            made.set_trace_callback(said.append)
        return made

    monkeypatch.setattr(sqlite3, "connect", watched)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", watched)
    return said


@pytest.mark.parametrize(
    ("command", "most"),
    # The first two also read what was logged: a transaction of four statements, and one of three for the figure of it.
    [(["show"], 28), (["report", "-o", "r.html"], 38), (["best"], 24), (["importance"], 24)],
)
def test_a_command_reads_a_study_once(
    tmp_path: Path, statements: list[str], monkeypatch: pytest.MonkeyPatch, command: list[str], most: int
) -> None:
    monkeypatch.chdir(tmp_path)
    study = ts.create_study(storage="a.db", sampler="random", seed=0)
    study.optimize(lambda t: sum(t.suggest_float(f"x{i}", 0, 1) for i in range(4)), n_trials=30)
    del study
    statements.clear()
    assert main([command[0], "a.db", *command[1:]]) == 0
    assert 0 < len(statements) <= most, "\n".join(statements)


def test_a_figure_reads_a_study_once(tmp_path: Path, statements: list[str]) -> None:
    study = ts.create_study(storage=tmp_path / "a.db", study_name="a", sampler="random", seed=0)
    study.optimize(lambda t: sum(t.suggest_float(f"x{i}", 0, 1) for i in range(4)), n_trials=30)
    study = ts.load_study(storage=tmp_path / "a.db", study_name="a")
    statements.clear()
    plot_slice(study, backend="arrays")
    assert 0 < len(statements) <= 10, statements
    seen = study.snapshot()
    statements.clear()
    plot_slice(seen, backend="arrays")
    assert not statements
