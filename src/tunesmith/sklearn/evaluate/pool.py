"""Runs fits in this thread, or in the workers of the backend that joblib is configured to use.

joblib's own loop starts the next piece of work before the caller sees the result that made room for it. A search that
learns from results needs the opposite order, so the loop is ours (`tunesmith.study.engine.loop`): work goes to
joblib's backend through the interface that backends implement (``submit`` with a callback). A backend that cannot
report results as they come is driven through ``Parallel.__call__``, a round at a time.

80 fits of 87 ms on average, log-normal, proposed as workers become free, take 2.5 s with four workers; in rounds of
four they take 4.3 s, since each round waits for its slowest fit (1.7 s if no worker ever waited).
"""

from __future__ import annotations

import math
import os
import pickle
import queue
import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from types import TracebackType
from typing import Any, ClassVar, Protocol
from uuid import uuid4

import cloudpickle
import joblib
import numpy as np
from sklearn import config_context, get_config

from tunesmith.sklearn import _compat
from tunesmith.sklearn.evaluate.evaluator import Evaluator, show_again
from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.protocols import Split
from tunesmith.sklearn.store.outcome import Outcome

# ----------------------------------------------------------------------------------------------------------------------
# Objects sent to workers once instead of with every task.
#
# In one process they go by reference. To worker processes on this machine they go through a file, in joblib's format
# and where joblib puts its own. Each worker maps it into memory: large data exist once however many workers there are.
# To workers elsewhere (Dask, Ray, Spark) they go with the task, and the backend avoids sending them twice.
#
# joblib maps plain arrays too, but it looks for them in the arguments of every call, and sends all else (splits,
# texts, estimators that hold data) with each call. Sending one more batch took, with two workers: 7 ms here and 13 ms
# there for an array of 80 MB; 8 and 23 ms with ten splits beside it; 6 and 339 ms for 200,000 texts.

MAPPED_FROM_BYTES = 2**20  # smaller arrays are copied out of the file, and so may be written to, as joblib has it
SECONDS_BETWEEN_LOOKS = 5.0  # of a worker, whether a search is over: it is not told
UNFILED_HELD = 2  # things without a file that a worker keeps: the present search, and one that may run beside it

_held: OrderedDict[str, tuple[Any, str | None]] = OrderedDict()  # in a worker: name to thing and its file, if any
_lock = threading.RLock()


class Reference:
    """Where a worker finds a thing: here, or in a file of this machine."""

    def __init__(self, thing: Any, path: str | None = None) -> None:
        self.thing = thing
        self.path = path
        self.name = uuid4().hex

    def get(self) -> Any:
        """Return the thing; what is in a file is loaded once in each process."""
        return self.thing if self.path is None else cached(self.name, partial(load_published, self.path), self.path)

    def __sizeof__(self) -> int:
        return 2**20  # Dask spreads a large argument over its workers once, instead of sending it with each task


def cached(name: str, build: Callable[[], Any], path: str | None) -> Any:
    """Return what this worker holds under a name, built when first asked for.

    Args:
        path: the file whose removal says that the search is over; None: only a few such things are held.
    """
    with _lock:
        if name not in _held:
            _forget_finished()
            _held[name] = (build(), path)
            if path is None:
                for old in [n for n, (_, file) in _held.items() if file is None][:-UNFILED_HELD]:
                    del _held[old]
            else:
                threading.Thread(target=_forget_when_over, args=(path,), daemon=True).start()
        return _held[name][0]


def _forget_when_over(path: str) -> None:
    while os.path.exists(path):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    _forget_finished()


def _forget_finished() -> None:
    """Drop what belongs to searches that are over: they have removed their files."""
    with _lock:
        for name in [n for n, (_, path) in _held.items() if path is not None and not os.path.exists(path)]:
            del _held[name]


class _Pickler(cloudpickle.Pickler):
    """Sends a memory map by name: what is on disk already need not be copied."""

    def reducer_override(self, obj: Any) -> Any:
        mapped = _compat.reduce_memmap(obj) if isinstance(obj, np.ndarray) else None
        return super().reducer_override(obj) if mapped is None else mapped


def serialise(thing: Any) -> list[Any]:
    """Return a pickle, and the buffers of its arrays: those that are to be mapped as arrays, others as bytes."""
    out, buffers = BytesIO(), list[pickle.PickleBuffer]()
    _Pickler(out, protocol=5, buffer_callback=buffers.append).dump(thing)
    raw = [buffer.raw() for buffer in buffers]
    return [out.getvalue(), *(np.asarray(b) if b.nbytes >= MAPPED_FROM_BYTES else bytes(b) for b in raw)]


def publish(parts: list[Any], folder: str) -> Reference:
    """Write what `serialise` made into a folder."""
    path = os.path.join(folder, uuid4().hex)
    joblib.dump(parts, path)
    return Reference(None, path)


def load_published(path: str) -> Any:
    """Return what was published; large arrays are read-only views of the file."""
    header, *parts = joblib.load(path, mmap_mode="r")
    return pickle.loads(header, buffers=[bytearray(part) if isinstance(part, bytes) else part for part in parts])


# ----------------------------------------------------------------------------------------------------------------------

Batch = list[Unit]


def run_units(task: Reference, splits: Reference, batch: Batch | bytes) -> list[Outcome]:
    """Run a batch in a worker that does not share the caller's memory.

    Args:
        batch: what to run; as bytes, so that joblib does not look for arrays in it.
    """
    name = task.name + splits.name
    evaluator: Evaluator = cached(name, lambda: Evaluator(task.get(), splits.get()), splits.path)
    units = pickle.loads(batch) if isinstance(batch, bytes) else batch
    config, filters = evaluator.task.config or ({}, [])
    if filters:
        return list(_compat.carry_config(evaluator.run_in_worker, config, filters)(units))
    with config_context(**config):
        return evaluator.run_in_worker(units)


def run_in_thread(evaluator: Evaluator, config: dict[str, Any], batch: Batch) -> list[Outcome]:
    """Run a batch in another thread of this process; scikit-learn's configuration belongs to a thread."""
    with config_context(**config):
        return evaluator.run(batch)


class Pool:
    """Runs batches of fits. A context manager.

    Args:
        n_jobs: how many fits run at once, by joblib's rules.
        pre_dispatch: how far ahead joblib may send work, where its own loop runs.

    Attributes:
        n_workers: how many fits run at once.
        inline: whether they run in this thread.
        streams: whether the backend reports results as they come.
        capacity: how many batches may be under way at once; for the search to set.
        under_way: how many fits are under way, those that wait for a worker among them.
    """

    def __init__(self, n_jobs: int | None, pre_dispatch: int | str) -> None:
        self._parallel = joblib.Parallel(n_jobs=n_jobs, pre_dispatch=pre_dispatch)
        self._folder: str | None = None  # of what is published
        self._task: Task | None = None
        self._task_reference: Reference = Reference(None)
        self._call: Callable[..., list[Outcome]] = list
        self._partial: list[Outcome] = []
        self._waiting: deque[Batch] = deque()
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running = 0
        self.capacity = 1.0
        self.under_way = 0

    shielded: ClassVar[tuple[()]] = ()  # nothing of it is harmed by an interrupt

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Pool:
        self._parallel.__enter__()
        self._backend = _compat.parallel_backend(self._parallel)
        self.n_workers = max(1, int(self._backend.effective_n_jobs(self._parallel.n_jobs)))
        kind = type(self._backend)
        local = (_compat.LokyBackend, _compat.MultiprocessingBackend)
        known = kind in (_compat.SequentialBackend, _compat.ThreadingBackend, *local)
        self.inline = kind is _compat.SequentialBackend or (known and self.n_workers == 1)
        self._shares_memory = self.inline or bool(getattr(self._backend, "supports_sharedmem", False))
        self._local = kind in local
        self._here = known and not self.inline
        self.streams = bool(getattr(self._backend, "supports_retrieve_callback", False))
        if not self.inline and self.streams:
            self._backend.start_call()
            self._parallel._calling = True  # so that leaving ends the call
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None and self._running and not self.inline and self.streams:
                self._backend.abort_everything(ensure_ready=False)
        finally:
            if self._folder is not None:
                _compat.remove_folder(self._folder)
                self._folder = None
            self._parallel.__exit__(kind, error, trace)

    @property
    def n_partial(self) -> int:
        """How many fits are done of the batch that runs in this thread."""
        return len(self._partial)

    # -- what to run -----------------------------------------------------------------------------------------------

    def prepare(self, task: Task, splits: list[Split]) -> None:
        """Make a task and its splits known to the workers. A task that was sent before is not sent again."""
        task.beside = self.n_workers if self._here else 1
        if self._shares_memory:
            evaluator = Evaluator(task, splits, alone=self.inline)
            self._call = evaluator.run if self.inline else partial(run_in_thread, evaluator, get_config())
            return
        if task is not self._task:
            task.config = (get_config(), list(_filters()))
            self._task, self._task_reference = task, self._publish(task)
        self._call = partial(run_units, self._task_reference, self._publish(splits))

    def _publish(self, thing: Any) -> Reference:
        if not self._local:
            return Reference(thing)
        parts = serialise(thing)
        if self._folder is None:
            self._folder = _compat.joblib_folder(self._parallel, sum(map(len, parts)))
        return publish(parts, self._folder)

    # -- running ---------------------------------------------------------------------------------------------------

    def submit(self, batch: Batch) -> None:
        """Begin to run a batch, or queue it if no workers report results as they come."""
        self._running += 1
        self.under_way += _n_fits(batch)
        if self.inline or not self.streams:
            self._waiting.append(batch)
            return
        calls = _compat.BatchedCalls([(self._call, (self._packed(batch),), {})], self._backend.get_nested_backend())
        _compat.submit_to(self._backend, calls, partial(self._came, _n_fits(batch)))

    def poll(self, timeout: float | None = None) -> list[list[Outcome]]:
        """Wait for a batch to end and return its outcomes, as the only item of a list.

        Args:
            timeout: seconds after which to return an empty list; None: wait.

        Raises:
            Exception: what a fit raised, or joblib's error if a worker died.
        """
        if self.inline:
            self._running -= 1
            batch = self._waiting.popleft()
            self.under_way -= _n_fits(batch)
            self._call(batch, self._partial)
            done, self._partial = self._partial, []
            return [done]
        if not self.streams and self._waiting:
            batches = list(self._waiting)
            self._waiting.clear()
            made = self._parallel((self._call, (self._packed(batch),), {}) for batch in batches)
            for batch, outcomes in zip(batches, made, strict=True):
                self._came(_n_fits(batch), outcomes)
        try:
            n_fits, result = self._results.get(timeout=timeout)
        except queue.Empty:
            return []
        self._running -= 1
        self.under_way -= n_fits
        outcomes = self._outcomes(result)
        for warned in [w for o in outcomes for w in o.warned]:
            show_again(warned)
        return [outcomes]

    def drain(self) -> list[list[Outcome]]:
        """Return the outcomes that were not polled yet, after an interruption."""
        if self.inline:
            return [self._partial]
        found: list[list[Outcome]] = []
        while True:
            try:
                _, result = self._results.get_nowait()
            except queue.Empty:
                return found
            with suppress(Exception):  # a failed batch has no outcomes
                found.append(self._outcomes(result))

    def _came(self, n_fits: int, result: Any) -> None:
        """Take what came of a batch; a backend may call it in a thread of its own."""
        self._results.put((n_fits, result))

    def _outcomes(self, result: Any) -> list[Outcome]:
        outcomes: list[Outcome] = self._backend.retrieve_result_callback(result)[0] if self.streams else result
        return outcomes

    def _packed(self, batch: Batch) -> Batch | bytes:
        return cloudpickle.dumps(batch) if self._local else batch


def _n_fits(batch: Batch) -> int:
    return sum(len(unit.splits) for unit in batch)


def _filters() -> Any:
    get = getattr(warnings, "_get_filters", None)  # Python 3.14: filters belong to the context
    return warnings.filters if get is None else get()


# ----------------------------------------------------------------------------------------------------------------------
# Which fits go to a worker together.
#
# Sending one short fit at a time costs more than the fit. Sending many leaves a worker idle at the end, and a killed
# process loses more. So a batch has as many fits as take about a quarter of a second by the measurements so far, and
# towards the end no more than a fair share of what is left.

BATCH_SECONDS = 0.25  # seconds of work in a batch
LEAST_BATCH_SECONDS = 0.02  # below this, sending costs too much to share the last fits out evenly
NEWEST_WEIGHT = 0.5  # weight of the newest batch in the running mean


class BatchSizer:
    """Chooses how many fits to send at once by how long fits have taken.

    Attributes:
        seconds_per_fit: of one fit with its scores, as measured; None before the first one.
    """

    def __init__(self) -> None:
        self.seconds_per_fit: float | None = None

    def observe(self, outcomes: list[Outcome]) -> None:
        """Take in what a batch measured."""
        if not outcomes:
            return
        mean = sum(o.fit_seconds + o.score_seconds for o in outcomes) / len(outcomes)
        if self.seconds_per_fit is None:
            self.seconds_per_fit = mean
        else:
            self.seconds_per_fit = NEWEST_WEIGHT * mean + (1 - NEWEST_WEIGHT) * self.seconds_per_fit

    def size(self, left: int, workers: int) -> int:
        """Return how many fits to send next, of those left."""
        if self.seconds_per_fit is None:
            return 1
        each = max(self.seconds_per_fit, 1e-5)
        fair = max(left / (3 * workers), LEAST_BATCH_SECONDS / each)
        return max(1, min(int(BATCH_SECONDS / each), int(fair), left))


def batches(units: list[Unit], sizer: BatchSizer, workers: int) -> Iterator[Batch]:
    """Cut units into batches, each as large as the sizer then allows; a unit may be cut between its splits."""
    waiting = deque(units)
    left = sum(len(u.splits) for u in units)
    while waiting:
        size = sizer.size(left, workers)
        left -= size
        batch: Batch = []
        while size > 0 and waiting:
            unit = waiting.popleft()
            if len(unit.splits) > size:
                unit, rest = unit.cut(size)
                waiting.appendleft(rest)
            batch.append(unit)
            size -= len(unit.splits)
        yield batch


def dispatch_limit(pre_dispatch: int | str, workers: int) -> float:
    """Return how many batches may be under way at once, by scikit-learn's ``pre_dispatch``.

    Raises:
        ValueError: it is neither a number, nor "all", nor a sum or product of numbers and ``n_jobs``.
    """
    if pre_dispatch == "all":
        return float("inf")
    if isinstance(pre_dispatch, str):
        return max(1.0, float(_compat.eval_expr(pre_dispatch.replace("n_jobs", str(workers)))))
    return max(1.0, float(pre_dispatch))


# ----------------------------------------------------------------------------------------------------------------------
# When a search has to end, held to within one fit: how long the next ones take is predicted from those before.


class Busy(Protocol):
    """What runs the fits: how many at once, and how many are under way, those in its queue among them."""

    n_workers: int
    under_way: int


@dataclass(slots=True)
class Deadline:
    """The end of a search, and what there is time for until then.

    Attributes:
        sizer: how long fits have taken.
        pool: what runs them.
        at: the end, by the monotonic clock; infinite: there is none.
        reserved: fits that have to follow before that, one after the other; one of more rows counts as more than one.
    """

    sizer: BatchSizer
    pool: Busy
    at: float = math.inf
    reserved: float = 0.0

    @property
    def is_set(self) -> bool:
        """Whether there is an end."""
        return math.isfinite(self.at)

    @property
    def passed(self) -> bool:
        """Whether no further fit is to be begun."""
        return not self._allows(self.pool.under_way // self.pool.n_workers)  # it would wait for so many

    def allows(self, n_fits: int) -> bool:
        """Tell whether so many fits would probably end in time. While no fit has ended, only the clock is known."""
        return self._allows(math.ceil((self.pool.under_way + n_fits) / self.pool.n_workers))

    def _allows(self, n_rounds: int) -> bool:
        each = self.sizer.seconds_per_fit or 0.0
        return time.monotonic() + each * (n_rounds + self.reserved) < self.at
