"""What trials log beside their reports."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.errors import AttemptReplacedError, StorageUnavailableError
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial.metrics import LogBuffer, joined
from tunesmith.trial.record import Fence

NAMES = {"acc", "loss", "rate", "train loss"}


def learn(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for epoch in range(5):
        trial.log({"train loss": x / (epoch + 1), "rate": np.float32(0.5)}, epoch)
        trial.report({"acc": 1 - x, "loss": x}, epoch)
    return x


def log_late(trial: ts.Trial) -> float:
    trial.log({"late": 1}, 7)
    return 0.0


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return None if request.param == "memory" else tmp_path / "tune.db"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_is_logged_is_read_from_the_trials(storage: Any, n_jobs: int) -> None:
    study = ts.create_study(storage=storage, seed=0, metric="loss")
    seen = []
    study.optimize(learn, n_trials=4, n_jobs=n_jobs, callbacks=[lambda _, trial: seen.append(len(trial.metrics))])
    assert seen == [4] * 4
    for trial in [*study.trials, study.best_trial]:
        assert set(trial.metrics) == NAMES
        steps, values = trial.metrics["train loss"]
        assert steps.tolist() == [0, 1, 2, 3, 4]
        assert values.tolist() == [trial.params["x"] / k for k in (1, 2, 3, 4, 5)]
        assert trial.metrics["rate"][1].tolist() == [0.5] * 5
        assert dict(trial.intermediate_values) == dict.fromkeys(range(5), trial.params["x"])


def test_a_frame_has_a_row_for_each_trial_and_step(storage: Any) -> None:
    study = ts.create_study(storage=storage, seed=0)
    study.optimize(learn, n_trials=3)
    study.optimize(log_late, n_trials=1)
    frame = study.metrics_dataframe()
    assert list(frame) == ["number", "step", *sorted({*NAMES, "late"})]
    assert len(frame) == 16
    assert frame.dtypes["number"] == frame.dtypes["step"] == np.int64
    last = {"number": 3, "step": 7, "late": 1.0, **dict.fromkeys(NAMES, math.nan)}
    assert frame.iloc[-1].to_dict() == pytest.approx(last, nan_ok=True)
    some = study.metrics_dataframe(["loss"], numbers=[1])
    assert (list(some), some["number"].tolist()) == (["number", "step", "loss"], [1] * 5)
    assert study.metrics_dataframe(["unknown"]).empty


def test_metrics_go_along_with_their_trials(storage: Any, tmp_path: Path) -> None:
    study = ts.create_study(storage=storage, study_name="a", seed=0, metric="loss")
    study.optimize(learn, n_trials=2)
    copy = ts.copy_study(from_study_name="a", from_storage=study.engine.study.storage, to_storage=tmp_path / "b.db")
    assert copy.metrics_dataframe().equals(study.metrics_dataframe())
    assert copy.ask().link.metric == ("loss",)
    other = ts.create_study()
    other.add_trials(study.trials)
    assert other.metrics_dataframe().equals(study.metrics_dataframe())
    other.add_trial(pickle.loads(pickle.dumps(study.trials[0])))
    assert not other.trials[2].metrics, "a pickle has no way to the storage"
    with pytest.raises(TypeError, match=r"metrics=.*by name; got 3"):
        ts.create_trial(value=1.0, metrics=3)  # type: ignore[arg-type]
    made = ts.create_trial(value=1.0, metrics={"loss": {4: 0.5, 1: 2}})
    assert [column.tolist() for column in made.metrics["loss"]] == [[1, 4], [2.0, 0.5]]
    other.add_trial(made)
    assert [column.tolist() for column in other.trials[3].metrics["loss"]] == [[1, 4], [2.0, 0.5]]


def test_a_trial_that_is_asked_for_and_told(storage: Any) -> None:
    study = ts.create_study(storage=storage)
    trial = study.ask()
    trial.log({"loss": 1.0}, 0)
    again = study.take_up(trial.number)
    again.log({"loss": 0.5}, 1)
    study.tell(trial, 0.5)
    assert study.trials[0].metrics["loss"][1].tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("metrics", "step", "error", "words"),
    [
        ([0.5], 0, TypeError, "numbers by name"),
        ({"a": "0.5"}, 0, TypeError, "the metric 'a' must be a number"),
        ({"a": None}, 0, TypeError, "the metric 'a' must be a number"),
        ({1: 0.5}, 0, TypeError, "name"),
        ({"": 0.5}, 0, ValueError, "name"),
        ({"a" * 201: 0.5}, 0, ValueError, "at most 200"),
        ({"tunesmith:rows/1": 0.5}, 0, ValueError, "not free"),
        ({"\ud800": 0.5}, 0, ValueError, "name"),
        ({"a": 0.5}, 0.5, TypeError, "an integer step"),
        ({"a": 0.5}, "1", TypeError, "an integer step"),
        ({"a": 0.5}, -1, ValueError, "0 or more"),
        ({"a": 0.5}, 2**63, ValueError, "less than"),
    ],
)
def test_wrong_metrics_are_refused(metrics: Any, step: Any, error: type[Exception], words: str) -> None:
    study = ts.create_study()
    trial = study.ask()
    with pytest.raises(error, match=words):
        trial.log(metrics, step)
    study.tell(trial, 1.0)
    assert not study.trials[0].metrics


def test_the_metric_that_decides(storage: Any) -> None:
    study = ts.create_study(storage=storage, study_name="s", metric="loss")
    trial = study.ask()
    with pytest.raises(ValueError, match=r"the study's value is 'loss', and 'loss' is not among 'los', 'acc'"):
        trial.report({"los": 1.0, "acc": 2.0}, 0)
    with pytest.raises(TypeError, match="takes a number"):
        trial.report([1.0, 2.0], 0)
    trial.report({"acc": 2.0, "loss": 1.0}, 0)
    study.tell(trial, 1.0)
    where = study.engine.study.storage
    assert ts.create_study(storage=where, study_name="s", load_if_exists=True).ask().link.metric == ("loss",)
    with pytest.raises(ValueError, match=r"its metric is 'loss'; got 'acc'"):
        ts.create_study(storage=where, study_name="s", load_if_exists=True, metric="acc")
    for wrong in (["a", "b"], 3, [3], ""):
        with pytest.raises(ValueError, match=r"metric|name"):
            ts.create_study(metric=wrong)  # type: ignore[arg-type]


def test_several_objectives_have_several_metrics() -> None:
    study = ts.create_study(directions=["minimize", "maximize"], metric=["loss", "acc"])
    trial = study.ask()
    trial.report({"acc": 0.9, "time": 3.0, "loss": 0.1}, 0)
    study.tell(trial, (0.1, 0.9))
    assert dict(study.trials[0].intermediate_values) == {0: (0.1, 0.9)}
    plain = ts.create_study(directions=["minimize", "maximize"]).ask()
    plain.report({"loss": 0.1, "acc": 0.9, "time": 3.0}, 0)
    with pytest.raises(ValueError, match="2 objectives"):
        plain.report({"loss": 0.1}, 1)


class Away(MemoryStorage):
    """Takes no metrics."""

    def log(self, *given: Any) -> None:
        raise StorageUnavailableError("the server is away")


def test_a_storage_that_is_away_gets_them_with_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.trial.metrics.WRITE_SECONDS", 0.0)
    study = ts.create_study(storage=Away())
    trial = study.ask()
    with pytest.warns(UserWarning, match="kept in this process"):
        trial.log({"loss": 1.0}, 0)
    trial.log({"loss": 0.5, "acc": 1.0}, 1)
    study.tell(trial, 1.0)
    metrics = study.trials[0].metrics
    assert {name: values.tolist() for name, (_, values) in metrics.items()} == {"loss": [1.0, 0.5], "acc": [1.0]}


def test_an_attempt_that_was_replaced_logs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.trial.metrics.WRITE_SECONDS", 0.0)
    study = ts.create_study(storage=tmp_path / "tune.db")
    trial = study.ask()
    trial.log({"loss": 1.0}, 0)
    study.engine.study.storage.release(study.engine.study.study_id, {0: trial.link.fence})
    with pytest.raises(AttemptReplacedError):
        trial.log({"loss": 9.0}, 0)
    assert study.trials[0].metrics["loss"][1].tolist() == [1.0]


def test_little_is_written_and_nothing_where_nothing_is_logged() -> None:
    written: list[int] = []

    class Counting(MemoryStorage):
        def log(self, study_id: int, number: int, fence: Fence, metrics: Any) -> None:
            written.append(sum(len(steps) for steps, _ in metrics.values()))
            super().log(study_id, number, fence, metrics)

    study = ts.create_study(storage=Counting())
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert written == []
    trial = study.ask()
    for step in range(3000):
        trial.log({"a": 1.0, "b": 2.0}, step)
    assert max(written) <= 4001, "the memory is bounded"
    study.tell(trial, 1.0)
    assert len(study.trials[3].metrics["a"][0]) == 3000


steps = st.lists(st.integers(0, 12), max_size=8)


@given(st.lists(st.lists(steps, max_size=3), max_size=3))
def test_attempts_are_joined_as_curves_are(attempts: list[list[list[int]]]) -> None:
    expected: dict[int, float] = {}
    value, written = 0.0, []
    for pieces in attempts:
        own: dict[int, float] = {}
        buffers = []
        for piece in pieces:
            buffer = LogBuffer()
            for step in piece:
                value += 1.0
                buffer.add({"loss": value}, step)
                own[step] = value
            buffers.append(buffer.take())
        if own:
            expected = {step: old for step, old in expected.items() if step < min(own)} | own
        written.append(buffers)
    found = joined(written)
    assert found or not expected
    for at, values in found.values():
        assert dict(zip(at.tolist(), values.tolist(), strict=True)) == expected
        assert (np.diff(at) > 0).all()
