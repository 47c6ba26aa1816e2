"""What is asked from elsewhere of a running ``optimize``: to stop, to pause, to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.study.engine import channel
from tunesmith.study.engine.channel import ask_programs, ask_to_stop, wish_of


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "WISH_LOOK_SECONDS", 0.0)


def test_a_search_that_is_asked_to_stop_ends_and_the_next_one_runs(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0)
    other = ts.load_study(study_name=study.study_name, storage=tmp_path / "s.db")

    def objective(trial: ts.Trial) -> float:
        if trial.number == 3:
            ask_programs(other.storage, other.study_id, "stop")
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=50)
    assert len(study.trials) == 4
    study.optimize(objective, n_trials=2)  # it was asked before this search began
    assert len(study.trials) == 6


def test_a_paused_search_goes_on_when_it_is_told_also_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", study_name="mine", seed=0)
    storage, study_id = ts.storage.open_storage(tmp_path / "s.db"), study.study_id
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            storage.rename_study(study_id, "ours")
        if len(slept) == 3:
            ask_programs(storage, study_id, "go")

    monkeypatch.setattr("tunesmith.study.optimize.time.sleep", sleep)
    ask_programs(storage, study_id, "pause")
    assert wish_of(storage.load_study("mine")) == "pause"
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    assert len(slept) == 3
    assert len(storage.trials(study_id)) == 5


def test_a_pause_does_not_outlast_the_time_limit(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0)
    ask_programs(study.storage, study.study_id, "pause")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), timeout=0.05)
    assert len(study.trials) == 0


def test_another_word_is_refused() -> None:
    study = ts.create_study()
    with pytest.raises(ValueError, match="did you mean 'pause'"):
        ask_programs(study.storage, study.study_id, "pauze")


def ask(study: ts.Study, number: int) -> None:
    """As the dashboard does."""
    ask_to_stop(study.storage, study.study_id, number)


def test_a_trial_that_is_asked_to_stop_is_pruned_at_its_next_report_and_the_search_goes_on(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0, pruner=ts.pruners.NopPruner())
    other = ts.load_study(study_name=study.study_name, storage=tmp_path / "s.db")

    def objective(trial: ts.Trial) -> float:
        for step in range(5):
            trial.report(10.0 - step, step)
            if trial.number == 1 and step == 2:
                ask(other, 1)
            if trial.should_prune():
                raise ts.TrialPruned
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=4)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"]
    assert (study.trials[1].reason, study.trials[1].value) == ("stopped on request", 8.0)


def test_a_trial_that_does_not_ask_is_ended_where_its_executor_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.study.optimize.ASKS_AGAIN_SECONDS", 0.1)
    path = str(tmp_path / "s.db")
    study = ts.create_study(storage=path, study_name="mine", seed=0, retries={ts.FailureKind.KILLED: 3})

    def objective(trial: ts.Trial) -> float:
        import time

        import tunesmith
        from tunesmith.study.engine.channel import ask_to_stop

        if trial.number == 0:
            trial.report(3.0, 0)
        if trial.number < 2:
            other = tunesmith.load_study(study_name="mine", storage=path)
            ask_to_stop(other.storage, other.study_id, trial.number)
            time.sleep(60)
        return 1.0

    study.optimize(objective, n_trials=3, executor=ts.executors.ProcessExecutor(jobs=1, grace=0.2))
    reported, silent, after = study.trials
    assert (reported.state, reported.failure, reported.value) == (ts.TrialState.PRUNED, None, 3.0)
    assert (silent.state, silent.failure, silent.value) == (ts.TrialState.FAIL, ts.FailureKind.KILLED, None)
    assert {(t.reason, t.attempt) for t in (reported, silent)} == {("stopped on request", 1)}
    assert after.state is ts.TrialState.COMPLETE


def test_who_asks_and_tells_is_told_too_and_other_trials_are_not() -> None:
    study = ts.create_study(seed=0, pruner=ts.pruners.NopPruner())
    first, second = study.ask(), study.ask()
    for trial in (first, second):
        trial.report(1.0, 0)
    ask(study, second.number)
    assert not first.should_prune()
    assert second.should_prune()


def test_only_a_running_trial_can_be_stopped() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(ValueError, match="trial 0 is COMPLETE"):
        ask(study, 0)
    with pytest.raises(KeyError):
        ask(study, 7)


def test_a_copy_of_a_study_has_no_wishes(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", study_name="mine", seed=0)
    ask(study, study.ask().number)
    ask_programs(study.storage, study.study_id, "pause")
    copy = ts.copy_study(from_study_name="mine", from_storage=tmp_path / "s.db", to_storage=tmp_path / "t.db")
    assert wish_of(copy.storage.load_study("mine")) == "go"
    copy.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert not copy.engine.wishes.stops()
