"""Runs objectives on anything that has ``submit(function, *arguments)`` and returns futures.

Pools of ``concurrent.futures`` and loky, ``mpi4py.futures``, and submitit, whose futures are jobs of SLURM. Such a pool
cannot stop what it runs, nor does it carry messages. So each task starts and supervises a worker process of ours
(`tunesmith.executors.task`), and exchanges messages with the driver by files (`tunesmith.executors.folder`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tunesmith.executors import wire
from tunesmith.executors.base import GRACE_SECONDS, Objective
from tunesmith.executors.engine import EngineExecutor, Sent
from tunesmith.executors.folder import FIRST_PAUSE, DriversFolder, run_in_pool
from tunesmith.executors.resources import cpu_count
from tunesmith.executors.supervisor import Job
from tunesmith.executors.task import CANCEL, end_kept
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.text import name_and_message, shown
from tunesmith.foundation.warnings import caution
from tunesmith.trial import Channel

PAUSE_HERE, PAUSE_ELSEWHERE = 0.05, 1.0  # seconds between two looks at a folder, at most: on this machine, on a network
# What the folder brings, all of it data; the last message of a run comes as the result of its task.
HEARD = (wire.BEGUN, wire.REPORT, wire.NOTE, wire.ASK, wire.POINTERS)
LOCAL_POOLS = ("concurrent.futures", "loky", "joblib", "submitit.local")  # modules of pools of this machine
# The attribute that says how many tasks a pool runs at once.
SIZE_ATTRIBUTES = ("_max_workers", "num_workers", "max_workers")


class FuturesExecutor(EngineExecutor):
    """Runs each objective as a task of a pool with ``submit``, in a process of its own beside the pool's.

    Reports, pruning and cancelling need a folder that this process and the tasks reach: they exchange messages by small
    files in it. Where there is none, the trials run all the same, and their reports arrive with their ends. The pool
    stays open.

    Args:
        client: the pool; None: threads of this process, each with a process for its trial.
        jobs: how many trials are handed to the pool at once; None: as many as it has workers, if it says that.
        resources: ``{"cpus": 2}`` says how many threads the numeric libraries of a trial may use; what else a task
            needs is for the pool to know.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: bytes that a trial's processes may use together, or a text such as "2GB"; None: no limit.
        grace: seconds that a trial has to end by itself when it is asked to, before it is killed.
        folder: a folder that this process and the tasks can write. None: where the pool runs its tasks on this machine,
            the one for temporary files; for submitit, the folder of its jobs; else ``tunesmith/tasks`` in
            $XDG_STATE_HOME, or in ``~/.local/state``, since clusters share home folders as a rule. Of that a warning
            tells, when the search begins.

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

    @checked("jobs", "resources", "time_limit", "memory_limit", "grace")
    def __init__(
        self,
        client: Any = None,
        *,
        jobs: int | None = None,
        resources: Mapping[str, float] | None = None,
        time_limit: float | None = None,
        memory_limit: float | str | None = None,
        grace: float = GRACE_SECONDS,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder).absolute()
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
        """Pickle the objective, and make the folder for messages.

        Raises:
            OSError: it cannot be made.
        """
        self._own: Any = None
        self._places = self.jobs or _size(self.client)
        super().open(objective, channel)
        if self.client is None:
            from concurrent.futures import ThreadPoolExecutor

            self._own = ThreadPoolExecutor(self._places, thread_name_prefix="tunesmith-trial")
        self._pool = self.client if self._own is None else self._own
        self._folder = self._new_folder()
        self._pause = FIRST_PAUSE
        self._done = threading.Event()  # a task has ended, or nobody can tell
        self._told = False  # whether it was told that tasks cannot reach the folder

    def _new_folder(self) -> DriversFolder:
        if _is_local(self._pool):
            return DriversFolder(self.folder or Path(tempfile.gettempdir()), PAUSE_HERE)
        parent = self.folder or _folder_of_jobs(self._pool)
        if parent is None:
            state = os.environ.get("XDG_STATE_HOME")
            parent = (Path(state) if state else Path.home() / ".local" / "state") / "tunesmith" / "tasks"
            caution(
                f"tasks of {shown(self._pool)} may run on other machines, and exchange messages with this process by "
                f"files in {parent}: where they do not reach it, no trial is pruned or cancelled, and reports arrive "
                "with the ends of trials. Give FuturesExecutor(folder=...) a folder that all of them reach"
            )
        return DriversFolder(parent, PAUSE_ELSEWHERE)

    def _threads(self) -> int:
        """Return what a trial asks for, or its share of this machine's cores; another machine's are not known here."""
        return int(self.resources.get("cpus", max(1, cpu_count() // self._places)))

    def _count_slots(self) -> int:
        return self._places

    def close(self) -> None:
        """End what runs; the pool stays open, unless it is our own."""
        sent, self._sent = list(getattr(self, "_sent", {}).values()), {}
        for one in sent:
            with contextlib.suppress(Exception):
                one.future.cancel()
            self._tell(one, CANCEL, 0.0)
        end = self.clock() + 2.0  # for tasks to end their worker processes
        while self.clock() < end and not all(one.future.done() for one in sent):
            self._done.wait(PAUSE_HERE)
            self._done.clear()
        if getattr(self, "_folder", None) is not None:
            self._folder.close()
            del self._folder
        if getattr(self, "_own", None) is not None:
            self._own.shutdown()
            self._own = None
        if hasattr(self, "setup"):
            end_kept(self.setup)  # those of threads of this process; a process of a pool ends its own after a while

    # -- tasks ---------------------------------------------------------------------------------------------------

    def _hand_over(self, job: Job, sent: Sent) -> Any:
        sent.line = self._folder.expect(sent.name)
        future = self._pool.submit(run_in_pool, self.setup, job, self._folder.address, sent.name)
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(lambda _: self._done.set())
        return future

    def _take_back(self, sent: Sent) -> bool:
        with contextlib.suppress(Exception):  # not every kind of future can be cancelled
            return bool(sent.future.cancel() and sent.future.done())  # of these pools, none cancels what runs
        return False

    def _tell(self, sent: Sent, word: str, value: Any) -> None:
        self._folder.tell(sent.name, word, value)

    def _hang_up(self, sent: Sent) -> None:
        self._folder.forget(sent.name)

    def _read(self, timeout: float) -> bool:
        end = self.clock() + timeout
        while True:
            found = False
            for sent in list(self._sent.values()):
                done = sent.future.done()  # first: then all that it said before is there
                found = self._read_messages(sent) or found
                if done:
                    found = True
                    self._task_ended(sent)
            left = end - self.clock()
            self._pause = FIRST_PAUSE if found else min(2 * self._pause, self._folder.address.pause)
            if found or left <= 0:
                return found
            if self._done.wait(min(left, self._pause)):
                self._done.clear()

    def _read_messages(self, sent: Sent) -> bool:
        messages = []
        with contextlib.suppress(OSError):  # the disk is away for a while
            messages = sent.line.read()
        for message in messages:
            if message[:1] in HEARD:
                self._hear(sent.name, message)
        return bool(messages)

    def _task_ended(self, sent: Sent) -> None:
        try:
            last, unreached = sent.future.result()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._give_up(sent, FailureKind.LOST, f"the pool lost the task: {name_and_message(error)}")
            return
        if unreached and not self._told:
            self._told = True
            caution(
                f"a task could not reach the folder {self._folder.address.folder} ({unreached}): its trial ran all the "
                "same, but was not pruned, and its reports came with its end. Give FuturesExecutor(folder=...) a "
                "folder that this process and the tasks reach"
            )
        self._end(sent, last)


def _size(client: Any) -> int:
    """Return how many tasks a pool runs at once.

    Raises:
        ValueError: it does not say.
    """
    if client is None:
        return cpu_count()
    for name in SIZE_ATTRIBUTES:
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


def _folder_of_jobs(pool: Any) -> Path | None:
    """Return the folder of a pool's jobs, as submitit's have one, which names what differs from job to job by "%"."""
    folder = getattr(pool, "folder", None)
    if not isinstance(folder, str | os.PathLike):
        return None
    whole = Path(folder).absolute()
    return next(place for place in (whole, *whole.parents) if "%" not in str(place))


def _own_kinds(pool: Any) -> list[type]:
    abstract = getattr(sys.modules.get("concurrent.futures"), "Executor", object)
    return [kind for kind in type(pool).__mro__ if kind not in (object, abstract)]
