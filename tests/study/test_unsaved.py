"""The storage is away when a result is told: the result is kept, tried again, and stored as soon as that works."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.errors import StorageError, StorageUnavailableError
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.sql import SQLStorage
from tunesmith.storage.sql.engine import MOMENT
from tunesmith.study.engine import away

COMPLETE = TrialState.COMPLETE


class Faults:
    """Which calls of a storage fail, and how often still."""

    def __init__(self, kind: type[StorageError] = StorageUnavailableError, **times: float) -> None:
        self.kind = kind
        self.times = times
        self.failed: list[str] = []

    def check(self, name: str) -> None:
        if self.times.get(name, 0) > 0:
            self.times[name] -= 1
            self.failed.append(name)
            raise self.kind(f"the server is away ({name})")


def flaky(base: type[Any]) -> type[Any]:
    class Flaky(base):  # type: ignore[misc]
        faults = Faults()

        def finish(self, *args: Any) -> Any:
            self.faults.check("finish")
            done = super().finish(*args)
            self.faults.check("commit")
            return done

        def claim(self, *args: Any) -> Any:
            self.faults.check("claim")
            return super().claim(*args)

        def report(self, *args: Any) -> None:
            self.faults.check("report")
            super().report(*args)

        def set_attr(self, *args: Any, **named: Any) -> None:
            self.faults.check("set_attr")
            super().set_attr(*args, **named)

        def read_since(self, *args: Any) -> Any:
            self.faults.check("read_since")
            return super().read_since(*args)

        def release(self, *args: Any) -> None:
            self.faults.check("release")
            super().release(*args)

        def trials(self, *args: Any, **named: Any) -> Any:
            self.faults.check("trials")
            return super().trials(*args, **named)

    return Flaky


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return flaky(MemoryStorage)() if request.param == "memory" else flaky(SQLStorage)(tmp_path / "tune.db")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted and not made; half a minute of them passes at once."""
    made: list[float] = []
    now = [0.0]
    own, real_sleep, real = threading.get_ident(), away.time.sleep, away.time.monotonic

    def sleep(seconds: float) -> None:
        if threading.get_ident() != own:  # a thread that gives signs of life, of an earlier test
            real_sleep(seconds)
            return
        made.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(away.time, "sleep", sleep)
    monkeypatch.setattr(away.time, "monotonic", lambda: real() + now[0])
    return made


def objective(trial: ts.Trial) -> float:
    trial.set_user_attr("note", trial.number)
    return trial.suggest_float("x", 0, 1)


def all_good(study: ts.Study, n: int) -> None:
    trials = study.trials
    assert [t.state for t in trials] == [COMPLETE] * n
    assert [t.attempt for t in trials] == [1] * n
    assert all(t.value == t.params["x"] and t.user_attrs == {"note": t.number} for t in trials)
    assert len(study.history) == n
    assert sorted(study.history.number.tolist()) == list(range(n))


def test_a_short_absence_is_not_noticed(storage: Any, pauses: list[float]) -> None:
    study = ts.create_study(storage=storage, seed=0)
    storage.faults = Faults(finish=3)
    study.optimize(objective, n_trials=3)
    assert len(pauses) == 3
    assert pauses[0] < pauses[2] < 1.0, "each pause is longer than the one before"
    all_good(study, 3)


def test_a_long_absence_ends_the_search_and_the_result_is_kept(storage: Any, pauses: list[float]) -> None:
    study = ts.create_study(storage=storage, seed=0)
    study.optimize(objective, n_trials=1)
    storage.faults = Faults(finish=math.inf, release=math.inf)
    with pytest.raises(StorageUnavailableError, match=r"away .finish.. The result of trial 1 is kept in this process"):
        study.optimize(objective, n_trials=5)
    assert 20 < sum(pauses) < 40
    assert study.trials[1].state is TrialState.RUNNING
    storage.faults = Faults(finish=1)
    with pytest.raises(StorageError, match="away"):
        study.ask()
    study.optimize(objective, n_trials=2)
    all_good(study, 4)


def test_a_storage_that_is_away_between_two_trials(storage: Any, pauses: list[float]) -> None:
    """A server that is started anew does not end a search, whether a result or a start meets its absence."""
    study = ts.create_study(storage=storage, seed=0)

    def restart(_: ts.Study, done: ts.FrozenTrial) -> None:
        storage.faults = Faults(claim=3) if done.number == 1 else Faults()

    study.optimize(objective, n_trials=4, callbacks=[restart])
    assert len(pauses) == 3
    all_good(study, 4)
    storage.faults = Faults(claim=1)
    with pytest.raises(StorageUnavailableError, match="away"):
        study.optimize(objective, n_trials=1)
    assert len(pauses) == 3, "the first trial waits for nothing"


def test_everything_is_away(storage: Any) -> None:
    study = ts.create_study(storage=storage, seed=0)
    trial = study.ask()
    x = objective(trial)
    storage.faults = Faults(**dict.fromkeys(("finish", "claim", "read_since", "release", "trials"), math.inf))
    with pytest.raises(StorageError, match="trial 0 is kept"):
        study.tell(trial, x)
    for call in (study.ask, lambda: study.tell(trial, x), lambda: study.optimize(objective, n_trials=1)):
        with pytest.raises(StorageError, match="away"):
            call()
    storage.faults = Faults()
    assert study.tell(trial, x).value == x, "told again"
    all_good(study, 1)


def test_a_commit_that_was_not_heard_of_is_recorded_once(storage: Any) -> None:
    study = ts.create_study(storage=storage, seed=0)
    storage.faults = Faults(commit=1)
    study.optimize(objective, n_trials=2)
    all_good(study, 2)
    trial = study.ask()
    x = objective(trial)

    def cut(*args: Any) -> Any:
        original(*args)
        storage.faults = Faults(finish=math.inf)
        raise StorageUnavailableError("the connection was cut")

    original, storage.finish = storage.finish, cut
    with pytest.raises(StorageError, match="kept"):
        study.tell(trial, x)
    storage.finish = original
    storage.faults = Faults()
    study.flush()
    all_good(study, 3)


def test_reports_and_notes_wait_for_the_end(storage: Any) -> None:
    """A training goes on while the storage is away; what it noted comes with its result."""

    def train(trial: ts.Trial) -> float:
        trial.set_user_attr("before", 1)
        storage.faults = Faults(report=math.inf, set_attr=math.inf, read_since=math.inf)
        with pytest.warns(UserWarning, match="kept in this process until their trial ends"):
            trial.report(0.5, 0)
        trial.set_user_attr("during", 2)
        trial.report(0.25, 1)
        assert not trial.should_prune()
        return 1.0

    study = ts.create_study(storage=storage, seed=0)
    study.optimize(train, n_trials=1)
    storage.faults = Faults()
    (trial,) = study.trials
    assert (trial.value, trial.user_attrs, trial.reports) == (1.0, {"before": 1, "during": 2}, {0: 0.5, 1: 0.25})


def test_notes_of_a_worker_process_wait_for_the_end(tmp_path: Path) -> None:
    def train(trial: ts.Trial) -> float:
        trial.set_user_attr("a", 1)
        trial.report(0.5, 0)
        return 1.0

    storage = flaky(MemoryStorage)()
    study = ts.create_study(storage=storage, seed=0)
    storage.faults = Faults(report=math.inf, set_attr=math.inf)
    with pytest.warns(UserWarning, match="kept in this process"):
        study.optimize(train, n_trials=1, n_jobs=2)
    (trial,) = study.trials
    assert (trial.value, trial.user_attrs, trial.reports) == (1.0, {"a": 1}, {0: 0.5})


def test_an_interrupt_while_a_result_is_stored(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(storage=storage, seed=0)
    own, real_sleep = threading.get_ident(), away.time.sleep

    def interrupt(seconds: float) -> None:
        if threading.get_ident() != own:
            real_sleep(seconds)
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(away.time, "sleep", interrupt)
    storage.faults = Faults(finish=1)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    all_good(study, 1)


def test_running_trials_are_given_back_as_soon_as_it_works(storage: Any) -> None:
    study = ts.create_study(storage=storage, seed=0)

    def gone(trial: ts.Trial) -> float:
        storage.faults = Faults(release=1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(gone, n_trials=1)
    assert study.trials[0].state is TrialState.RUNNING
    study.optimize(lambda t: 1.0, n_trials=1)
    assert [(t.state, t.attempt) for t in study.trials] == [(COMPLETE, 2)]


def test_a_study_that_is_gone_is_told_at_once(storage: Any, pauses: list[float]) -> None:
    study = ts.create_study(storage=storage, seed=0)
    trial = study.ask()
    storage.delete_study(study.study_id)
    with pytest.raises(ts.StudyNotFoundError):
        study.tell(trial, 1.0)
    assert pauses == []
    assert not study.engine.teller.unsaved.ends


def told_at_once(study: ts.Study, pauses: list[float], words: str) -> None:
    """The next trial's result is refused without a pause, and kept."""
    trial = study.ask()
    x = trial.suggest_float("x", 0, 1)
    with pytest.raises(StorageError, match=rf"{words}(.|\n)*The result of trial {trial.number} is kept") as caught:
        study.tell(trial, x)
    assert not isinstance(caught.value, StorageUnavailableError)
    assert pauses == []
    assert [(t.number, t.values) for t in study.engine.teller.unsaved.ends.values()] == [(trial.number, (x,))]


def test_what_cannot_pass_is_not_waited_for(storage: Any, pauses: list[float]) -> None:
    study = ts.create_study(storage=storage, seed=0)
    study.optimize(objective, n_trials=1)
    trial = study.ask()
    x = objective(trial)
    storage.faults = Faults(StorageError, finish=2)
    with pytest.raises(StorageError, match=r"away .finish.. The result of trial 1 is kept"):
        study.tell(trial, x)
    assert (pauses, storage.faults.failed) == ([], ["finish"])
    storage.faults = Faults()
    study.optimize(objective, n_trials=1)
    all_good(study, 3)


def test_waiting_ends_as_soon_as_it_cannot_help(storage: Any, pauses: list[float]) -> None:
    study = ts.create_study(storage=storage, seed=0)
    trial = study.ask()
    storage.faults = Faults(finish=2)
    first = storage.faults.check

    def check(name: str) -> None:
        if len(pauses) == 2:
            storage.faults.kind, storage.faults.times["finish"] = StorageError, 1
        first(name)

    storage.faults.check = check
    with pytest.raises(StorageError, match="is kept") as caught:
        study.tell(trial, 1.0)
    assert not isinstance(caught.value, StorageUnavailableError)
    assert len(pauses) == 2
    storage.faults = Faults()
    study.flush()


@pytest.mark.parametrize("how", ["deleted", "replaced", "tables are lost"])
def test_a_file_that_will_not_come_back_by_itself(how: str, tmp_path: Path, pauses: list[float]) -> None:
    path = tmp_path / "tune.db"
    study = ts.create_study(storage=path, seed=0)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    ask = study.ask

    def asked() -> ts.Trial:
        trial = ask()
        if how == "tables are lost":
            next(iter(study.storage.database.connections)).driver.execute("DROP TABLE tunesmith_trials")
            return trial
        threading.Event().wait(2 * MOMENT)  # the file was checked just now; `pauses` takes the place of sleep
        path.rename(tmp_path / "away.db")
        if how == "replaced":
            path.write_bytes((tmp_path / "away.db").read_bytes())
        return trial

    study.ask = asked  # type: ignore[method-assign]
    told_at_once(study, pauses, {"tables are lost": "lost its tables"}.get(how, how))
    if how != "tables are lost":
        (tmp_path / "away.db").replace(path)
        study.flush()
        assert [t.state for t in study.trials] == [COMPLETE] * 2
    unsaved = study.engine.teller.unsaved
    for done in list(unsaved.ends.values()):  # or the end of this process would print them
        unsaved.drop(done)
    study.storage.close()


def test_a_read_only_file(tmp_path: Path, pauses: list[float]) -> None:
    study = ts.create_study(storage=tmp_path / "tune.db", seed=0)
    trial = study.ask()
    connection = next(iter(study.storage.database.connections)).driver
    connection.execute("PRAGMA query_only = 1")  # SQLite's own SQLITE_READONLY, for root too
    with pytest.raises(StorageError, match=r"is read-only .*The result of trial 0 is kept"):
        study.tell(trial, 0.5)
    assert pauses == []
    connection.execute("PRAGMA query_only = 0")
    study.flush()
    assert study.trials[0].value == 0.5
    study.storage.close()


def test_a_full_disk(tmp_path: Path, pauses: list[float]) -> None:
    """SQLite's own error, by a limit on the size of the file."""
    storage = SQLStorage(tmp_path / "tune.db")
    study = ts.create_study(storage=storage, seed=0)
    trial = study.ask()
    trial.link.connect(None)
    trial.set_user_attr("large", "x" * 2_000_000)
    connection = next(iter(storage.database.connections)).driver
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match=r"disk is full.*trial 0 is kept"):
        study.tell(trial, 0.5)
    connection.execute("PRAGMA max_page_count = 1000000")
    study.optimize(lambda t: 1.0, n_trials=1)
    assert [t.value for t in study.trials] == [0.5, 1.0]
    assert len(study.trials[0].user_attrs["large"]) == 2_000_000
    storage.close()


LAST = """
import tunesmith as ts
from tunesmith.errors import StorageError, StorageUnavailableError
from tunesmith.storage.memory import MemoryStorage
from tunesmith.study.engine import away

away.OUTAGE_SECONDS = 0.0

class Away(MemoryStorage):
    away = True

    def finish(self, study_id, trial):
        if self.away:
            raise StorageUnavailableError("the server is away")
        print("stored", trial.values)
        return super().finish(study_id, trial)

storage = Away()
ts.create_study(storage=storage, study_name="night", seed=0).optimize({call}, n_trials=1)
"""


def test_at_the_end_of_the_process_it_is_tried_once_more_and_told() -> None:
    def run(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)

    text = LAST.format(call='lambda t: t.suggest_float("x", 0, 0)')
    ran = run(text)
    assert ran.returncode == 1
    told = "the result of trial 0 of the study 'night' could not be stored and is lost: COMPLETE (0.0,)"
    assert told in ran.stderr
    attempt = "try:\n" + textwrap.indent(text.strip().rpartition("\n")[2], "    ")
    text = text.strip().rpartition("\n")[0] + f"\n{attempt}\nexcept StorageError:\n    Away.away = False\n"
    ran = run(text)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "stored (0.0,)", "")


TWICE = """
Away.away = True
for _ in range(3):
    study = ts.create_study(storage=storage, seed=0)
    try:
        study.optimize(lambda t: 1.0, n_trials=1)
    except StorageError:
        Away.away = False
        study.flush()
        Away.away = True
try:
    study.optimize(lambda t: 2.0, n_trials=1)
except StorageError:
    pass
"""


def test_what_is_lost_is_told_once_however_often_something_was_kept() -> None:
    text = LAST.rpartition("ts.create_study")[0] + TWICE
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert ran.stdout.count("stored") == 3
    assert ran.stderr.count("is lost: COMPLETE (2.0,)") == 1
