"""`study.optimize` with `n_jobs`: the same study, only sooner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.trial import FrozenTrial

LIMIT = 120.0  # seconds after which something hangs, even on a machine that is busy with other things

posix = pytest.mark.skipif(os.name == "nt", reason="tells of signals")


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return None if request.param == "memory" else str(tmp_path / "tune.db")


class PruneOdd(Pruner):
    """Stops trials of odd number at their third step, if the curve is there as it was reported."""

    name = "odd"

    def decide(self, curves: Any, row: int, step: int) -> Decision:
        steps, values = curves.of(row)
        if list(values) != [row + s for s in steps] or step != steps[-1]:
            raise RuntimeError(f"trial {row}: reports are missing: {values} at {steps}")
        return Decision.STOP if row % 2 and step >= 2 else Decision.CONTINUE


def test_every_number_once_and_everything_comes_back(storage: str | None) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", -1, 1)
        model = trial.suggest_categorical("model", ["a", None, 3])
        if model == 3:
            trial.suggest_int("depth", 1, 9)
        trial.set_user_attr("pid", os.getpid())
        trial.set_constraint("small", abs(x) - 0.5)
        trial.report(x, 0)
        return x * x

    study = ts.create_study(storage=storage, seed=3)
    study.optimize(objective, n_trials=24, n_jobs=2)
    assert [t.number for t in study.trials] == list(range(24))
    for t in study.trials:
        x = t.params["x"]
        assert t.state is TrialState.COMPLETE
        assert t.value == x * x
        assert ("depth" in t.params) == (t.params["model"] == 3)
        assert dict(t.intermediate_values) == {0: x}
        assert t.constraints == {"small": abs(x) - 0.5}
    assert os.getpid() not in {t.user_attrs["pid"] for t in study.trials}
    feasible = [t for t in study.trials if abs(t.params["x"]) <= 0.5]
    assert study.best_trial.value == min(t.value for t in feasible if t.value is not None)


def test_proposals_are_those_of_a_study_that_runs_one_trial_at_a_time() -> None:
    space = {"x": ts.Float(0, 1), "n": ts.Int(1, 5)}
    alone, together = (ts.create_study(seed=5, sampler="random") for _ in range(2))
    alone.optimize(lambda x, n: x * n, n_trials=12, space=space)
    together.optimize(lambda x, n: x * n, n_trials=12, n_jobs=3, space=space)
    assert [t.params for t in together.trials] == [t.params for t in alone.trials]
    assert [t.values for t in together.trials] == [t.values for t in alone.trials]


def test_pruning_works_across_processes(storage: str | None) -> None:
    def objective(trial: ts.Trial) -> float:
        for step in range(5):
            trial.report(trial.number + step, step)
            if trial.should_prune():
                raise ts.TrialPruned(f"no hope at {step}")
        return 0.0

    study = ts.create_study(storage=storage, pruner=PruneOdd())
    study.optimize(objective, n_trials=8, n_jobs=2)
    for t in study.trials:
        assert t.state is (TrialState.PRUNED if t.number % 2 else TrialState.COMPLETE)
        if t.number % 2:
            assert t.value == t.number + 2
            assert t.reason == "no hope at 2"
        assert len(t.intermediate_values) == (3 if t.number % 2 else 5)


def test_several_objectives_and_the_error_of_reporting_them() -> None:
    study = ts.create_study(directions=["minimize", "maximize"])
    study.optimize(lambda t: (t.number, -t.number), n_trials=4, n_jobs=2)
    assert [t.values for t in study.trials] == [(k, -k) for k in range(4)]

    def reports(trial: ts.Trial) -> tuple[float, float]:
        trial.report(1.0, 0)
        return 1.0, 2.0

    with pytest.raises(TypeError, match="takes 2 numbers, one for each direction"):
        study.optimize(reports, n_trials=1, n_jobs=2)
    assert study.trials[-1].state is TrialState.FAIL


# ------------------------------------------------------------------------------------------------------------- errors


def sometimes(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    if trial.number == 1:
        raise LookupError("nothing there")
    return x


def test_a_caught_error_fails_its_trial_and_the_study_goes_on() -> None:
    study = ts.create_study(seed=0)
    study.optimize(sometimes, n_trials=6, n_jobs=2, catch=(LookupError,))
    states = [t.state for t in study.trials]
    assert states == [TrialState.FAIL if k == 1 else TrialState.COMPLETE for k in range(6)]
    failed = study.trials[1]
    assert str(failed.reason).startswith("LookupError: nothing there\nTraceback")
    assert 'raise LookupError("nothing there")' in str(failed.reason)
    assert failed.params.keys() == {"x"}


def test_an_error_that_is_not_caught_is_raised_with_the_workers_traceback_and_no_trial_is_left() -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(LookupError, match="nothing there") as caught:
        study.optimize(sometimes, timeout=LIMIT, n_jobs=2)
    assert "in sometimes" in "".join(caught.value.__notes__)
    states = [t.state for t in study.trials]
    assert states[1] is TrialState.FAIL
    assert set(states) == {TrialState.FAIL, TrialState.COMPLETE}


def test_a_result_that_cannot_be_sent_back_is_an_objective_error() -> None:
    study = ts.create_study()
    with pytest.raises(ts.ObjectiveError, match="returned a lock, which cannot be pickled"):
        study.optimize(lambda t: threading.Lock(), n_trials=1, n_jobs=2)
    study.optimize(lambda t: threading.Lock(), n_trials=1, n_jobs=2, catch=(ts.ObjectiveError,))
    assert [t.state for t in study.trials] == [TrialState.FAIL] * 2
    assert "returned a lock" in str(study.trials[0].reason)


@pytest.mark.parametrize(("result", "words"), [(None, "returned None"), ("0.5", "the text '0.5'")])
def test_what_is_no_value_is_judged_as_without_processes(result: Any, words: str) -> None:
    study = ts.create_study()
    with pytest.raises(ts.ObjectiveError, match=words):
        study.optimize(lambda t: result, n_trials=2, n_jobs=2)


def dies(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    if trial.number == 3:
        os._exit(17)
    return x


def test_a_worker_that_dies_fails_the_trial_that_it_ran_and_catch_decides_about_the_study(storage: str | None) -> None:
    study = ts.create_study(storage=storage, seed=1)
    study.optimize(dies, n_trials=10, n_jobs=2, catch=(ts.WorkerDiedError,))
    assert [t.number for t in study.trials if t.state is TrialState.FAIL] == [3]
    assert len(study.trials) == 10
    assert str(study.trials[3].reason).startswith(
        "WorkerDiedError: the worker process died (exit code 17); its process "
    )
    assert study.trials[3].params.keys() == {"x"}

    other = ts.create_study(storage=storage, seed=1)
    with pytest.raises(ts.WorkerDiedError, match="exit code 17"):
        other.optimize(dies, n_trials=10, n_jobs=2)
    assert {t.state for t in other.trials} == {TrialState.COMPLETE, TrialState.FAIL}


def test_an_objective_that_cannot_be_sent_leaves_no_trial_behind() -> None:
    study = ts.create_study()
    lock = threading.Lock()
    with pytest.raises(ts.ObjectiveError, match="cannot be sent to worker processes"):
        study.optimize(lambda t: float(lock.locked()), n_trials=2, n_jobs=2)
    assert study.trials == []


def test_a_callback_that_raises_costs_no_result() -> None:
    study = ts.create_study(seed=1)

    def callback(study: ts.Study, trial: FrozenTrial) -> None:
        raise ValueError("from the callback")

    with pytest.raises(ValueError, match="from the callback"):
        study.optimize(lambda t: 1.0, n_trials=2, n_jobs=2, callbacks=[callback])
    states = [t.state for t in study.trials]
    assert TrialState.COMPLETE in states
    assert set(states) <= {TrialState.COMPLETE, TrialState.WAITING}  # the other one ended in time, or is run again


# -------------------------------------------------------------------------------------------------- ways to be called


def scaled(by: float) -> Callable[[ts.Trial], float]:
    def objective(trial: ts.Trial) -> float:
        return by * trial.suggest_float("x", 1, 2)

    return objective


def test_closures_and_all_cores() -> None:
    study = ts.create_study()
    study.optimize(scaled(-3.0), n_trials=5, n_jobs=-1)
    assert all(-6 <= t.values[0] <= -3 for t in study.trials if t.values)
    assert len(study.trials) == 5


def test_stop_from_a_callback_ends_after_the_running_trials() -> None:
    study = ts.create_study()
    study.optimize(lambda t: 1.0, n_jobs=2, callbacks=[lambda s, t: s.stop() if t.number >= 5 else None])
    assert 6 <= len(study.trials) <= 8
    assert {t.state for t in study.trials} == {TrialState.COMPLETE}


def test_a_time_limit_starts_no_more_trials() -> None:
    study = ts.create_study()
    study.optimize(lambda t: time.sleep(0.05) or 1.0, timeout=0.6, n_jobs=2)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE}
    assert len(study.trials) <= 2 * (0.6 / 0.05 + 1), "as many as two processes can begin in that time"


def test_an_objective_may_itself_be_a_parallel_search() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        inner = ts.create_study(seed=trial.number, sampler="random")
        inner.optimize(lambda t: t.suggest_float("y", x, x + 1), n_trials=4, n_jobs=2)
        return inner.best_value

    study = ts.create_study()
    study.optimize(objective, n_trials=2, n_jobs=2)
    assert all(t.values is not None and t.values[0] >= t.params["x"] for t in study.trials)


SCRIPT = """
    import tunesmith as ts

    class Model:
        def __init__(self, x):
            self.x = x

    def loss(model):
        return model.x ** 2

    def objective(trial):
        trial.set_user_attr("from", __name__)
        return loss(Model(trial.suggest_float("x", -1, 1)))

    study = ts.create_study(sampler="random")
    study.optimize(objective, n_trials=6, n_jobs=2)
    print(len(study.trials), {t.user_attrs["from"] for t in study.trials})
"""


@pytest.mark.parametrize("way", ["script", "stdin", "command"])
def test_a_script_needs_no_guard(way: str, tmp_path: Path) -> None:
    code = textwrap.dedent(SCRIPT)
    path = tmp_path / "script.py"
    path.write_text(code)
    arguments = {"script": [str(path)], "stdin": ["-"], "command": ["-c", code]}[way]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=code if way == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("6 {'__main__'}\n", "", 0)


# ------------------------------------------------------------------------------------------------------------- Ctrl-C

INTERRUPTED = """
    import sys, time
    from pathlib import Path
    import tunesmith as ts

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number >= 4:
            Path(sys.argv[1], f"runs-{trial.number}").touch()
            time.sleep(1000)
        return x

    study = ts.create_study(storage=sys.argv[1] + "/tune.db", study_name="s", seed=7, sampler="random")
    study.optimize(objective, n_trials=20, n_jobs=2)
"""


@posix
def test_ctrl_c_keeps_what_is_finished_and_the_rest_is_run_again_as_it_was_proposed(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(INTERRUPTED))
    driver = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with driver:
        try:
            until(lambda: len(list(tmp_path.glob("runs-*"))) == 2)
            os.killpg(driver.pid, signal.SIGINT)  # as a terminal does it
            _, err = driver.communicate(timeout=LIMIT)
        finally:
            driver.kill()  # leaving the block waits for it
    assert driver.returncode == -signal.SIGINT
    assert err.count("Traceback") == 1  # the driver's; the workers say nothing
    assert err.rstrip().endswith("KeyboardInterrupt")

    study = ts.load_study(study_name="s", storage=str(tmp_path / "tune.db"))
    before = study.trials
    assert [t.state for t in before] == [TrialState.COMPLETE] * 4 + [TrialState.WAITING] * 2
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=4, n_jobs=2)
    after = study.trials
    assert [t.state for t in after] == [TrialState.COMPLETE] * 8
    assert after[:4] == before[:4]
    assert [t.params for t in after[4:6]] == [t.params for t in before[4:]]
    assert [t.attempt for t in after] == [1] * 4 + [2] * 2 + [1] * 2


def test_a_ctrl_c_that_python_swallows_is_heeded_after_the_trial(capfd: pytest.CaptureFixture[str]) -> None:
    class Garbage:
        pass

    def callback(ref: Any) -> None:
        raise KeyboardInterrupt  # as if it had come while garbage was collected

    def objective(trial: ts.Trial) -> float:
        garbage = Garbage()
        ref = weakref.ref(garbage, callback if trial.number == 2 else None)
        del garbage
        return float(ref() is None)

    study = ts.create_study()
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=10)
    assert [t.value for t in study.trials] == [1.0] * 3
    assert sys.unraisablehook is hook
    assert capfd.readouterr().err == ""


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
