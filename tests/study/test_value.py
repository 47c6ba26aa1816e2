"""Which report is the result of a trial, patience, the checkpoint that is kept, and the note on the best of many."""

from __future__ import annotations

import math
import os
import random
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner
from tunesmith.study.recommend import best_of_reports
from tunesmith.trial import load_state
from tunesmith.trial.result import Patience, best_step, checked_value, result_of

WAYS = ("last", "best", "mean of the last 3")
LOSSES = (5.0, 3.0, 4.0, 2.0, 6.0, 7.0, 8.0)
numbers = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


def made(**options: Any) -> ts.Study:
    return ts.create_study(seed=0, sampler="random", **{"pruner": "nop", **options})


def reports(trial: ts.Trial, losses: tuple[float, ...] = LOSSES, first: int = 1) -> None:
    for step, loss in enumerate(losses, first):
        trial.report(loss, step)


def brute_force(curve: dict[int, float], value: str, maximize: bool) -> float:
    """The definition, in the plainest words."""
    ordered = [curve[step] for step in sorted(curve)]
    if value == "best":
        known = [loss for loss in ordered if not math.isnan(loss)]
        return (max if maximize else min)(known) if known else math.nan
    last = ordered[-1:] if value == "last" else ordered[-3:]
    if {math.inf, -math.inf} <= set(last):
        return math.nan
    return sum(last) / len(last)


@given(st.dictionaries(st.integers(0, 50), numbers, min_size=1, max_size=12), st.sampled_from(WAYS), st.booleans())
def test_the_result_is_that_of_the_definition(curve: dict[int, float], value: str, maximize: bool) -> None:
    found, wanted = result_of(curve, value, -1.0 if maximize else 1.0), brute_force(curve, value, maximize)
    assert found == pytest.approx(wanted, nan_ok=True)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.lists(numbers, min_size=1, max_size=5)), min_size=1, max_size=3),
    st.sampled_from(WAYS),
    st.booleans(),
    st.booleans(),
)
def test_reports_of_all_attempts_count(
    attempts: list[tuple[int, list[float]]], value: str, maximize: bool, pruned: bool
) -> None:
    study = made(value=value, direction="maximize" if maximize else "minimize")
    curve: dict[int, float] = {}
    for place, (first, losses) in enumerate(attempts):
        trial = study.ask()
        reports(trial, tuple(losses), first)
        curve = {step: loss for step, loss in curve.items() if step < first} | dict(enumerate(losses, first))
        if place + 1 < len(attempts):
            study.engine.release([trial.number])
    done = study.tell(trial, state=ts.TrialState.PRUNED if pruned else None)
    wanted = brute_force(curve, value, maximize)
    if math.isnan(wanted):
        assert done.value is None
        assert done.state is (ts.TrialState.PRUNED if pruned else ts.TrialState.FAIL)
    else:
        assert done.value == pytest.approx(wanted)
        assert done.state is (ts.TrialState.PRUNED if pruned else ts.TrialState.COMPLETE)
    assert study.trials[0].value == done.value


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("value", "complete", "pruned"), [("last", 8.0, 6.0), ("best", 2.0, 2.0), ("mean of the last 3", 7.0, 4.0)]
)
def test_complete_and_pruned_trials(value: str, complete: float, pruned: float, n_jobs: int, tmp_path: Path) -> None:
    def objective(trial: ts.Trial) -> None:
        reports(trial, LOSSES[:5] if trial.number else LOSSES)
        if trial.number:
            raise ts.TrialPruned

    study = made(value=value, storage=tmp_path / "tune.db", study_name="s")
    study.optimize(objective, n_trials=2, n_jobs=n_jobs)
    again = ts.load_study(study_name="s", storage=tmp_path / "tune.db")
    for known in (study, again):
        assert [(t.state.name, t.value) for t in known.trials] == [("COMPLETE", complete), ("PRUNED", pruned)]
    assert study.best_value == complete


def test_what_is_returned() -> None:
    """Reports decide; where there are none, what is returned does. Another number is told of, once."""
    results: list[Any] = [None, LOSSES[-1], 2.0, math.nan]
    study = made(value="best")

    def objective(trial: ts.Trial) -> Any:
        reports(trial)
        return results[trial.number] if trial.number < len(results) else 0.5

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(objective, n_trials=4)
    with pytest.warns(UserWarning, match=r"trial 4: its result is the best report .* 0\.5, which was returned") as told:
        study.optimize(objective, n_trials=3)
    assert len(told) == 1
    assert [t.value for t in study.trials] == [2.0] * 7

    silent = made(value="best")
    silent.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert silent.trials[0].value == silent.trials[0].params["x"]
    for wrong in (None, "a text"):
        silent.optimize(lambda trial, wrong=wrong: wrong, n_trials=1, catch=ts.errors.ObjectiveError)
    texts = made(value="best")
    texts.optimize(lambda trial: reports(trial) or "a text", n_trials=1, catch=ts.errors.ObjectiveError)
    assert [t.state.name for t in [*silent.trials[1:], *texts.trials]] == ["FAIL"] * 3


def test_without_value_all_is_as_before() -> None:
    study = made()

    def objective(trial: ts.Trial) -> Any:
        reports(trial)
        if trial.number == 2:
            raise ts.TrialPruned
        return [None, 1.5][trial.number]

    study.optimize(objective, n_trials=3, catch=ts.errors.ObjectiveError)
    assert [(t.state.name, t.value) for t in study.trials] == [("FAIL", None), ("COMPLETE", 1.5), ("PRUNED", 8.0)]
    assert "value" not in study.system_attrs


def test_a_result_that_is_told_again_or_from_elsewhere(tmp_path: Path) -> None:
    study = made(value="best", storage=tmp_path / "tune.db", study_name="s")
    other = ts.load_study(study_name="s", storage=tmp_path / "tune.db")
    trial = study.ask()
    reports(trial)
    assert other.tell(trial.number, 8.0).value == 2.0
    assert other.tell(trial.number, 8.0).value == 2.0
    assert study.tell(trial).value == 2.0
    assert other.tell(trial.number).value == 2.0


def test_a_study_keeps_its_value(tmp_path: Path) -> None:
    where: dict[str, Any] = {"storage": tmp_path / "tune.db", "study_name": "s", "load_if_exists": True}
    made(value="best", **where)
    made(value="best", **where)
    made(**where).optimize(reports, n_trials=1)
    with pytest.raises(ValueError, match="the result of its trials is 'best'; got value='last'"):
        made(value="last", **where)
    plain = {**where, "study_name": "plain"}
    made(**plain)
    study = made(value="last", **plain)  # nothing ended yet
    study.optimize(reports, n_trials=1)
    late = {**where, "study_name": "late"}
    made(**late).optimize(lambda trial: 1.0, n_trials=1)
    with pytest.raises(ValueError, match="what the objective returned; got value='best'"):
        made(value="best", **late)
    copied = ts.copy_study(from_study_name="s", from_storage=where["storage"], to_storage=tmp_path / "copy.db")
    copied.optimize(reports, n_trials=1)
    assert [t.value for t in copied.trials] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("bset", ValueError, "did you mean 'best'"),
        ("mean of the last 0", ValueError, "any number from 1 on"),
        ("mean of the last -1", ValueError, "any number from 1 on"),
        ("mean", ValueError, '"last", "best"'),
        (" best", ValueError, '"last", "best"'),
        (5, TypeError, "5"),
    ],
)
def test_wrong_values(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ts.create_study(value=value)
    with pytest.raises(error, match=words):
        made().ask().epochs(3, value=value)


def test_several_objectives_have_no_best_report() -> None:
    with pytest.raises(ValueError, match="leave out value="):
        ts.create_study(directions=["minimize", "maximize"], value="best")
    trial = made(directions=["minimize", "maximize"]).ask()
    for options in ({"value": "best"}, {"patience": 3}):
        with pytest.raises(ValueError, match="no report is the best one"):
            trial.epochs(3, **options)
    with pytest.raises(ValueError, match="leave out rows="):
        trial.report((1.0, 2.0), 1, rows=[1.0, 1.0])


# ------------------------------------------------------------------------------------------------------------ patience


def ends_at(losses: list[float], patience: int, min_delta: float) -> int:
    """The definition: the first epoch that the `patience` last reports, it among them, are not better than before."""
    for epoch in range(1, len(losses)):
        best, since = math.inf, 0
        for loss in losses[:epoch]:
            better = loss < best - min_delta
            best, since = (loss, 0) if better else (best, since + 1)
        if since >= patience:
            return epoch
    return len(losses)


@given(st.lists(numbers, min_size=1, max_size=15), st.integers(1, 4), st.sampled_from([0.0, 1.0, 1e5]), st.booleans())
def test_patience_ends_a_loop(losses: list[float], patience: int, min_delta: float, maximize: bool) -> None:
    study, sign = made(direction="maximize" if maximize else "minimize"), -1.0 if maximize else 1.0
    trial = study.ask()
    for epoch in trial.epochs(len(losses), patience=patience, min_delta=min_delta):
        trial.report(sign * losses[epoch - 1], epoch)
    n = ends_at(losses, patience, min_delta)
    assert max(trial.reports or ()) == n
    done = study.tell(trial)
    if all(map(math.isnan, losses[:n])):
        assert done.state is ts.TrialState.FAIL
        return
    assert done.state is ts.TrialState.COMPLETE
    assert done.value == sign * min(loss for loss in losses[:n] if loss == loss)
    assert (done.system or {}).get("epochs") == (len(losses) if n < len(losses) else None)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"patience": 0}, ValueError),
        ({"patience": True}, TypeError),
        ({"patience": 2.5}, TypeError),
        ({"patience": "3"}, TypeError),
        ({"patience": 3, "min_delta": -1.0}, ValueError),
        ({"patience": 3, "min_delta": math.nan}, ValueError),
        ({"patience": 3, "min_delta": "x"}, TypeError),
    ],
)
def test_wrong_patience(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"patience= takes|min_delta= takes"):
        made().ask().epochs(3, **options)


def test_epochs_that_patience_left_out_are_saved() -> None:
    def objective(trial: ts.Trial) -> None:
        for epoch in trial.epochs(20, patience=3):
            trial.report(abs(epoch - 5.0), epoch, cost=2.0)

    study = made()
    study.optimize(objective, n_trials=4)
    saved = study.savings
    assert saved is not None
    assert (saved.early, saved.pruned, saved.reports, saved.full_reports) == (4, 0, 4 * 8, 4 * 20)
    assert (saved.cost, saved.full_cost) == (64, 160)
    assert str(saved).startswith(
        "4 of 4 trials ended by their patience: 32 of 80 reports of full runs were made, for 40%"
    )
    assert {t.value for t in study.trials} == {0.0}
    assert study.system_attrs["value"] == "best"

    pruned = made(pruner="median")

    def stops(trial: ts.Trial) -> None:
        for epoch in trial.epochs(20, patience=3):
            trial.report(abs(epoch - 5.0) + trial.number, epoch)
            if trial.number == 7 and epoch == 2:
                raise ts.TrialPruned

    pruned.optimize(stops, n_trials=8)
    assert "7 others ended by their patience." in str(pruned.savings)


def test_a_loop_says_which_report_counts() -> None:
    study = made(value="last")
    with pytest.raises(ValueError, match="'last', which it keeps"):
        study.ask().epochs(3, value="best")
    trial = study.ask()
    for epoch in trial.epochs(10, patience=2):
        trial.report(float(epoch), epoch)
    assert study.tell(trial).value == 3.0, "patience alone leaves the study's value as it is"
    own = made()
    trial, other = own.ask(), own.ask()
    for epoch in trial.epochs(3, value="mean of the last 2"):
        trial.report(float(epoch), epoch)
    assert own.tell(trial).value == 2.5
    reports(other)
    assert own.tell(other, 1.0).value == 1.0, "it began before"
    later = own.ask()
    reports(later)
    assert own.tell(later).value == 7.5


# ------------------------------------------------------------- the checkpoint that is kept, and runs that are cut off


class EachEpoch(Pruner):
    """Pauses a trial after each epoch, and goes on with the first of those that pause."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return history.paused[0] if history.paused else None


def train(trial: ts.Trial, **options: Any) -> None:
    state = {"weight": trial.suggest_float("start", 0.0, 1.0), "seen": []}
    for epoch in trial.epochs(12, state, value="best", patience=4, **options):
        state["weight"] += random.random() - 0.5
        state["seen"].append(epoch)
        trial.report(abs(state["weight"]), epoch)
        if trial.should_prune():
            raise ts.TrialPruned


def results(study: ts.Study) -> list[tuple[Any, ...]]:
    return [(t.state, t.value, dict(t.intermediate_values), (t.system or {}).get("epochs")) for t in study.trials]


def kept(study: ts.Study, number: int, folder: Path) -> dict[str, Any]:
    """Return the state that was kept of a trial; it must be that of its best report."""
    trial, state = study.trials[number], {"weight": 0.0, "seen": []}
    epoch = load_state(study.artifacts.of(number).download("best", folder / f"{study.study_name}{number}"), state)
    assert epoch == best_step(trial.intermediate_values, 1.0)
    assert state["seen"] == list(range(1, epoch + 1))
    assert abs(state["weight"]) == trial.value
    return state


@pytest.mark.parametrize("options", [{}, {"background": True}, {"checkpoint_every": 100}, {"checkpoint_every": "1 h"}])
def test_a_paused_run_ends_as_an_undisturbed_one(options: dict[str, Any], tmp_path: Path) -> None:
    undisturbed, paused = made(study_name="u"), made(pruner=EachEpoch(), study_name="p")
    undisturbed.optimize(train, n_trials=4)
    paused.optimize(lambda trial: train(trial, **options), n_trials=4)
    assert results(paused) == results(undisturbed)
    assert {t.state for t in paused.trials} == {ts.TrialState.COMPLETE}
    assert any("epochs" in (t.system or {}) for t in paused.trials)
    for number in range(4):
        assert kept(paused, number, tmp_path) == kept(undisturbed, number, tmp_path)
        assert list(paused.artifacts.of(number)) == ["best"]


def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed = made(study_name="u")
    undisturbed.optimize(train, n_trials=1)
    last = undisturbed.trials[0].last_step
    assert last is not None
    assert "epochs" in (undisturbed.trials[0].system or {}), "its patience ended it"

    def objective(trial: ts.Trial) -> None:
        report = trial.report

        class Dies:
            def __getattr__(self, name: str) -> Any:
                return getattr(trial, name)

            def report(self, value: float, step: int) -> None:
                report(value, step)
                if step == dies_at and trial.attempt == 1:
                    os.kill(os.getpid(), signal.SIGKILL)

        train(Dies())  # type: ignore[arg-type]  # it stands for the trial

    for dies_at in (1, last - 1, last):
        study = made(storage=tmp_path / f"{dies_at}.db", study_name=f"k{dies_at}")
        study.optimize(objective, n_trials=1, executor="processes")
        assert results(study) == results(undisturbed)
        assert study.trials[0].attempt == 2
        beside = tmp_path / str(dies_at)
        beside.mkdir()
        assert kept(study, 0, tmp_path) == kept(undisturbed, 0, beside)


@pytest.mark.parametrize("losses", [(3.0, 2.0, 1.0), (1.0, 2.0, 3.0), (2.0, 1.0, 1.0), (math.nan, 2.0, 3.0)])
@pytest.mark.parametrize("pruned", [False, True])
def test_the_checkpoint_of_the_best_report_is_kept(losses: tuple[float, ...], pruned: bool, tmp_path: Path) -> None:
    study = made(value="best")

    def objective(trial: ts.Trial) -> None:
        state = {"epoch": 0}
        for epoch in trial.epochs(3 if not pruned else 5, state):
            state["epoch"] = epoch
            trial.report(losses[epoch - 1], epoch)
            if pruned and epoch == 3:
                raise ts.TrialPruned

    study.optimize(objective, n_trials=1)
    assert list(study.artifacts.of(0)) == ["best"]
    state = {"epoch": 0}
    assert load_state(study.artifacts.of(0).download("best", tmp_path / "best"), state) == state["epoch"]
    assert losses[state["epoch"] - 1] == study.trials[0].value == np.nanmin(losses)


def test_files_of_the_user(tmp_path: Path) -> None:
    """A better report without a checkpoint leaves none: one of a worse report would be taken for that of the best."""
    for saves, wanted in (((1, 2, 3, 4), "3"), ((1, 2), None), ((1, 3), "3")):
        study = made(value="best")
        trial = study.ask()
        for epoch, loss in enumerate((3.0, 2.0, 1.0, 2.0), 1):
            if epoch in saves:
                (trial.checkpoint_dir / "mine").write_text(str(epoch))
            trial.report(loss, epoch)
        study.tell(trial)
        own = study.artifacts.of(0)
        assert list(own) == (["best"] if wanted else [])
        if wanted:
            assert (own.download("best", tmp_path / f"{len(saves)}{saves[-1]}") / "mine").read_text() == wanted


def test_nothing_is_kept_where_another_report_counts(tmp_path: Path) -> None:
    study = made(value="last")
    study.optimize(lambda trial: [trial.report(1.0, epoch) for epoch in trial.epochs(3, {"a": 1})] and None, n_trials=1)
    assert not study.artifacts.everything()
    with pytest.raises(FileNotFoundError, match="holds no state"):
        load_state(tmp_path, {})
    with pytest.raises(TypeError, match="dict of names"):
        load_state(tmp_path, [1])  # type: ignore[arg-type]  # what users may give


def test_the_disk_has_a_budget(tmp_path: Path) -> None:
    def objective(trial: ts.Trial) -> None:
        state = {"much": bytes([trial.number]) * 100_000}
        for epoch in trial.epochs(2, state):
            trial.report(abs(trial.number - 2.0) + epoch, epoch)

    study = made(value="best", storage=tmp_path / "tune.db")
    study.optimize(objective, n_trials=5, checkpoint_budget="250 kB")
    left = [number for number in range(5) if list(study.artifacts.of(number))]
    assert left == [2, 3] or left == [1, 2], "the worst ones went"


# ------------------------------------------------------------------------------------- the best of many is too good


def noisy(rows: bool, n: int = 200, sign: float = 1.0) -> Callable[[ts.Trial], None]:
    """Return an objective whose epochs are equally good, at 1 plus what the parameter adds."""

    def objective(trial: ts.Trial) -> None:
        x, rng = trial.suggest_float("x", 0, 1), np.random.default_rng(trial.seed)
        for epoch in trial.epochs(20, value="best"):
            losses = sign * (1 + (x - 0.4) ** 2 + rng.normal(0, 1, n))
            trial.report(losses.mean(), epoch, rows=losses if rows else None)

    return objective


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_best_of_many_epochs_is_corrected_where_rows_are_known(sign: float) -> None:
    direction = "minimize" if sign > 0 else "maximize"
    told, silent = (made(direction=direction) for _ in range(2))
    told.optimize(noisy(True, sign=sign), n_trials=25)
    silent.optimize(noisy(False, sign=sign), n_trials=25)
    by_rows, without = told.recommend(), silent.recommend()
    assert [t.value for t in told.trials] == [t.value for t in silent.trials]
    true = sign * (1 + (by_rows.params["x"] - 0.4) ** 2)
    luck = 1.867 / 200**0.5  # expected greatest of 20 normal numbers
    assert sign * by_rows.best_of == pytest.approx(luck, rel=0.15)
    assert abs(by_rows.value - true) < 0.5 * luck < sign * (true - without.value)
    assert by_rows.interval[0] < true < by_rows.interval[1]
    assert by_rows.value - without.value == pytest.approx(by_rows.best_of)
    assert any("which is too good by 0.1" in note for note in by_rows.notes)
    assert any("luck with the validation rows" in note for note in without.notes)
    assert told.best_trial.metrics == {}, "what is kept of the rows is no metric of the user"
    assert told.metrics_dataframe().empty


def test_no_note_where_nothing_was_chosen() -> None:
    study = made(value="best")
    study.optimize(lambda trial: trial.report(trial.suggest_float("x", 0, 1), 1), n_trials=8)
    assert study.snapshot().once(best_of_reports) is None
    last = made(value="last")
    last.optimize(reports, n_trials=3)
    assert last.snapshot().once(best_of_reports) is None


def test_rows_come_along(tmp_path: Path) -> None:
    """In a file, from worker processes, after a pause, and into a copy."""
    here, there = made(), made(storage=tmp_path / "tune.db", study_name="s")
    here.optimize(noisy(True), n_trials=6)
    there.optimize(noisy(True), n_trials=6, n_jobs=2)
    copied = ts.copy_study(from_study_name="s", from_storage=tmp_path / "tune.db", to_storage=tmp_path / "copy.db")
    known = [study.snapshot().once(best_of_reports) for study in (here, there, copied)]
    assert known[0] == known[1] == known[2]
    assert known[0] is not None
    assert known[0].groups == 20


@pytest.mark.parametrize(
    ("value", "rows", "error", "words"),
    [
        (1.0, [1.0], ValueError, "two numbers or more"),
        (1.0, 1.0, ValueError, "two numbers or more"),
        (1.0, [[1.0, 1.0]], ValueError, "two numbers or more"),
        (1.0, ["a", "b"], TypeError, "one number for each"),
        (1.0, [1.0, 2.0], ValueError, "mean of the rows, which is 1.5; got 1"),
    ],
)
def test_wrong_rows(value: float, rows: Any, error: type[Exception], words: str) -> None:
    trial = made(value="best").ask()
    with pytest.raises(error, match=words):
        trial.report(value, 1, rows=rows)
    assert trial.reports is None, "nothing is reported"


def test_confirmed_runs_count_by_their_best_report() -> None:
    def objective(trial: ts.Trial) -> None:
        trial.suggest_float("x", 0, 1)
        for epoch in trial.epochs(6, patience=2):
            trial.report([5.0, 3.0, 4.0, 4.0, 1.0, 1.0][epoch - 1], epoch)

    study = made()
    study.optimize(objective, n_trials=3)
    report = study.confirm(objective, top_k=1, repeats=2)
    assert report.score is not None
    assert report.score.value == 3.0
    assert "best report" in str(report)


def test_patience_and_values_are_checked() -> None:
    assert checked_value("mean of the last 12") == "mean of the last 12"
    patience = Patience(2, 0.0, 1.0)
    for loss in (math.nan, 1.0, 1.0):
        patience.take(loss)
    assert not patience.is_over
    patience.take(1.0)
    assert patience.is_over
