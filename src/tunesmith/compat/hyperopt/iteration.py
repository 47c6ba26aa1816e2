"""Hyperopt's loop: an algorithm proposes, the objective is called, and documents say how it went."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tunesmith.compat.hyperopt import progress
from tunesmith.compat.hyperopt.ctrl import Ctrl
from tunesmith.compat.hyperopt.documents import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Document,
    loss_of,
    now,
    spec_from_misc,
)
from tunesmith.compat.hyperopt.domain import Domain
from tunesmith.compat.hyperopt.search import drawn_seed


def evaluate(domain: Domain, trials: Any, trial: Document) -> BaseException | None:
    """Call the objective for a document, and write there how it went.

    Args:
        domain: has the objective.
        trials: what the document belongs to.
        trial: the document.

    Returns:
        the error that it raised; None: it returned.
    """
    trial["state"] = JOB_STATE_RUNNING
    trial["book_time"] = trial["refresh_time"] = now()
    ctrl = Ctrl(trials, current_trial=trial)
    error: Exception | None = None
    try:
        trial["result"] = domain.evaluate(spec_from_misc(trial["misc"]), ctrl)
        trial["state"] = JOB_STATE_DONE
    except Exception as raised:
        error = raised
        trial["state"] = JOB_STATE_ERROR
        trial["misc"]["error"] = (str(type(raised)), str(raised))
    trial["refresh_time"] = now()
    return error


class FMinIter:
    """A search that goes on trial by trial; `exhaust` runs all of them, and iteration one at a time.

    Args:
        algo: proposes: a function of (new_ids, domain, trials, seed) that returns documents.
        domain: the space and the objective.
        trials: where the documents are.
        rstate: where the seeds come from.
        asynchronous: must be None or False.
        max_queue_len: how many points are proposed at once.
        poll_interval_secs: without effect.
        max_evals: how many trials there are to be in all.
        timeout: seconds after which none is begun.
        loss_threshold: a loss at which the search ends.
        verbose: whether progress is shown.
        show_progressbar: the same, or a context manager that shows it; see `progress`.
        early_stop_fn: called with the trials, and with what it returned last, after each round; returns whether to end,
            and a list for the next call.
        trials_save_file: a file where the trials are kept after each round.
    """

    catch_eval_exceptions = False

    def __init__(
        self,
        algo: Callable[..., Any],
        domain: Domain,
        trials: Any,
        rstate: Any,
        asynchronous: bool | None = None,
        max_queue_len: int = 1,
        poll_interval_secs: float = 1.0,
        max_evals: int = sys.maxsize,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        verbose: bool = False,
        show_progressbar: Any = True,
        early_stop_fn: Callable[..., Any] | None = None,
        trials_save_file: str = "",
    ) -> None:
        if asynchronous or (asynchronous is None and trials.asynchronous):
            raise NotImplementedError(
                "trials that other processes evaluate are not known here; tunesmith.minimize(fn, space, n_trials=..., "
                "n_jobs=4) runs trials in processes of this machine"
            )
        self.algo, self.domain, self.trials, self.rstate = algo, domain, trials, rstate
        self.max_queue_len, self.max_evals = max_queue_len, max_evals
        self.timeout, self.loss_threshold = timeout, loss_threshold
        self.early_stop_fn, self.early_stop_args = early_stop_fn, list[Any]()
        self.trials_save_file = trials_save_file
        self.asynchronous = False
        self.start_time = time.monotonic()
        self.best_loss = math.inf
        self._n_done = self._n_looked_at = 0
        self._queue: list[Document] = []
        self.progress_callback = progress_callback(verbose, show_progressbar)

    def serial_evaluate(self, N: int = -1) -> None:
        """Call the objective for the documents that wait, for N of them at most (-1: all)."""
        waiting = self._waiting()
        for trial in waiting if N < 0 else waiting[:N]:
            error = evaluate(self.domain, self.trials, trial)
            if error is None:
                self._n_done += 1
                self.best_loss = min(self.best_loss, _or_infinite(loss_of(trial)))
                continue
            self.trials.hide(trial)
            if not self.catch_eval_exceptions:
                raise error

    def block_until_done(self) -> None:
        """Call the objective for all documents that wait."""
        self.serial_evaluate()

    def run(self, N: int, block_until_done: bool = True) -> None:
        """Propose N points and evaluate them.

        Args:
            N: how many.
            block_until_done: without effect.
        """
        trials = self.trials
        trials.refresh()
        n_queued = 0
        self._n_done = n_shown = trials.count_by_state_unsynced(JOB_STATE_DONE)
        self.best_loss = min((_or_infinite(loss_of(doc)) for doc in trials.trials), default=math.inf)
        with self.progress_callback(initial=n_shown, total=self.max_evals) as shown:
            while not self._is_over():
                waiting = len(self._waiting())
                if n_queued >= N and not waiting:
                    break
                wanted = min(self.max_queue_len - waiting, N - n_queued)
                proposed = self._propose(wanted) if wanted > 0 else 0
                n_queued += proposed
                if wanted > 0 and not proposed and not waiting:
                    break  # the algorithm has nothing more to propose
                self.serial_evaluate()
                if self.trials_save_file:
                    save(trials, self.trials_save_file)
                stop = self._stops_early()
                if self.best_loss < math.inf:
                    shown.postfix = f"best loss: {self.best_loss}"
                shown.update(self._n_done - n_shown)
                n_shown = self._n_done
                if stop:
                    break

    def _propose(self, n: int) -> int:
        """Insert n proposals, or fewer if there are no more points; return how many."""
        trials = self.trials
        documents = self.algo(trials.new_trial_ids(n), self.domain, trials, drawn_seed(self.rstate))
        before = len(trials._dynamic_trials)
        trials.insert_trial_docs(documents)
        trials.show(trials._dynamic_trials[before:])
        return len(documents)

    def _waiting(self) -> list[Document]:
        """Return the documents that wait to be evaluated; looks only at those that were inserted since."""
        documents = self.trials._dynamic_trials
        found = [*self._queue, *documents[self._n_looked_at :]]
        self._n_looked_at = len(documents)
        self._queue = [doc for doc in found if doc["state"] == JOB_STATE_NEW]
        return self._queue

    def _is_over(self) -> bool:
        if self.timeout is not None and time.monotonic() - self.start_time >= self.timeout:
            return True
        return self.loss_threshold is not None and self.best_loss <= self.loss_threshold

    def _stops_early(self) -> bool:
        if self.early_stop_fn is None or not len(self.trials):
            return False
        stop, self.early_stop_args = self.early_stop_fn(self.trials, *self.early_stop_args)
        return bool(stop)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if len(self.trials) >= self.max_evals or self._is_over():
            raise StopIteration
        self.run(1)
        return self.trials

    def exhaust(self) -> Self:
        """Run the trials that are left; return itself."""
        self.run(self.max_evals - len(self.trials))
        self.trials.refresh()
        return self


def _or_infinite(loss: float) -> float:
    return math.inf if math.isnan(loss) else loss


def progress_callback(verbose: bool, show_progressbar: Any) -> Callable[..., Any]:
    """Return what shows progress.

    Args:
        verbose: False: nothing is shown.
        show_progressbar: whether it is, or the context manager that shows it.

    Returns:
        the context manager.
    """
    if not verbose or not show_progressbar:
        return progress.no_progress_callback
    return progress.default_callback if show_progressbar is True else show_progressbar


def save(trials: Any, path: str) -> None:
    """Write trials to a file, which is whole at any time.

    Args:
        trials: the trials.
        path: the file.
    """
    import cloudpickle

    beside = Path(f"{path}.{os.getpid()}.new")
    beside.write_bytes(cloudpickle.dumps(trials))
    beside.replace(path)
