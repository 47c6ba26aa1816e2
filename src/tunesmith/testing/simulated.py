"""Runs objectives on a virtual clock: a cluster that is not there, with delays, losses and repeated runs by a seed.

All else is real: the event loop, the sampler, the storage, and the driver's side of the messages
(`tunesmith.executors.relay`). The objective is called in this process; only the time that it takes, and what happens to
the process that runs it, are made up. So hours of a thousand workers pass in seconds, and twice in the same way.
"""

from __future__ import annotations

import heapq
import math
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from tunesmith.executors import wire
from tunesmith.executors.base import Event, Objective, end_fork
from tunesmith.executors.completion import Completion
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.remote import RemoteChannel
from tunesmith.executors.supervisor import Job
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.trial import Channel, Proposals, Trial

# ----------------------------------------------------------------------------------------------------------------------
# Threads that run only while the driver waits for them, so that what they do has one order.
#
# A simulated run is such a thread: it runs from one moment of the virtual clock to the next, and then waits for its
# turn.


class Ended(BaseException):
    """Raised in the thread of a run that is over for the rest of the world, so that the objective ends too."""


class TurnThread:
    """Runs one piece of work after another, in turns with the driver.

    Attributes:
        idle: whether it has no work.
    """

    def __init__(self) -> None:
        self.idle = True
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._work: Callable[[], None] | None = None
        self._ending = False
        threading.Thread(target=self._serve, name="tunesmith-simulated", daemon=True).start()

    def begin(self, work: Callable[[], None]) -> None:
        """Run work until it pauses or is done; called by the driver."""
        self._work, self.idle = work, False
        self.resume()

    def resume(self) -> None:
        """Let the work go on until it pauses again or is done; called by the driver."""
        self._mine.release()
        self._theirs.acquire()

    def end(self) -> None:
        """End the work where it pauses, and the thread; called by the driver, which does not wait."""
        self._ending = True
        self._mine.release()

    def pause(self) -> None:
        """Give the turn to the driver and wait for the next one; called by the work.

        Raises:
            Ended: there is none.
        """
        self._theirs.release()
        self._mine.acquire()
        self.check()

    def check(self) -> None:
        """Raise Ended if the thread is to end; called by the work."""
        if self._ending:
            raise Ended

    def _serve(self) -> None:
        while True:
            self._mine.acquire()
            if self._ending or self._work is None:
                return
            try:
                self._work()
            except Ended:
                return
            self.idle = True
            self._theirs.release()


# ----------------------------------------------------------------------------------------------------------------------
# What a simulated cluster is like: how many workers, how long trials take, and what goes wrong.

Seconds = Callable[[Trial], float]


def lognormal(median: float = 60.0, sigma: float = 1.0) -> Seconds:
    """Return a time for each trial that is log-normally distributed, and the same each time it is run.

    Args:
        median: half of the trials take less, in seconds.
        sigma: standard deviation of the logarithm.

    Returns:
        A function for `SimulatedCluster.seconds`.
    """

    def seconds(trial: Trial) -> float:
        return median * math.exp(sigma * np.random.default_rng([trial.seed, 1]).standard_normal())

    return seconds


@checked()
@dataclass(frozen=True)
class SimulatedCluster:
    """A cluster that is not there; give it to ``study.optimize(executor=...)``.

    Args:
        workers: how many trials run at once.
        seconds: how long a trial takes, a number or a function of the trial, which is called when the objective is
            done and sees all that it suggested and noted. Where the objective reports, it is the time up to each
            report instead.
        delay: seconds that a message takes, to a worker or from it.
        driver_time: seconds that the driver takes to hand out a trial; nothing else happens to it meanwhile.
        life: mean seconds until the process of a running trial dies (exponentially distributed); its trial is LOST.
        notice: mean seconds until a running trial is asked to end, as by a cluster that takes its machine away.
        repeats: the share of trials that the engine runs a second time, while the first run goes on.
        resizes: (time, workers): how many there are from then on. Trials that run go on.
        seed: of all that is random.

    Raises:
        ValueError: a number is out of its range.

    Example:
        ```python
        from tunesmith import Float, create_study
        from tunesmith.testing.simulated import SimulatedCluster, lognormal

        study = create_study(seed=0)
        cluster = SimulatedCluster(workers=50, seconds=lognormal(600), delay=0.05)
        study.optimize(lambda x: (x - 1) ** 2, space={"x": Float(-5, 5)}, n_trials=200, executor=cluster)
        ```
    """

    workers: int = 8
    seconds: float | Seconds = 60.0
    delay: float = 0.0
    driver_time: float = 0.0
    life: float = math.inf
    notice: float = math.inf
    repeats: float = 0.0
    resizes: Sequence[tuple[float, int]] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("workers", "delay", "driver_time", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"SimulatedCluster: {name} is 0 or more; got {getattr(self, name)!r}")
        for name in ("life", "notice"):
            if not getattr(self, name) > 0:
                raise ValueError(f"SimulatedCluster: {name} is more than 0 seconds; got {getattr(self, name)!r}")
        if not 0 <= self.repeats <= 1:
            raise ValueError(f"SimulatedCluster: repeats is a share, 0 to 1; got {self.repeats!r}")


class LogEntry(NamedTuple):
    """What happened at a time, to which run of a trial.

    Attributes:
        time: by the virtual clock.
        what: "submit"; on the worker "start" and "stop"; "begin", "report", "note", "ask", "end" and "died" when the
            driver hears of it; "resize".
        trial: the trial's number; -1 for a resize.
        run: 0, or 1 for the second run of a trial; the number of workers for a resize.
    """

    time: float
    what: str
    trial: int
    run: int


# ----------------------------------------------------------------------------------------------------------------------

MESSAGE_WORDS = {wire.BEGUN: "begin", wire.REPORT: "report", wire.NOTE: "note", wire.ASK: "ask", wire.DIED: "died"}


class SimulatedExecutor(RelayExecutor):
    """Runs trials on a virtual clock, see `SimulatedCluster`.

    ``optimize(timeout=...)`` and the trials' costs count by that clock, and so do ``time_limit`` and ``cancel``, which
    end a run in the simulation. They cannot stop an objective that computes or waits for real, nor can the simulation
    notice that the objective ends this process.

    Args:
        client: the cluster; None: one of 8 workers.
        jobs: how many of its workers are used.
        resources: without meaning here.
        time_limit: virtual seconds that a trial may run.
        memory_limit: without meaning here.
        grace: without meaning here: what is ended is gone at once.

    Attributes:
        log: all that happened since it was opened; the same for the same seeds, objective and sampler.
    """

    name: ClassVar[str] = "simulated"
    streams: ClassVar[bool] = True

    def _prepare(self) -> None:
        self.cluster: SimulatedCluster = SimulatedCluster() if self.client is None else self.client
        self.log: list[LogEntry] = []
        self._now = 0.0
        self._live: dict[int, list[_Run]] = {}
        self._idle: list[TurnThread] = []

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Tell whether it is a simulated cluster."""
        return isinstance(client, SimulatedCluster)

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Begin at time 0 with an empty log."""
        super().open(objective, channel)
        self.objective = objective
        self.log = []
        self._now, self._workers = 0.0, self.cluster.workers
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._live, self._idle = {}, []
        self._loaded: tuple[bytes, Proposals | None] = (b"", None)
        for at, workers in self.cluster.resizes:
            self.at(at, partial(self._resize, workers))

    @property
    def capacity(self) -> int:
        """How many workers there are now, at most `jobs`."""
        return self._workers if self.jobs is None else min(self.jobs, self._workers)

    def clock(self) -> float:
        """Return the virtual time."""
        return self._now

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Send a trial to a worker, and perhaps to a second one later."""
        self.note("submit", trial.number, 0)
        busy_until = self._now + self.cluster.driver_time
        while self._queue and self._queue[0][0] <= busy_until:
            self._happen()
        self._now = busy_until
        job = self._begin(trial, deadline)
        runs = self._live[trial.number] = [_Run(self, job, trial.attempt, 0)]
        self.at(self._now + self.cluster.delay, runs[0].start)

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Let time pass until something happened, which takes no time; the timeout is not reached."""
        for number, answer in self._read_held():
            self._answer(number, answer)
            self._forget(number)
        while not self._events and (self._runs or self.capacity == 0):
            if not self._queue:
                raise RuntimeError("the simulated cluster has no worker, and its resizes say of none to come")
            self._happen()
        return self._take_events()

    def drain(self) -> list[Event]:
        """Return what has happened by now."""
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """End a trial as KILLED, at once if it has not begun, else as soon as the message arrives."""
        if self._is_under_way(number):
            for run in self._live[number]:
                at = self._now + (self.cluster.delay if run.began else 0.0)
                self.at(at, partial(run.die, FailureKind.KILLED, "the trial was cancelled"))

    def close(self) -> None:
        """End all runs; the log stays."""
        for runs in self._live.values():
            for run in runs:
                run.stop()
        self._live = {}
        for thread in self._idle:
            thread.end()
        self._idle = []

    def _happen(self) -> None:
        """Let the next thing happen."""
        self._now, _, act = heapq.heappop(self._queue)
        act()

    # -- for the runs ------------------------------------------------------------------------------------------------

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Do something later.

        Args:
            time: when, by the virtual clock.
            act: what.
        """
        heapq.heappush(self._queue, (time, next(self._order), act))

    def note(self, what: str, trial: int, run: int) -> None:
        """Add to the log.

        Args:
            what: happened.
            trial: to which trial.
            run: to which run of it.
        """
        self.log.append(LogEntry(self._now, what, trial, run))

    def proposals(self, data: bytes) -> Proposals | None:
        """Return the proposals of a job; they are the same for many."""
        if data != self._loaded[0]:
            self._loaded = (data, pickle.loads(data))
        return self._loaded[1]

    def thread(self) -> TurnThread:
        """Return a thread without work."""
        return self._idle.pop() if self._idle else TurnThread()

    def keep(self, thread: TurnThread) -> None:
        """Take back a thread without work."""
        self._idle.append(thread)

    def repeat(self, run: _Run, after: float) -> None:
        """Run a trial a second time.

        Args:
            run: the first one.
            after: so many seconds from now, and what a message takes.
        """
        again = _Run(self, run.job, run.attempt, 1)
        self._live[run.job.number].append(again)
        self.at(self._now + after + self.cluster.delay, again.start)

    def lives_on(self, run: _Run) -> bool:
        """Tell whether another run of the trial is there, or to come."""
        return any(not other.over for other in self._live.get(run.job.number, []))

    def deliver(self, run: _Run, message: bytes) -> None:
        """Give the driver a message, and send the answer back.

        Args:
            run: who sent it.
            message: what it says.
        """
        number = run.job.number
        self.note(MESSAGE_WORDS.get(message[:1], "end"), number, run.index)
        self._answer(number, self._receive(number, message), run)

    def settle(self, number: int) -> None:
        """End a trial of which nothing more will be heard, and stop what runs of one that ended."""
        if self._is_under_way(number) and not any(run.is_heard for run in self._live[number]):
            # The run that the driver listened to is lost, and what the other one said came to nothing.
            self._receive(number, wire.pack(wire.DIED, FailureKind.LOST, "its worker was lost"))
        self._forget(number)

    def _answer(self, number: int, answer: bytes | None, run: _Run | None = None) -> None:
        if answer is not None and number in self._live:
            asking = run or self._live[number][-1]  # held back: the last run became the one that is heard
            self.at(self._now + self.cluster.delay, lambda: asking.go_on(answer))

    def _forget(self, number: int) -> None:
        """Stop what still runs of a trial that ended."""
        if not self._is_under_way(number):
            for run in self._live.pop(number, []):
                run.stop()

    def _resize(self, workers: int) -> None:
        self._workers = workers
        self.note("resize", -1, workers)


class _Run:
    """One run of a trial by one worker; the worker's end of the pipe, too.

    Args:
        executor: the driver's end.
        job: the trial.
        attempt: of the trial.
        index: 0, or 1 for the second run of the same trial.

    Attributes:
        over: whether the worker is done with it, or gone.
    """

    def __init__(self, executor: SimulatedExecutor, job: Job, attempt: int, index: int) -> None:
        self.job, self.attempt, self.index = job, attempt, index
        self.began = self.over = False
        self._executor = executor
        self._thread: TurnThread | None = None
        self._answer = b""
        self._reported = False
        self._time = 0.0  # of the objective: it is computed ahead of the clock
        self._sent: list[tuple[float, bytes]] = []
        self._on_the_way = 0
        self._gone = math.inf  # when the worker died: what it would have sent later is not sent

    @property
    def is_heard(self) -> bool:
        """Whether a message of it is still to come."""
        return self._on_the_way > 0 or not self.over

    # -- what happens to it, called by the driver ----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to run, and draw what will happen."""
        executor, cluster = self._executor, self._executor.cluster
        if self.over:
            return
        self.began, self._time, begun = True, executor.clock(), executor.clock()
        executor.note("start", self.job.number, self.index)
        rng = np.random.default_rng([cluster.seed, self.job.number, self.attempt, self.index])
        limits = [s for s in (self.job.time_limit, self.job.left) if s is not None]
        ends: list[tuple[float, FailureKind | None, str]] = [
            (cluster.life * rng.exponential(), FailureKind.LOST, "its worker was lost"),
            (cluster.notice * rng.exponential(), None, "its worker was asked to end"),
            *((after, FailureKind.TIMEOUT, "it ran for too long") for after in limits),
        ]
        after, kind, words = min(ends, key=lambda end: end[0])
        if after < math.inf:
            executor.at(begun + after, lambda: self.die(kind, words))
        repeat, share = rng.random(2).tolist()
        self._thread = executor.thread()
        self._go(lambda thread: thread.begin(self._work))
        if self.index == 0 and repeat < cluster.repeats:
            executor.repeat(self, share * (self._time - begun))

    def go_on(self, answer: bytes) -> None:
        """Take the answer to a question."""
        if not self.over:
            self._answer, self._time = answer, self._executor.clock()
            self._go(lambda thread: thread.resume())

    def die(self, kind: FailureKind | None, words: str) -> None:
        """End as a process does that is killed; the driver hears of it unless the trial has another run."""
        executor = self._executor
        if self.over:
            return
        self._gone = executor.clock()
        self.stop()
        if not executor.lives_on(self):
            self._send(executor.clock(), wire.pack(wire.DIED, kind, words))

    def stop(self) -> None:
        """End the objective; nobody hears of it."""
        if self.began and not self.over:
            self._executor.note("stop", self.job.number, self.index)
        self.over = True
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def _go(self, turn: Callable[[TurnThread], None]) -> None:
        """Let the objective go on until it waits for an answer or is done; send what it said by then."""
        thread = self._thread
        if thread is None:
            return
        turn(thread)
        sent, self._sent = self._sent, []
        if thread.idle:
            self._thread = None
            self._executor.keep(thread)
            self._executor.at(self._time, self.stop)
        for time, message in sent:
            self._send(time, message)

    def _send(self, time: float, message: bytes) -> None:
        self._on_the_way += 1
        self._executor.at(time + self._executor.cluster.delay, lambda: self._arrive(time, message))

    def _arrive(self, time: float, message: bytes) -> None:
        self._on_the_way -= 1
        if time <= self._gone:
            self._executor.deliver(self, message)
        self._executor.settle(self.job.number)

    # -- the worker's side, in its thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        """Run the objective."""
        job, executor = self.job, self._executor
        trial = self._trial = wire.load_trial(job.trial, executor.proposals(job.proposals))
        channel = RemoteChannel(cast("Any", self))
        channel.run = 2 * self.attempt + self.index
        channel.send(wire.BEGUN)
        trial.link.connect(channel)
        trial.link.stop_clock()
        value: Any = None
        fault: wire.Fault | None = None
        here, completion = os.getpid(), Completion()
        try:
            value = completion.complete(executor.objective(trial), trial)
            if os.getpid() != here:
                end_fork()
            if not self._reported:
                self._pass_time()
        except Ended:
            raise
        except BaseException as error:
            if os.getpid() != here:
                end_fork(error)
            fault = wire.dump_fault(error, traceback.format_exc())
        finally:
            completion.close()
        trial.link.connect(None)
        trial.link.leave_out(channel.heard())
        self.send_bytes(wire.dump_end(channel.run, trial, value, fault))

    def send_bytes(self, message: bytes) -> None:
        """Send a message, as a connection does; a report takes time."""
        if message[:1] == wire.REPORT:
            self._reported = True
            self._pass_time()
        self._sent.append((self._time, message))
        if self._thread is not None:
            self._thread.check()

    def recv_bytes(self) -> bytes:
        """Wait for the answer to a question, as a connection does."""
        if self._thread is None:
            raise Ended
        self._thread.pause()
        return self._answer

    def _pass_time(self) -> None:
        seconds = self._executor.cluster.seconds
        passed = float(seconds(self._trial) if callable(seconds) else seconds)
        if not 0 <= passed < math.inf:
            raise ValueError(f"SimulatedCluster: seconds of a trial are 0 or more; got {passed!r}")
        self._time += passed
