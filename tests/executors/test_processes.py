"""Worker processes: what goes in and out, and that their deaths are noticed, attributed and survived."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith import Float, ObjectiveError, Space, Trial, TrialPruned, WorkerDiedError
from tunesmith.executors import launch, relay, wire
from tunesmith.executors.base import End, Event, Failed, Finished, Notice
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.testing.executors import (
    HANG_SECONDS,
    Recorder,
    a_trial,
    opened,
    process_runs,
    run_all,
    until,
    wait_for,
    wait_for_file,
)
from tunesmith.trial import Proposals

posix = pytest.mark.skipif(os.name == "nt", reason="tells of signals and process groups")


@contextmanager
def executing(objective: Callable[[Trial], Any], jobs: int = 1) -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(jobs=jobs)
    with opened(executor, objective, Recorder()):
        yield executor


def run_one(objective: Callable[[Trial], Any], number: int = 0) -> End:
    with executing(objective) as executor:
        (event,) = run_all(executor, [a_trial(number)])
    return event


def failure(event: End) -> BaseException:
    assert isinstance(event, Failed)
    return event.error


# ------------------------------------------------------------------------------------------------------- what goes in


class Loads:
    """An objective that says how often it was pickled and unpickled."""

    pickled = loaded = 0

    def __call__(self, trial: Trial) -> tuple[int, int]:
        return os.getpid(), Loads.loaded

    def __reduce__(self) -> Any:
        type(self).pickled += 1
        return Loads.load, ()

    @staticmethod
    def load() -> Loads:
        Loads.loaded += 1
        return Loads()


def test_the_objective_is_pickled_once_and_loaded_once_in_each_worker() -> None:
    Loads.pickled = 0
    with executing(Loads(), jobs=2) as executor:
        events = run_all(executor, [a_trial(k) for k in range(8)])
    assert Loads.pickled == 1
    pids = {e.value[0] for e in events if isinstance(e, Finished)}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert {e.value[1] for e in events if isinstance(e, Finished)} == {1}


def test_workers_are_started_only_for_trials_that_there_are() -> None:
    with executing(lambda trial: os.getpid(), jobs=50) as executor:
        assert executor.capacity == 50
        pids = {e.value for k in range(3) for e in run_all(executor, [a_trial(k)]) if isinstance(e, Finished)}
    assert len(pids) == 1


def test_the_space_is_sent_when_it_changes_and_not_with_each_trial() -> None:
    trial = a_trial(0)
    data, proposals = wire.dump_trial(trial)
    assert len(data) < 500
    assert len(wire.dump(proposals)) > len(data)
    assert wire.load_trial(data, proposals).suggest_float("x", 0, 1) == 0.25


def test_numeric_libraries_get_their_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    for jobs, threads in ((2, 4), (20, 1)):
        executor = ProcessExecutor(jobs=jobs)
        executor.open(abs, None)
        assert executor.setup.threads == threads
    assert launch.worker_environment(4, {})["OMP_NUM_THREADS"] == "4"
    assert launch.worker_environment(4, {})["MKL_NUM_THREADS"] == "3"  # the user has decided

    def what_it_sees(trial: Trial) -> str:
        from joblib import cpu_count

        return f"{os.environ['OMP_NUM_THREADS']} {cpu_count()}"

    monkeypatch.setattr(relay, "cpu_count", lambda: 4)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    with executing(what_it_sees, jobs=4) as executor:
        (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    assert event.value == "1 1"


def test_a_worker_has_the_callers_paths_and_an_empty_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def objective(trial):\n    import sys\n    return sys.stdin.read()\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here  # type: ignore[import-not-found]  # written a moment ago

    event = run_one(only_here.objective)
    assert isinstance(event, Finished)
    assert event.value == ""


def test_an_objective_that_cannot_be_pickled_is_told_before_any_trial() -> None:
    lock = threading.Lock()
    with pytest.raises(
        ObjectiveError, match=r"cannot be sent to worker processes: the variable .lock. .*TypeError: .*n_jobs=1"
    ):
        ProcessExecutor(jobs=2).open(lambda trial: lock.locked(), None)


class OnlyHere:
    """An objective that can be pickled, and unpickled in this process alone."""

    def __call__(self, trial: Trial) -> float:
        return 1.0

    def __reduce__(self) -> Any:
        return __import__, ("no_such_module_anywhere",)


def test_an_objective_that_cannot_be_loaded_stops_the_driver_and_fails_no_trial() -> None:
    with executing(OnlyHere()) as executor:
        executor.submit(a_trial(0))
        words = "ModuleNotFoundError: No module named 'no_such_module_anywhere'"
        with pytest.raises(ObjectiveError, match=words) as caught:
            wait_for(executor, 1)
    assert words in caught.value.__notes__[0]


def test_a_space_that_cannot_be_pickled_is_told() -> None:
    lock = threading.Lock()
    space = Space({"x": Float(0, 1)}, constraints=lambda x: not lock.locked())
    with executing(wait_for_file) as executor, pytest.raises(ObjectiveError, match="the space cannot be sent"):
        executor.submit(Trial(0, 0, Proposals(space), [0.5]))


# -------------------------------------------------------------------------------------------------- what comes back


def test_numbers_of_other_libraries_come_back_as_floats() -> None:
    np = pytest.importorskip("numpy")
    assert wire.plain(np.float32(0.5)) == 0.5
    assert type(wire.plain(np.float64(0.5))) is float
    assert type(wire.plain(np.int64(2))) is float
    assert wire.plain((np.float64(1), 2, [np.array(3.0)])) == (1.0, 2, [3.0])
    assert wire.plain("0.5") == "0.5"
    several = np.arange(3)
    assert wire.plain(several) is several


def test_a_result_that_cannot_be_pickled_fails_the_trial_and_says_so() -> None:
    event = run_one(lambda trial: (trial.suggest_float("x", 0, 1), (i for i in ())))
    error = failure(event)
    assert isinstance(error, ObjectiveError)
    assert "trial 0: the objective returned a tuple, which cannot be pickled" in str(error)
    assert event.trial.params == {"x": 0.25}


def test_a_note_that_cannot_be_kept_is_named_and_the_others_are_kept() -> None:
    def objective(trial: Trial) -> float:
        trial.set_user_attr("good", [1, 2])
        trial.set_user_attr("bad", sys._getframe())
        return 1.0

    event = run_one(objective)
    assert "attribute 'bad': a value of type frame cannot be kept" in str(failure(event))
    assert event.trial.user_attrs == {"good": [1, 2]}


def test_a_choice_that_cannot_be_pickled_is_told() -> None:
    def objective(trial: Trial) -> float:
        trial.suggest_categorical("frame", [sys._getframe()])
        return 1.0

    assert "its parameters cannot be pickled" in str(failure(run_one(objective)))


class TwoArguments(Exception):
    """Pickles, and does not unpickle: its constructor wants more than its message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code


class Stubborn(Exception):
    """Neither pickles nor can be made without its own constructor."""

    def __new__(cls, *args: Any) -> Stubborn:
        if not args:
            raise TypeError("no bare ones")
        return super().__new__(cls, *args)

    def __reduce__(self) -> Any:
        raise TypeError("not me")


def test_an_error_that_does_not_survive_pickling_keeps_its_class_for_catch() -> None:
    def objective(trial: Trial) -> float:
        raise TwoArguments(5, "went wrong")

    error = failure(run_one(objective))
    assert type(error) is TwoArguments
    assert str(error) == "went wrong (5)"
    assert "raise TwoArguments" in "".join(error.__notes__)


def test_an_error_that_cannot_be_made_anew_becomes_a_runtime_error_that_names_it() -> None:
    def objective(trial: Trial) -> float:
        raise Stubborn("went wrong")

    error = failure(run_one(objective))
    assert type(error) is RuntimeError
    assert str(error) == "Stubborn: went wrong"


def test_errors_of_classes_that_only_the_caller_has_come_back_as_what_they_are() -> None:
    class Local(Exception):
        pass

    def objective(trial: Trial) -> float:
        raise Local("x")

    assert type(failure(run_one(objective))) is Local
    assert isinstance(failure(run_one(_prune)), TrialPruned)


def _prune(trial: Trial) -> float:
    raise TrialPruned


def test_what_an_objective_prints_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    def objective(trial: Trial) -> float:
        print("hello from the worker")
        print("and on stderr", file=sys.stderr)
        os._exit(4)  # nothing that was printed is lost

    run_one(objective)
    out, err = capfd.readouterr()
    assert out == "hello from the worker\n"
    assert err == "and on stderr\n"


# ------------------------------------------------------------------------------------------------------------- deaths


def die(trial: Trial) -> float:
    """Die in the third trial, in the way that its note names."""
    x = trial.suggest_float("x", 0, 1)
    if trial.number == 2:
        trial.report(5.0, 1)
        how = trial.user_attrs["how"]
        if how == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL if how == "kill" else signal.SIGSEGV)
        time.sleep(HANG_SECONDS)
    return x


@posix
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", "the worker process died (exit code 3)"),
        ("kill", "the worker process died (exit code -9, SIGKILL; was there too little memory?)"),
        ("segfault", "the worker process died (exit code -11, SIGSEGV)"),
    ],
)
def test_a_worker_that_dies_takes_down_the_trial_that_it_ran_and_no_other(how: str, words: str) -> None:
    with executing(die, jobs=2) as executor:
        events = run_all(executor, [a_trial(k, how=how) for k in range(8)])
    assert sorted(e.trial.number for e in events) == list(range(8))
    (lost,) = [e for e in events if isinstance(e, Failed)]
    assert lost.trial.number == 2
    assert isinstance(lost.error, WorkerDiedError)
    assert str(lost.error) == words
    assert lost.kind is FailureKind.LOST
    assert lost.trial.params == {"x": 0.25, "kind": None}  # what was proposed: its own word is lost ...
    assert lost.trial.reports == {1: 5.0}  # ... but for what it reported
    assert {e.value for e in events if isinstance(e, Finished)} == {0.25}


@posix
def test_a_death_is_noticed_though_a_child_of_the_worker_keeps_the_pipe_open_and_others_talk(tmp_path: Path) -> None:
    def objective(trial: Trial) -> float:
        if trial.number == 1:  # keeps the driver busy with listening
            step = 0
            while not (tmp_path / "enough").exists():
                trial.report(1.0, step)
                step += 1
                time.sleep(0.01)
            return 1.0
        if os.fork() == 0:
            time.sleep(HANG_SECONDS)
            os._exit(0)
        os._exit(7)

    with executing(objective, jobs=2) as executor:
        executor.submit(a_trial(0))
        executor.submit(a_trial(1))
        (event,) = wait_for(executor, 1)
        assert event.trial.number == 0
        assert "exit code 7" in str(failure(event))
        (tmp_path / "enough").touch()
        wait_for(executor, 1)


class DiesWhenLoaded:
    def __call__(self, trial: Trial) -> float:
        return 1.0

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def test_workers_that_die_while_they_start_stop_the_driver_and_fail_no_trial() -> None:
    with executing(DiesWhenLoaded(), jobs=2) as executor:
        executor.submit(a_trial(0))
        executor.submit(a_trial(1))
        with pytest.raises(WorkerDiedError, match=r"3 worker processes died before .*\(exit code 9\)"):
            wait_for(executor, 1)


def test_an_idle_worker_that_died_is_replaced() -> None:
    def objective(trial: Trial) -> int:
        return os.getpid()

    with executing(objective) as executor:
        (first,) = run_all(executor, [a_trial(0)])
        assert isinstance(first, Finished)
        os.kill(first.value, signal.SIGTERM)
        until(lambda: not process_runs(first.value))
        (second,) = run_all(executor, [a_trial(1)])
    assert isinstance(second, Finished)
    assert second.value != first.value


@posix
def test_a_trial_that_its_worker_never_began_goes_to_another_one() -> None:
    with executing(lambda trial: os.getpid()) as executor:
        (first,) = run_all(executor, [a_trial(0)])
        assert isinstance(first, Finished)
        os.kill(first.value, signal.SIGSTOP)
        executor.submit(a_trial(1))  # into the pipe of a worker that will not read it any more
        os.kill(first.value, signal.SIGKILL)
        (second,) = wait_for(executor, 1)
    assert isinstance(second, Finished)
    assert second.value != first.value


def test_cancel_ends_one_trial_and_leaves_the_others_alone(tmp_path: Path) -> None:
    go, never = tmp_path / "go", tmp_path / "never"
    with executing(wait_for_file, jobs=2) as executor:
        executor.submit(a_trial(0, path=str(never)))
        executor.submit(a_trial(1, path=str(go)))
        executor.cancel(0)
        (event,) = wait_for(executor, 1)
        assert event.trial.number == 0
        assert "the trial was cancelled" in str(failure(event))
        go.touch()
        executor.submit(a_trial(2, path=str(go)))
        events = wait_for(executor, 2)
        assert sorted(e.trial.number for e in events) == [1, 2]
        assert all(isinstance(e, Finished) for e in events)


@posix
def test_close_ends_workers_and_what_they_started(tmp_path: Path) -> None:
    def objective(trial: Trial) -> float:
        program = [sys.executable, "-c", "import time; time.sleep(1000)"]
        child = subprocess.Popen(program)
        (tmp_path / f"{trial.number}.tmp").write_text(f"{os.getpid()} {child.pid}")
        (tmp_path / f"{trial.number}.tmp").rename(tmp_path / f"{trial.number}.pids")
        child.wait()
        return 1.0

    executor = ProcessExecutor(jobs=2)
    executor.open(objective, Recorder())
    executor.submit(a_trial(0))
    executor.submit(a_trial(1))
    assert executor.poll(0.0) == []
    until(lambda: executor.poll(0.05) == [] and len(list(tmp_path.glob("*.pids"))) == 2)
    executor.close()
    pids = [int(pid) for path in tmp_path.glob("*.pids") for pid in path.read_text().split()]
    assert len(pids) == 4
    until(lambda: not any(map(process_runs, pids)))


DRIVER = """
    import os, subprocess, sys, time
    from tunesmith.executors.processes import ProcessExecutor
    from tunesmith.testing.executors import Recorder, a_trial

    def objective(trial):
        program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
        child = subprocess.Popen([sys.executable, "-c", program + "time.sleep(1000)"], stdout=subprocess.PIPE)
        child.stdout.readline()
        print(os.getpid(), child.pid, flush=True)
        {0}

    executor = ProcessExecutor(jobs=1)
    executor.open(objective, Recorder())
    executor.submit(a_trial(0))
    {1}
    while True:
        executor.poll()
"""


@posix
@pytest.mark.parametrize(
    "work",
    ["time.sleep(1000)", "7 ** (10**8)", "__import__('re').match('(a+)+$', 'a' * 60 + 'b')"],
    ids=["sleeping", "multiplying", "matching"],
)
def test_workers_and_what_they_started_end_with_a_driver_that_is_killed(work: str) -> None:
    """Those too that hold the interpreter's lock in C code, and children that ignore SIGTERM."""
    program = [sys.executable, "-c", textwrap.dedent(DRIVER).replace("{0}", work).replace("{1}", "")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        pids = [int(pid) for pid in driver.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(process_runs, pids))
        driver.kill()
        until(lambda: not any(map(process_runs, pids)))


@posix
def test_workers_end_though_a_process_that_the_driver_forked_lives_on() -> None:
    """It holds the pipes to them open; who their parent is tells that the driver is gone."""
    fork = (
        "while not executor.poll(0.1): pass\nif (child := os.fork()) == 0: time.sleep(1000)\nprint(child, flush=True)"
    )
    text = textwrap.dedent(DRIVER).replace("{0}", "time.sleep(1000)").replace("{1}", fork)
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        lines = [[int(pid) for pid in driver.stdout.readline().split()] for _ in range(2)]
        (forked,), pids = sorted(lines, key=len)
        try:
            driver.kill()
            until(lambda: not any(map(process_runs, pids)))
        finally:
            os.kill(forked, signal.SIGKILL)


def say_so_and_wait_for_file(trial: Trial) -> float:
    if trial.number == 0:
        trial.report(0.0, 0)
    return wait_for_file(trial)


def test_what_has_ended_is_taken_out_and_what_runs_is_asked_to_end(tmp_path: Path) -> None:
    go, never = tmp_path / "go", tmp_path / "never"
    with executing(say_so_and_wait_for_file, jobs=2) as executor:
        executor.submit(a_trial(0, path=str(go)))
        executor.submit(a_trial(1, path=str(never)))
        begun: list[Event] = []
        while len(begun) < 3:  # both begin, and one reports
            begun += executor.poll(1.0)
        go.touch()
        until(lambda: any(w.process.connection.poll() for w in executor._workers))
        ends = {e.trial.number: e for e in executor.drain() if not isinstance(e, Notice)}
    assert isinstance(ends[0], Finished)
    if os.name == "posix":
        assert isinstance(ends[1], Failed)
        assert ends[1].kind is None  # nobody's fault


TERMINATED = """
    import sys, time
    import tunesmith

    def objective(trial):
        trial.report(0.5, 0)
        try:
            print(trial.number, flush=True)
            time.sleep(1000)
        finally:
            trial.set_user_attr("checkpoint", trial.number)

    study = tunesmith.create_study(storage=sys.argv[1], study_name="s")
    study.optimize(objective, n_trials=4, n_jobs=2)
"""


@posix
def test_a_driver_that_gets_sigterm_lets_its_workers_save_what_they_have(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    program = [sys.executable, "-c", textwrap.dedent(TERMINATED), path]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert {int(driver.stdout.readline()) for _ in range(2)} == {0, 1}
        driver.terminate()
        assert driver.wait(HANG_SECONDS) == -signal.SIGTERM
    trials = tunesmith.load_study(study_name="s", storage=path).trials
    assert [(t.state, t.crashes, dict(t.user_attrs)) for t in trials] == [
        (TrialState.WAITING, 0, {"checkpoint": 0}),
        (TrialState.WAITING, 0, {"checkpoint": 1}),
    ]


@posix
def test_sigterm_in_the_midst_of_a_message_waits_until_it_is_taken_in(tmp_path: Path) -> None:
    """A worker whose message was cut off would be killed instead of being asked to end."""
    program = """
    import os, signal, sys, time
    from multiprocessing.connection import Connection
    from pathlib import Path
    import tunesmith
    from tunesmith.executors.wire import BEGUN

    folder, begun = Path(sys.argv[1]), []
    read = Connection.recv_bytes

    def recv_bytes(self, *args):
        message = read(self, *args)
        if message[:1] == BEGUN:
            begun.append(message)
            if len(begun) == 2:
                while len(list(folder.glob("running-*"))) < 2:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGTERM)
        return message

    def objective(trial):
        try:
            (folder / f"running-{trial.number}").touch()
            time.sleep(1000)
        finally:
            trial.set_user_attr("checkpoint", trial.number)

    Connection.recv_bytes = recv_bytes
    study = tunesmith.create_study(storage=folder / "s.db", study_name="s")
    study.optimize(objective, n_trials=4, n_jobs=2)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program), tmp_path], timeout=HANG_SECONDS, check=False)
    assert run.returncode == -signal.SIGTERM
    trials = tunesmith.load_study(study_name="s", storage=tmp_path / "s.db").trials
    assert [(t.state, t.crashes, dict(t.user_attrs)) for t in trials] == [
        (TrialState.WAITING, 0, {"checkpoint": 0}),
        (TrialState.WAITING, 0, {"checkpoint": 1}),
    ]


@posix
def test_a_handler_that_an_objective_sets_is_gone_with_the_next_trial() -> None:
    def objective(trial: Trial) -> float:
        if trial.number == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return 1.0
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(HANG_SECONDS)
        return 1.0

    with executing(objective) as executor:
        _, second = run_all(executor, [a_trial(0), a_trial(1)])
    assert isinstance(second, Failed)
    assert second.kind is None


def test_faults_are_plain_enough_to_be_sent() -> None:
    fault = wire.dump_fault(ValueError("no"), "trace")
    assert type(wire.load_fault(pickle.loads(pickle.dumps(fault)))) is ValueError


def test_the_end_of_another_run_ends_nothing() -> None:
    """Such as one that a process says which an earlier trial left behind."""

    def objective(trial: Trial) -> float:
        channel: Any = trial.link.channel
        channel.send_bytes(wire.dump_end(channel.run - 1, trial, -1.0, None))
        trial.report(1.0, 1)
        return -1.0 if trial.should_prune() else 1.0

    with executing(objective) as executor:
        ends = run_all(executor, [a_trial(n) for n in range(3)])
    assert [end.value for end in ends if isinstance(end, Finished)] == [1.0] * 3


@pytest.mark.parametrize("asks", [True, False])
def test_a_report_that_the_driver_has_is_not_sent_again(monkeypatch: pytest.MonkeyPatch, asks: bool) -> None:
    """The driver's answers say what it has; the last reports, of which it said nothing, come with the end as well."""

    def objective(trial: Trial) -> float:
        for step in range(300):
            trial.report(step / 3, step, cost=0.5)
            if asks and step < 290:
                trial.should_prune()
        return 1.0

    again: list[list[int]] = []
    load = wire.load_trial

    def noted(*args: Any) -> Trial:
        trial = load(*args)
        again.append(list(trial.reports or ()))
        return trial

    monkeypatch.setattr("tunesmith.executors.wire.load_trial", noted)
    end = run_one(objective)
    assert again == [list(range(290 if asks else 0, 300))]
    assert end.trial.reports == {step: step / 3 for step in range(300)}
    assert end.trial.costs == dict.fromkeys(range(300), 0.5)
    assert end.trial.link.unsent() == (None, None)
