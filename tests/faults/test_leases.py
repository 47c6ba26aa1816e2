"""Workers that stop, die and come back: what they left is taken over, and what they still write is refused.

With TUNESMITH_FAULTS=full there are 100 kills and 200 stops on each database; by default a few.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pytest

import tunesmith as ts
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.worker_names import current_worker
from tunesmith.storage.base import Lease
from tunesmith.storage.sql import SQLStorage
from tunesmith.testing.storages import begin
from tunesmith.trial.record import Fence, TrialRecord

FULL = os.environ.get("TUNESMITH_FAULTS") == "full"
LEASE = Lease(beat=0.1, ttl=0.5)
LONG = 60.0  # seconds after which something hangs, also on a busy machine

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")

# A worker that obeys its standard input: "ask" starts a trial; "write" reports, notes and tells it, and says which of
# these were refused; "clock" says what time it has. FAR makes it one of another machine, so that its death is not seen
# at once; SHIFT sets Python's clock.
WORKER = """
import json, sys, time
far, shift = sys.argv[2] == "far", float(sys.argv[3])
clock = time.time
time.time = lambda: clock() + shift
import tunesmith as ts
from tunesmith.foundation import worker_names as workers
if far:
    workers._machine = lambda: "elsewhere"
from tunesmith.storage.base import Lease
from tunesmith.storage.sql import SQLStorage
storage = SQLStorage(sys.argv[1], lease=Lease(beat=0.1, ttl=0.5))
study = ts.load_study(storage=storage, study_name="s", sampler="grid" if "grid" in sys.argv else "random")
print("ready", flush=True)
trial = None
for line in sys.stdin:
    if line.strip() == "ask":
        trial = study.ask()
        trial.report(1.0, 0)
        print(json.dumps([trial.number, trial.attempt]), flush=True)
        continue
    if line.strip() == "clock":
        print(time.time(), flush=True)
        continue
    refused = []
    for write in (
        lambda: trial.report(2.0, 1),
        lambda: trial.set_user_attr("by", "late"),
        lambda: study.tell(trial, -1.0),
    ):
        try:
            write()
            refused.append(False)
        except ts.AttemptReplacedError:
            refused.append(True)
    print(json.dumps(refused), flush=True)
"""


class Worker:
    def __init__(
        self,
        url: str,
        far: bool = False,
        shift: float = 0.0,
        sampler: str = "random",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-c", WORKER, url, "far" if far else "near", str(shift), sampler]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(environment or {})}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        assert self._pipe(self.process.stdout).readline() == "ready\n"

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

    def send(self, word: str) -> None:
        pipe = self._pipe(self.process.stdin)
        pipe.write(word + "\n")
        pipe.flush()

    def answer(self) -> Any:
        return json.loads(self._pipe(self.process.stdout).readline())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._pipe(self.process.stdin).close()
        self._pipe(self.process.stdout).close()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("tmp_path") / "tune.db")
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def study(url: str) -> Iterator[ts.Study]:
    storage = SQLStorage(url, lease=LEASE)
    yield ts.create_study(storage=storage, study_name="s", seed=0, space={"x": ts.Float(0, 1)}, sampler="random")
    storage.close()


@pytest.fixture(autouse=True)
def young_servers_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of the tests may be younger than a lease."""
    monkeypatch.setattr("tunesmith.storage.sql.engine.Database.uptime", lambda self: 3600.0)


def taken_over(study: ts.Study, number: int) -> float:
    """Wait until a dead worker's trial is given up; return after how many seconds."""
    began = time.monotonic()
    while number not in study.recover():
        assert time.monotonic() < began + LONG, "nobody took the trial over"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.slow
def test_a_worker_that_was_stopped_past_its_lease(url: str, study: ts.Study) -> None:
    """SIGSTOP, take-over, SIGCONT: every late report, note and result is refused, and nothing is there twice."""
    rng = random.Random(0)
    worker = Worker(url)
    schedules = 200 if FULL else 4
    try:
        for turn in range(schedules):
            worker.send("ask")
            number, attempt = worker.answer()
            assert (number, attempt) == (turn, 1)
            worker.signal(signal.SIGSTOP)
            taken_over(study, number)
            again = study.ask()
            assert (again.number, again.attempt) == (number, 2)
            assert again.previous_attempts[0].failure is FailureKind.LEASE
            early = rng.random() < 0.5
            if early:
                study.tell(again, float(number))
            worker.signal(signal.SIGCONT)
            worker.send("write")
            assert worker.answer() == [True, True, True]
            if not early:
                again.report(3.0, 1)
                study.tell(again, float(number))
    finally:
        worker.signal(signal.SIGCONT)
        worker.close()
    trials = study.trials
    assert [t.value for t in trials] == [float(n) for n in range(schedules)]
    assert all(t.attempt == 2 and t.user_attrs == {} for t in trials)
    late = {"state": "COMPLETE", "values": [-1.0], "reason": None}
    assert all((t.previous_attempts[0].reports, t.previous_attempts[0].late) == ({0: 1.0}, late) for t in trials)
    assert len(study.history) == schedules


def test_a_worker_that_was_only_slow_loses_nothing(url: str, study: ts.Study) -> None:
    """Its lease was over, and nobody looked."""
    worker = Worker(url)
    try:
        worker.send("ask")
        assert worker.answer() == [0, 1]
        worker.signal(signal.SIGSTOP)
        time.sleep(3 * LEASE.ttl)
        worker.signal(signal.SIGCONT)
        worker.send("write")
        assert worker.answer() == [False, False, False]
    finally:
        worker.close()
    (trial,) = study.trials
    assert (trial.value, trial.attempt, trial.user_attrs) == (-1.0, 1, {"by": "late"})


@pytest.mark.parametrize("far", [False, True], ids=["same machine", "another machine"])
def test_a_worker_that_was_killed(url: str, study: ts.Study, far: bool) -> None:
    """Its trial is taken over with its reports: at once on the same machine, else when its lease is over."""
    kills = 100 if FULL else 2
    longest = 0.0
    for turn in range(kills):
        worker = Worker(url, far)
        try:
            worker.send("ask")
            number, attempt = worker.answer()
            assert (number, attempt) == (turn, 1)
        finally:
            worker.close()
        longest = max(longest, taken_over(study, number))
        again = study.ask()
        assert (again.number, again.attempt) == (number, 2)
        assert again.previous_attempts[0].reports == {0: 1.0}
        assert again.previous_attempts[0].failure is (FailureKind.LEASE if far else FailureKind.LOST)
        study.tell(again, 0.0)
    print(f"taken over after {longest:.2f} s at most")  # asked: 2 s, and for another machine the lease and 5 s
    assert len(study.history) == kills


@pytest.fixture(params=["Python", "libfaketime"])
def faked_clock(request: pytest.FixtureRequest) -> Callable[[float], dict[str, Any]]:
    """What gives a worker another clock: of Python alone, or of all that its process calls."""
    if request.param == "Python":
        return lambda shift: {"shift": shift}
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("needs libfaketime: apt install faketime")
    return lambda shift: {"environment": {"LD_PRELOAD": str(found[0]), "FAKETIME": f"{shift:+.0f}s"}}


@pytest.mark.parametrize("shift", [-86400.0, 86400.0], ids=["a day behind", "a day ahead"])
def test_the_clocks_of_workers_do_not_matter(
    url: str, study: ts.Study, shift: float, faked_clock: Callable[[float], dict[str, Any]]
) -> None:
    worker = Worker(url, far=True, **faked_clock(shift))
    try:
        worker.send("clock")
        assert worker.answer() == pytest.approx(time.time() + shift, abs=LONG)
        worker.send("ask")
        assert worker.answer() == [0, 1]
        end = time.monotonic() + 3 * LEASE.ttl
        while time.monotonic() < end:
            assert study.recover() == []
            time.sleep(0.05)
        worker.signal(signal.SIGKILL)
        worker.process.wait()
        taken_over(study, 0)
    finally:
        worker.close()


def test_a_trial_that_another_took_over_meanwhile_is_left_to_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at who is dead and the look at what they ran."""
    storage = SQLStorage(url, lease=LEASE)
    study = storage.create_study("s", ["minimize"], 0)
    begin(storage, study, current_worker() + "0", token=7)  # a process that had our number before us
    assert [t.failure for t in storage.expired(study.id)] == [FailureKind.LOST]
    read = storage._read

    def meanwhile(*arguments: Any) -> list[TrialRecord]:
        monkeypatch.undo()
        storage.release(study.id, {0: Fence(1, 7)}, FailureKind.LOST)
        storage.claim(study.id, "far away:1:boot@2", token=8)
        return read(*arguments)

    monkeypatch.setattr(storage, "_read", meanwhile)
    assert storage.expired(study.id) == []
    assert [t.fence for t in storage.trials(study.id)] == [Fence(2, 8)]
    storage.close()


def test_an_idle_worker_takes_over_by_itself(url: str, study: ts.Study) -> None:
    """Whoever asks looks for dead workers now and then."""
    worker = Worker(url, far=True)
    worker.send("ask")
    assert worker.answer() == [0, 1]
    worker.close()
    end = time.monotonic() + LONG
    numbers = []
    while 0 not in numbers:
        assert time.monotonic() < end
        trial = study.ask()
        numbers.append(trial.number)
        study.tell(trial, 1.0)
        time.sleep(0.1)
    assert sorted(numbers) == list(range(len(numbers)))


def test_a_grid_has_no_hole_when_a_worker_died_at_its_last_cell(url: str) -> None:
    """The others wait until it is known that it is dead, and run the cell."""
    storage = SQLStorage(url, lease=LEASE)
    made = ts.create_study(storage=storage, study_name="s", seed=0, space={"x": ts.Int(1, 10)}, sampler="grid")
    worker = Worker(url, far=True, sampler="grid")
    worker.send("ask")
    number, _ = worker.answer()
    worker.close()
    made.optimize(lambda trial: trial.params["x"])
    assert sorted(t.value for t in made.trials if t.value is not None) == list(range(1, 11))
    assert made.trials[number].attempt == 2
    storage.close()


def test_a_search_that_is_exhausted_does_not_wait_for_living_workers(url: str) -> None:
    storage = SQLStorage(url, lease=Lease(beat=30.0, ttl=3600.0))
    made = ts.create_study(storage=storage, study_name="s", seed=0, space={"x": ts.Int(1, 3)}, sampler="grid")
    near, far = Worker(url, sampler="grid"), Worker(url, far=True, sampler="grid")
    try:
        for worker in (near, far):
            worker.send("ask")
            worker.answer()
        began = time.monotonic()
        made.optimize(lambda trial: trial.params["x"])
        assert time.monotonic() < began + LONG
        assert sum(t.state is ts.TrialState.RUNNING for t in made.trials) == 2
    finally:
        near.close()
        far.close()
        storage.close()
