"""A number of trials for the whole study, whoever runs them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.errors import TrialsSpentError


def slow(params: dict[str, float]) -> float:
    time.sleep(0.002)
    return params["x"] ** 2


def together(n: int, job: object) -> None:
    """Run a function in n threads at once."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            job()  # type: ignore[operator]  # a function without arguments
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_workers_that_share_a_study_make_so_many_trials_together(tmp_path: Path, sampler: str) -> None:
    storage = str(tmp_path / "t.db")
    ts.create_study(storage=storage, study_name="s", seed=0)

    def work() -> None:
        study = ts.load_study(storage=storage, study_name="s", sampler=sampler)
        study.optimize(slow, n_trials_total=20, space={"x": "float(-1, 1)"})

    together(3, work)
    study = ts.load_study(storage=storage, study_name="s")
    assert [t.number for t in study.trials] == [*range(20)]
    assert all(t.state is TrialState.COMPLETE for t in study.trials)
    work()
    assert len(study.trials) == 20


def test_minimize_means_the_same_alone_and_together(tmp_path: Path) -> None:
    def work() -> None:
        ts.minimize(
            slow, {"x": "float(-1, 1)"}, n_trials=12, storage=str(tmp_path / "t.db"), study_name="s", sampler="random"
        )

    together(2, work)
    work()
    assert len(ts.load_study(storage=str(tmp_path / "t.db"), study_name="s").trials) == 12


def test_both_numbers_hold() -> None:
    study = ts.create_study(seed=0, sampler="random")
    space = {"x": "float(-1, 1)"}
    study.optimize(slow, n_trials=3, n_trials_total=5, space=space)
    assert len(study.trials) == 3
    study.optimize(slow, n_trials=3, n_trials_total=5, space=space)
    assert len(study.trials) == 5
    study.optimize(slow, n_trials_total=0, space=space)
    assert len(study.trials) == 5
    with pytest.raises(ValueError, match="n_trials_total must be a number of trials"):
        study.optimize(slow, n_trials_total=-1, space=space)


def test_failures_count_and_what_was_interrupted_is_run() -> None:
    study = ts.create_study(seed=0, sampler="random", space={"x": "float(-1, 1)"})
    study.tell(study.ask(), state=TrialState.FAIL)
    study.ask()
    study.release([1])
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials_total=4)
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    with pytest.raises(TrialsSpentError, match="the study has the 4 trials"):
        study.ask(below=4)


def test_a_trial_that_waits_beyond_the_number_goes_on_waiting() -> None:
    study = ts.create_study(seed=0, sampler="random", space={"x": "float(-1, 1)"})
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=3)
    study.enqueue_trial({"x": 0.5})
    before = study.trials[3].attempt
    for _ in range(5):
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials_total=3)
    (waiting,) = study.get_trials(states=[TrialState.WAITING])
    assert waiting.attempt == before


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [r.message for r in caplog.records if r.name == "tunesmith" and r.message.startswith("optimize: the study")]
    caplog.clear()
    return found


def test_a_search_that_was_interrupted_says_whether_it_adds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.number == 3 and trial.attempt == 1:
            raise KeyboardInterrupt
        return trial.suggest_float("x", 0, 1)

    def again() -> ts.Study:
        return ts.create_study(
            storage=tmp_path / "t.db", study_name="s", load_if_exists=True, seed=0, sampler="random", pruner="nop"
        )

    adds = (
        "optimize: the study 's' has {} trials already; n_trials=6 begins 6 more, and n_trials_total=6 would end with 6"
    )
    caplog.set_level("INFO", logger="tunesmith")
    study = again()
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=6)
    assert told(caplog) == []
    study.optimize(objective, n_trials=6)
    assert told(caplog) == [adds.format(4) + " in all"]
    study.optimize(objective, n_trials=6)
    assert told(caplog) == [], "whoever goes on where it ended knows"
    assert len(study.trials) == 15
    again().optimize(objective, n_trials=6)
    assert told(caplog) == [adds.format(15) + " in all"]
    again().optimize(objective, n_trials_total=25)
    again().optimize(objective, n_trials=6, n_trials_total=25)
    again().optimize(objective, n_trials=0)
    assert told(caplog) == []
    assert len(again().trials) == 25
