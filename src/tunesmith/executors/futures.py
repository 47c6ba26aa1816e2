"""Runs objectives on anything that has ``submit(function, *arguments)`` and returns futures.

Pools of ``concurrent.futures`` and loky, ``mpi4py.futures``, and submitit, whose futures are jobs of SLURM. Such a pool
cannot stop what it runs, nor does it carry messages. So each task starts and supervises a worker process of ours
(`tunesmith.executors.task`) and connects to the driver (`tunesmith.executors.mailbox`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tunesmith.executors import wire
from tunesmith.executors.base import GRACE, Event, Objective
from tunesmith.executors.mailbox import ANSWER, CANCEL, LOCAL, Mailbox, own_addresses, run_connected
from tunesmith.executors.relay import RelayExecutor
from tunesmith.executors.resources import cpu_count
from tunesmith.executors.sealed import key_folder as key_folder_at_home
from tunesmith.executors.task import end_kept
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message, shown
from tunesmith.foundation.warnings import caution
from tunesmith.trial import Channel, Trial

LOOK = 0.5  # seconds between two looks at futures that cannot call back
# What the mailbox brings, all of it data; the last message of a run comes as the result of its task.
HEARD = (wire.BEGUN, wire.REPORT, wire.NOTE, wire.ASK, wire.POINTERS)
_log = logging.getLogger("tunesmith")
LOCAL_POOLS = ("concurrent.futures", "loky", "joblib", "submitit.local")  # modules of pools of this machine
SIZES = ("_max_workers", "num_workers", "max_workers")  # the attribute that says how many tasks a pool runs at once


class FuturesExecutor(RelayExecutor):
    """Runs each objective as a task of a pool with ``submit``, in a process of its own beside the pool's.

    Reports, pruning, limits and cancelling need a connection from the task to this process, by TCP. Where there is
    none, the trials run all the same, and their reports arrive with their ends. Both ends show that they know a key,
    which is in a file that you alone can read, and each message has a tag made with it. The pool stays open.

    Args:
        client: the pool; None: threads of this process, each with a process for its trial.
        jobs: how many trials are handed to the pool at once; None: as many as it has workers, if it says that.
        resources: ``{"cpus": 2}`` says how many threads the numeric libraries of a trial may use; what else a task
            needs is for the pool to know.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.
        listen: the address or the name of this machine at which this process listens for tasks; "0.0.0.0" for all.
            None: 127.0.0.1 where the pool runs its tasks on this machine; else the address of this machine's name. The
            logger ``tunesmith`` tells at level INFO which that is.
        key_folder: the folder for the file with the key, which tasks must be able to read. None: the one for temporary
            files where the pool runs its tasks on this machine; else ``tunesmith/keys`` in $XDG_STATE_HOME, or in
            ``~/.local/state``.

    Example:
        ```python
        from concurrent.futures import ThreadPoolExecutor

        import tunesmith

        study = tunesmith.create_study(seed=0)
        with ThreadPoolExecutor(2) as pool:
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4, executor=pool)
        ```
    """

    name: ClassVar[str] = "futures"
    kills: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    notices_loss: ClassVar[bool] = True
    queues: ClassVar[bool] = True

    @checked("jobs", "resources", "time_limit", "memory_limit", "grace")
    def __init__(
        self,
        client: Any = None,
        *,
        jobs: int | None = None,
        resources: Mapping[str, float] | None = None,
        time_limit: float | None = None,
        memory_limit: float | str | None = None,
        grace: float = GRACE,
        listen: str | None = None,
        key_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self.listen = listen
        self.key_folder = None if key_folder is None else Path(key_folder).absolute()
        super().__init__(
            client, jobs=jobs, resources=resources, time_limit=time_limit, memory_limit=memory_limit, grace=grace
        )

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Tell whether it is an object with ``submit`` that is no client of Dask."""
        return (
            not isinstance(client, type)
            and callable(getattr(client, "submit", None))
            and type(client).__module__.split(".")[0] != "distributed"
        )

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Pickle the objective, and begin to listen for tasks.

        Raises:
            ValueError: this machine has not the address at which it should listen.
            KeyFileError: the key cannot be written, or others could read it.
        """
        self._own: Any = None
        self._places = self.jobs or _size(self.client)
        super().open(objective, channel)
        if self.client is None:
            from concurrent.futures import ThreadPoolExecutor

            self._own = ThreadPoolExecutor(self._places, thread_name_prefix="tunesmith-trial")
        self._pool = self.client if self._own is None else self._own
        self._futures: dict[int, Any] = {}
        local = _is_local(self._pool)
        where = self.listen or (LOCAL if local else own_addresses()[0])
        self._mailbox = Mailbox(where, self.key_folder or (None if local else key_folder_at_home()))
        self._told = False  # whether it was told that tasks cannot connect
        _log.info("executor futures: listening for tasks at %s", self._mailbox.address)

    def _threads(self) -> int:
        """Return what a trial asks for, or its share of this machine's cores; another machine's are not known here."""
        return int(self.resources.get("cpus", max(1, cpu_count() // self._places)))

    @property
    def capacity(self) -> int:
        """The number of jobs, or of the pool's workers."""
        return self._places

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Hand a task to the pool.

        Raises:
            Exception: what the pool raises: it is closed, say, or broken.
        """
        job = self._begin(trial, deadline)
        future = self._pool.submit(run_connected, self.setup, job, self._mailbox.address)
        self._futures[trial.number] = future
        if hasattr(future, "add_done_callback"):
            mailbox = self._mailbox
            future.add_done_callback(lambda _: mailbox.wake())

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Read the messages of tasks, answer them, and return what happened.

        Raises:
            ObjectiveError: the objective cannot be loaded in a worker.
        """
        end = None if timeout is None else self.clock() + timeout
        for number, answer in self._read_held():
            self._answer(number, answer)
        self._take_ends()
        while not self._events and self._futures:
            left = LOOK if end is None else max(0.0, min(LOOK, end - self.clock()))
            self._read(self._mailbox.receive(left))
            self._take_ends()
            if end is not None and self.clock() >= end:
                break
        return self._take_events()

    def drain(self) -> list[Event]:
        """Return what happened already."""
        self._read(self._mailbox.receive(0.0))
        self._take_ends()
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask the task to end the trial; one that waits in the pool's queue is taken out."""
        future = self._futures.get(number)
        if future is None:
            return
        with contextlib.suppress(Exception):  # not every kind of future can be cancelled
            if future.cancel() and future.done():  # of these pools, none cancels what runs
                del self._futures[number]
                self._lose(number, FailureKind.KILLED, "the trial was cancelled before it began")
                return
        self._mailbox.send(number, CANCEL + str(self.grace if grace is None else grace).encode())

    def close(self) -> None:
        """End what runs; the pool stays open, unless it is our own."""
        futures, self._futures = getattr(self, "_futures", {}), {}
        for number, future in futures.items():
            with contextlib.suppress(Exception):
                future.cancel()
            self._mailbox.send(number, CANCEL + b"0")
        if futures or getattr(self, "_own", None) is not None:
            self._wait_for(futures)
        if getattr(self, "_mailbox", None) is not None:
            self._mailbox.close()
        if getattr(self, "_own", None) is not None:
            self._own.shutdown()
            self._own = None
        if hasattr(self, "setup"):
            end_kept(self.setup)  # those of threads of this process; a process of a pool ends its own after a while

    # -- messages ------------------------------------------------------------------------------------------------

    def _read(self, messages: list[tuple[int, bytes]]) -> None:
        for number, message in messages:
            if message[:1] in HEARD:
                self._answer(number, self._receive(number, message))

    def _answer(self, number: int, answer: bytes | None) -> None:
        if answer is not None:
            self._mailbox.send(number, ANSWER + answer)

    def _take_ends(self) -> None:
        """Take the results of tasks that ended, after all that they sent before."""
        for number, future in list(self._futures.items()):
            if not future.done():
                continue
            self._read(self._mailbox.rest_of(number))
            del self._futures[number]
            try:
                last, unreached = future.result()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                self._lose(number, FailureKind.LOST, f"the pool lost the task: {name_and_message(error)}")
            else:
                if unreached and not self._told:
                    self._told = True
                    caution(
                        f"a task could not connect to this process at {self._mailbox.address} ({unreached}): its trial "
                        "ran all the same, but was not pruned, and its reports came with its end. Give "
                        "FuturesExecutor(listen=...) an address of this machine that tasks can reach, or "
                        "key_folder= a folder that they can read"
                    )
                self._receive_last(number, last)

    def _wait_for(self, futures: dict[int, Any]) -> None:
        """Give cancelled tasks a moment to end their worker processes."""
        end = self.clock() + LOOK * 4
        while self.clock() < end and not all(future.done() for future in futures.values()):
            self._mailbox.receive(0.05)


def _size(client: Any) -> int:
    """Return how many tasks a pool runs at once.

    Raises:
        ValueError: it does not say.
    """
    if client is None:
        return cpu_count()
    for name in SIZES:
        size = getattr(client, name, None)
        if isinstance(size, int) and size > 0:
            return size
    raise ValueError(
        f"{shown(client)} does not say how many tasks it runs at once: give n_jobs=, or jobs= to FuturesExecutor(...)"
    )


def _is_local(pool: Any) -> bool:
    """Tell whether a pool runs its tasks on this machine; one of another kind may run them anywhere."""
    modules = [kind.__module__ for kind in _own_kinds(pool)]
    if any(module.startswith("submitit.auto") for module in modules):
        return getattr(pool, "cluster", None) in ("local", "debug")
    return any(module.startswith(LOCAL_POOLS) for module in modules)


def _own_kinds(pool: Any) -> list[type]:
    abstract = getattr(sys.modules.get("concurrent.futures"), "Executor", object)
    return [kind for kind in type(pool).__mro__ if kind not in (object, abstract)]
