"""Runs objectives in processes of this machine, one trial at a time in each.

Each worker has a pipe of its own, so a worker that dies takes down the one trial that it ran, and is replaced. This is
not ``concurrent.futures`` or loky: their pools break as a whole when a worker dies, and neither says which task it ran
nor lets one task be killed. The round trip of a trial that does nothing takes 210 microseconds here and 670
with ``joblib.externals.loky`` (medians of seven runs of 2000 on two cores, two workers, one trial at a time).
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, ClassVar

from tunesmith.errors import ObjectiveError, WorkerDiedError
from tunesmith.executors import wire
from tunesmith.executors.base import Executor, Failed, Finished, Objective
from tunesmith.executors.launch import PATIENCE, WorkerProcess, environment, how_it_ended
from tunesmith.executors.unpicklable import find_unpicklable
from tunesmith.text import name_and_message
from tunesmith.trial import Channel, Proposals, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

DRAIN = 1.0  # seconds for reading what lies in the pipes when the driver is interrupted
LOOK_AGAIN = 1.0  # seconds after which silent workers are checked: a pipe may outlive its process
MAX_FAILED_STARTS = 3


class ProcessExecutor(Executor):
    """Runs up to `jobs` objectives at once, each in a process of its own.

    The objective is pickled once (functions of a script or notebook, lambdas and closures too) and loaded once in each
    worker. Workers are started when there are trials for them, live until ``close``, and use their share of the cores.

    Args:
        objective: what to run.
        channel: gets the reports, in the driver's thread; None: they are dropped.
        jobs: how many objectives run at once.

    Raises:
        ObjectiveError: the objective cannot be pickled.
    """

    name: ClassVar[str] = "processes"

    def __init__(self, objective: Objective, channel: Channel | None, jobs: int) -> None:
        super().__init__(objective, channel)
        self._jobs = jobs
        self._payload = _pickled(objective, "the objective")
        self._env = environment(jobs)
        self._workers: list[_Worker] = []
        self._ended: list[Finished | Failed] = []
        self._failed_starts = 0
        self._looked = self.clock()

    @property
    def capacity(self) -> int:
        """The number of jobs."""
        return self._jobs

    def submit(self, trial: Trial) -> None:
        """Give the trial to a worker that has none; start one if there is none."""
        for worker in [w for w in self._workers if w.trial is None]:
            if worker.process.exit_code() is None and worker.take(trial, self.channel):
                return
            self._remove(worker)  # it died while it had nothing to do
        worker = _Worker(WorkerProcess(self._env))
        self._workers.append(worker)
        worker.take(trial, self.channel)

    def poll(self, timeout: float | None = None) -> list[Finished | Failed]:
        """Read the messages of workers, answer them, and return the trials that ended.

        Raises:
            ObjectiveError: the objective cannot be loaded in a worker.
            WorkerDiedError: workers die before they run anything, again and again.
        """
        end = None if timeout is None else self.clock() + timeout
        while not self._ended and any(w.trial is not None for w in self._workers):
            left = LOOK_AGAIN if end is None else max(0.0, min(LOOK_AGAIN, end - self.clock()))
            self._listen(self._workers, left)
            if self.clock() - self._looked >= LOOK_AGAIN:
                self._find_dead()
            if end is not None and self.clock() >= end:
                break
        return self._take_ended()

    def drain(self) -> list[Finished | Failed]:
        """Return the trials that ended already; an interrupted driver calls this before ``close``."""
        end = self.clock() + DRAIN
        while self._listen([w for w in self._workers if w.loaded], 0.0) and self.clock() < end:
            pass
        return self._take_ended()

    def cancel(self, number: int) -> None:
        """Kill the worker that runs a trial."""
        for worker in self._workers:
            if worker.trial is not None and worker.trial.number == number:
                worker.process.kill()
                self._fail(worker, f"trial {number} was cancelled; its worker process was killed")
                return

    def close(self) -> None:
        """Let idle workers end by themselves, within seconds; kill the others."""
        workers, self._workers = self._workers, []
        try:
            for worker in workers:
                if worker.trial is not None:
                    worker.process.kill()
                else:
                    worker.process.connection.close()
            end = self.clock() + PATIENCE
            for worker in workers:
                worker.process.exit_code(max(0.001, end - self.clock()))
        finally:  # also when a second Ctrl-C comes while we wait
            for worker in workers:
                if worker.process.exit_code() is None:
                    worker.process.kill()
            for worker in workers:
                worker.process.release()

    # -- messages of workers -------------------------------------------------------------------------------------

    def _listen(self, workers: Iterable[_Worker], timeout: float) -> bool:
        """Wait for messages, and act on one of each worker that sent any; return False if none did."""
        from multiprocessing.connection import wait

        # A worker whose message was cut off by an interrupt is out of step: its next bytes have no meaning.
        busy = {w.process.connection: w for w in workers if w.trial is not None and not w.cut_off}
        ready: list[Any] = wait(list(busy), timeout) if busy else []  # typed for sockets and handles as well
        for connection in ready:
            self._read_message(busy[connection])
        return bool(ready)

    def _take_ended(self) -> list[Finished | Failed]:
        ended, self._ended = self._ended, []
        return ended

    def _read_message(self, worker: _Worker) -> None:
        """Act on one message of a worker that runs a trial."""
        try:
            word, *rest = worker.receive()
            if word == wire.READY:
                worker.process.connection.send_bytes(self._payload)
            elif word == wire.LOADED:
                worker.begin()
            elif word == wire.BEGUN:
                self._failed_starts = 0
                worker.begun = True
            elif word in (wire.REPORT, wire.NOTE):
                worker.keep(word, *rest)
            elif word == wire.ASK:
                worker.answer()
            elif word == wire.END:
                self._ended.append(worker.end(*rest))
            else:
                raise _unusable(*rest)
        except (EOFError, OSError):
            self._remove_dead(worker)

    def _find_dead(self) -> None:
        """Find dead workers whose pipe is open: a process that the objective started may hold it."""
        self._looked = self.clock()
        for worker in [w for w in self._workers if w.trial is not None]:
            if worker.process.exit_code() is not None and not worker.process.connection.poll():
                self._remove_dead(worker)

    def _remove_dead(self, worker: _Worker) -> None:
        """Remove a dead worker; if its trial had not begun yet, another one gets it."""
        code = worker.process.exit_code(PATIENCE)
        worker.process.kill()  # if it does live on without its pipe; and in any case what it started
        if worker.begun:
            self._fail(worker, f"the worker process died ({how_it_ended(code)})")
            return
        self._failed_starts += 1
        trial = worker.trial
        self._remove(worker)
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WorkerDiedError(
                f"{self._failed_starts} worker processes died before their trial began ({how_it_ended(code)}); what "
                "they printed above may say why. Does a module that the objective needs end Python when imported?"
            )
        if trial is not None:
            self.submit(trial)

    def _fail(self, worker: _Worker, why: str) -> None:
        """Remove a worker, and let its trial fail."""
        if worker.trial is not None:
            self._ended.append(Failed(_as_proposed(worker.trial), WorkerDiedError(why)))
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.release()


class _Worker:
    """The driver's side of one worker, and the trial that it runs."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.loaded = False  # whether it has the objective
        self.begun = False  # whether it runs its trial
        self.cut_off = False
        self.trial: Trial | None = None  # the driver's copy; the reports go through it
        self._message = b""
        self._proposals: Proposals | None = None  # those that the worker has
        self._fault: BaseException | None = None  # what went wrong with a report

    def take(self, trial: Trial, channel: Channel | None) -> bool:
        """Let the worker run a trial, as soon as it can; False if it turns out to be dead."""
        trial.connect(None)
        data, proposals = wire.dump_trial(trial)
        new = None if proposals is self._proposals else _pickled(proposals, "the space")
        trial.connect(channel)
        self.trial, self.begun, self._proposals, self._fault = trial, False, proposals, None
        self._message = pickle.dumps((data, new))
        try:
            if self.loaded:
                self.begin()
        except OSError:
            return False
        return True

    def receive(self) -> Any:
        """Read one message."""
        self.cut_off = True
        data = self.process.connection.recv_bytes()
        self.cut_off = False
        return pickle.loads(data)

    def begin(self) -> None:
        """Send the trial."""
        self.loaded = True
        self.process.connection.send_bytes(self._message)
        self._message = b""

    def keep(self, word: str, key: Any, value: Any) -> None:
        """Keep a report or a note. The objective does not wait, so it gets an error with its next answer."""
        try:
            if self.trial is not None and word == wire.REPORT:
                self.trial.report(value, key)
            elif self.trial is not None:
                self.trial.set_user_attr(key, value)
        except Exception as error:
            self._fault = self._fault or error

    def answer(self) -> None:
        """Tell the worker whether its trial should stop."""
        answer: bool | None = None
        try:
            if self._fault is not None:
                raise self._fault
            answer = self.trial is not None and self.trial.should_prune()
            fault = None
        except Exception as error:
            self._fault, fault = None, wire.dump_fault(error, "")
        self.process.connection.send_bytes(pickle.dumps((answer, fault)))

    def end(self, trial_bytes: bytes, value_bytes: bytes, fault: wire.Fault | None) -> Finished | Failed:
        """Take the trial back."""
        own, self.trial = self.trial, None
        if own is None:
            raise RuntimeError("a worker ended a trial that it was not given")
        try:
            trial = wire.load_trial(trial_bytes, self._proposals) if trial_bytes else _as_proposed(own)
            trial.take_unsent(own)
            value = pickle.loads(value_bytes)
        except Exception as error:
            words = f"trial {own.number}: what came back from the worker cannot be loaded here: {error!r}"
            return Failed(_as_proposed(own), ObjectiveError(words))
        if fault is not None:
            return Failed(trial, wire.load_fault(fault), fault[-1])
        if self._fault is not None:
            return Failed(trial, self._fault)
        return Finished(trial, value)


def _as_proposed(trial: Trial) -> Trial:
    """Return a lost trial as one that used all that it was proposed; what it did use is not known."""
    trial.take_whole()
    return trial


def _pickled(thing: Any, what: str) -> bytes:
    try:
        return wire.dump(thing)
    except Exception as error:
        culprit = find_unpicklable(thing, lambda part: wire.try_dump(part) is not None)
        why = f"{culprit} ({name_and_message(error)})" if culprit else name_and_message(error)
        raise ObjectiveError(
            f"{what} cannot be sent to worker processes: {why}. It, and all that it refers to, must be picklable, "
            "which open files, locks, connections and studies in memory are not: make these inside of the objective, "
            "or use n_jobs=1"
        ) from error


def _unusable(reason: str, trace: str) -> ObjectiveError:
    error = ObjectiveError(
        f"the objective cannot be loaded in a worker process: {reason}; a worker imports the modules that the "
        "objective comes from: put it into a module that can be imported, or use n_jobs=1"
    )
    error.add_note(f"In the worker process:\n{trace}")
    return error
