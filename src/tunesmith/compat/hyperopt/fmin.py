"""`fmin`, and what it is called with."""

from __future__ import annotations

import functools
import inspect
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tunesmith.compat.hyperopt import progress, tpe
from tunesmith.compat.hyperopt.base import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Ctrl,
    Document,
    Domain,
    Trials,
    loss_of,
    new_document,
    new_misc,
    spec_from_misc,
    validate_loss_threshold,
    validate_timeout,
)
from tunesmith.compat.hyperopt.exceptions import InvalidAnnotatedParameter
from tunesmith.compat.hyperopt.names import check_ours, refuser
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply, dfs, rec_eval
from tunesmith.compat.hyperopt.search import drawn_seed
from tunesmith.compat.hyperopt.utils import coarse_utcnow
from tunesmith.foundation.system.replacing import replacing

# -- hyperopt's loop: an algorithm proposes, the objective is called, and documents say how it went -----------------


def evaluate(domain: Domain, trials: Any, trial: Document) -> BaseException | None:
    """Call the objective for a document, and write there how it went.

    Returns:
        the error that it raised; None: it returned.
    """
    trial["state"] = JOB_STATE_RUNNING
    trial["book_time"] = trial["refresh_time"] = coarse_utcnow()
    ctrl = Ctrl(trials, current_trial=trial)
    error: Exception | None = None
    try:
        trial["result"] = domain.evaluate(spec_from_misc(trial["misc"]), ctrl)
        trial["state"] = JOB_STATE_DONE
    except Exception as raised:
        error = raised
        trial["state"] = JOB_STATE_ERROR
        trial["misc"]["error"] = (str(type(raised)), str(raised))
    trial["refresh_time"] = coarse_utcnow()
    return error


class FMinIter:
    """A search that goes on trial by trial; `exhaust` runs all of them, and iteration one at a time.

    Args:
        algo: proposes: a function of (new_ids, domain, trials, seed) that returns documents.
        domain: the space and the objective.
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
    """
    if not verbose or not show_progressbar:
        return progress.no_progress_callback
    return progress.default_callback if show_progressbar is True else show_progressbar


def save(trials: Any, path: str) -> None:
    """Write trials to a file, which is whole at any time."""
    import cloudpickle

    with replacing(path) as part:
        part.write_bytes(cloudpickle.dumps(trials))


def generate_trial(tid: Any, space: Mapping[str, Any]) -> Document:
    """Return the document of a point that is to be evaluated.

    Args:
        space: its values by label.
    """
    return new_document(tid, None, {"status": "new"}, new_misc(tid, space, space), None)


def generate_trials_to_calculate(points: Sequence[Mapping[str, Any]]) -> Trials:
    """Return Trials whose points `fmin` evaluates before it searches."""
    trials = Trials()
    trials.insert_trial_docs([generate_trial(tid, point) for tid, point in enumerate(points)])
    return trials


def fmin_pass_expr_memo_ctrl(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark an objective that takes (expr, memo, ctrl) in place of a point; a decorator."""
    f.fmin_pass_expr_memo_ctrl = True  # type: ignore[attr-defined]  # functions take attributes
    return f


def partial(fn: Callable[..., Any], **named: Any) -> Callable[..., Any]:
    """Return `functools.partial` of an objective, with its mark."""
    bound: Any = functools.partial(fn, **named)
    if hasattr(fn, "fmin_pass_expr_memo_ctrl"):
        bound.fmin_pass_expr_memo_ctrl = fn.fmin_pass_expr_memo_ctrl
    return bound  # type: ignore[no-any-return]  # it is a partial


def space_eval(space: Any, hp_assignment: Mapping[str, Any]) -> Any:
    """Return a point of a space from the values of its parameters.

    Args:
        space: the space.
        hp_assignment: values by label, choices as the index of the option: what `fmin` returns.

    Returns:
        the point, as the objective gets it.
    """
    expr = as_apply(space)
    memo = {}
    for node in dfs(expr):
        if node.name == "hyperopt_param" and (label := rec_eval(node.arg["label"])) in hp_assignment:
            memo[node] = hp_assignment[label]
    return rec_eval(expr, memo=memo)


def fmin(
    fn: Callable[..., Any],
    space: Any,
    algo: Callable[..., Any] | None = None,
    max_evals: int | None = None,
    timeout: float | None = None,
    loss_threshold: float | None = None,
    trials: Any = None,
    rstate: Any = None,
    allow_trials_fmin: bool = True,
    pass_expr_memo_ctrl: bool | None = None,
    catch_eval_exceptions: bool = False,
    verbose: bool = True,
    return_argmin: bool = True,
    points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
    max_queue_len: int = 1,
    show_progressbar: Any = True,
    early_stop_fn: Callable[..., Any] | None = None,
    trials_save_file: str = "",
) -> Any:
    """Find the point of a space at which a function is smallest, as Hyperopt's `fmin` does.

    Args:
        fn: gets a point and returns its loss, or a dict with "status", "loss" and whatever else is to be kept.
        space: made of `hp.*`; or "annotated": the annotations of fn's arguments.
        algo: `tpe.suggest`, `rand.suggest`, ..., a `functools.partial` of one, or a function of your own with the
            arguments (new_ids, domain, trials, seed). None: `tpe.suggest`.
        max_evals: how many trials there are to be in all; None: no limit.
        timeout: seconds after which none is begun.
        loss_threshold: a loss at which the search ends.
        trials: `Trials` to go on with, and to read afterwards; None: new ones.
        rstate: a `numpy.random.Generator`. None: the environment variable HYPEROPT_FMIN_SEED, or no seed.
        allow_trials_fmin: let the trials run the search, if their class has a `fmin` of its own.
        pass_expr_memo_ctrl: call ``fn(expr=, memo=, ctrl=)`` instead.
        catch_eval_exceptions: go on after a trial whose function raised an error.
        verbose: whether progress is shown.
        return_argmin: return the values of parameters by label; False: the point itself, or None if there is none.
        points_to_evaluate: values by label of points that are evaluated first, in addition to `max_evals`.
        max_queue_len: how many points are proposed at once.
        show_progressbar: whether progress is shown, or a context manager that shows it; see `progress`.
        early_stop_fn: called with the trials, and with what it returned last; returns whether to end, and a list for
            the next call. See `early_stop.no_progress_loss`.
        trials_save_file: a file where the trials are kept after each round; with ``trials=None``, the search goes on
            with those that it holds.

    Returns:
        the parameters of the best trial by label, choices as the index of the option; see `space_eval`.

    Raises:
        AllTrialsFailed: no trial has a loss.

    Example:
        ```python
        from tunesmith.compat.hyperopt import fmin, hp, tpe

        best = fmin(
            lambda x: (x - 3) ** 2, hp.uniform("x", -5, 5), algo=tpe.suggest, max_evals=30, show_progressbar=False
        )
        print(best["x"])
        ```
    """
    validate_timeout(timeout)
    validate_loss_threshold(loss_threshold)
    rstate = _default_rstate() if rstate is None else rstate
    if isinstance(space, str) and space == "annotated":
        fn, space = _annotated(fn)
    check_ours(trials, "Trials")
    check_ours(getattr(algo, "func", algo), "tpe")
    if trials is None:
        trials = _load_or_new(trials_save_file)
    if points_to_evaluate is not None:
        trials.refresh()
        ids = trials.new_trial_ids(len(points_to_evaluate))
        documents = [generate_trial(tid, point) for tid, point in zip(ids, points_to_evaluate, strict=True)]
        trials.insert_trial_docs([{**doc, "exp_key": trials._exp_key} for doc in documents])
    if allow_trials_fmin and hasattr(trials, "fmin") and type(trials).fmin is not Trials.fmin:
        return trials.fmin(
            fn, space, algo=algo, max_evals=max_evals, timeout=timeout, loss_threshold=loss_threshold,
            max_queue_len=max_queue_len, rstate=rstate, pass_expr_memo_ctrl=pass_expr_memo_ctrl, verbose=verbose,
            catch_eval_exceptions=catch_eval_exceptions, return_argmin=return_argmin,
            show_progressbar=show_progressbar, early_stop_fn=early_stop_fn, trials_save_file=trials_save_file,
        )  # fmt: skip
    search = FMinIter(
        tpe.suggest if algo is None else algo,
        Domain(fn, space, pass_expr_memo_ctrl=pass_expr_memo_ctrl),
        trials,
        rstate,
        max_queue_len=max_queue_len,
        max_evals=sys.maxsize if max_evals is None else max_evals,
        timeout=timeout,
        loss_threshold=loss_threshold,
        verbose=verbose,
        show_progressbar=show_progressbar,
        early_stop_fn=early_stop_fn,
        trials_save_file=trials_save_file,
    )
    search.catch_eval_exceptions = catch_eval_exceptions
    search.exhaust()
    return _best_of(trials, space, return_argmin)


Trials.loop = staticmethod(fmin)


def _best_of(trials: Any, space: Any, return_argmin: bool) -> Any:
    """Return what `fmin` returns.

    Args:
        return_argmin: whether values by label are wanted, and not the point.

    Returns:
        the values, or the point; None: there are no trials, and the point was wanted.

    Raises:
        AllTrialsFailed: no trial has a loss.
        Exception: there are no trials.
    """
    if return_argmin:
        if not len(trials.trials):
            raise Exception("There are no evaluation tasks, cannot return argmin of task losses.")
        return trials.argmin
    return space_eval(space, trials.argmin) if len(trials) else None


def _load_or_new(path: str) -> Any:
    if path and Path(path).exists():
        import cloudpickle

        return cloudpickle.loads(Path(path).read_bytes())
    return Trials()


def _annotated(fn: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return an objective of one dict, and the space that its arguments are annotated with."""
    space = {name: note for name, note in inspect.get_annotations(fn, eval_str=True).items() if name != "return"}
    for name, note in space.items():
        if not isinstance(note, Apply):
            raise InvalidAnnotatedParameter(
                f'with space="annotated", each argument of the objective is annotated by hp.*; {name!r} is {note!r}'
            )
    return lambda point: fn(**point), space


def _default_rstate() -> np.random.Generator:
    seed = os.environ.get("HYPEROPT_FMIN_SEED", "")
    return np.random.default_rng(int(seed) if seed else None)


__getattr__ = refuser(__name__)
