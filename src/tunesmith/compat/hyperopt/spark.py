"""`SparkTrials`: several trials at once. They run in processes of this machine, and no Spark is needed."""

from __future__ import annotations

import functools
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.hyperopt import anneal, atpe, rand, tpe
from tunesmith.compat.hyperopt.dimensions import Dimension, active_values
from tunesmith.compat.hyperopt.documents import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    Document,
    loss_of,
    new_document,
    new_misc,
    now,
    spec_from_misc,
    validate_loss_threshold,
    validate_timeout,
)
from tunesmith.compat.hyperopt.domain import Domain
from tunesmith.compat.hyperopt.fmin import best_of
from tunesmith.compat.hyperopt.iteration import save
from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.search import Proposer, Search, drawn_seed
from tunesmith.compat.hyperopt.trials import Attachments, Trials
from tunesmith.frozen import FrozenTrial
from tunesmith.state import FailureKind
from tunesmith.study import Study
from tunesmith.trial import Trial

PROPOSERS: dict[Any, Callable[..., Proposer]] = {
    tpe.suggest: tpe.proposer,
    rand.suggest: rand.proposer,
    anneal.suggest: anneal.proposer,
    atpe.suggest: atpe.proposer,
}
EARLY, TIMEOUT = "early stopping condition", "fmin run timeout"


@dataclass(frozen=True)
class Results:
    """Where results wait for the driver: a folder of its own, that no other user can read or write.

    A result may be any object, and so is pickled; a storage, which others write too, never holds a pickle.

    Attributes:
        folder: of the driver, mode 0700, and gone when the search ends.
    """

    folder: Path

    def put(self, number: int, result: Mapping[str, Any]) -> None:
        """Keep the result of a trial, whole or not at all."""
        import cloudpickle

        handle, part = tempfile.mkstemp(dir=self.folder)  # mode 0600
        with os.fdopen(handle, "wb") as file:
            cloudpickle.dump(result, file)
        os.replace(part, self.folder / str(number))

    def take(self, number: int) -> dict[str, Any] | None:
        """Return the result of a trial, which is kept no longer; None: it has none."""
        import cloudpickle

        path = self.folder / str(number)
        if not path.exists():
            return None
        with path.open("rb") as file:
            result: dict[str, Any] = cloudpickle.load(file)
        path.unlink()
        return result


@dataclass(frozen=True)
class Evaluation:
    """The objective of the study: evaluates a point of a domain, and leaves its result to the driver.

    Attributes:
        domain: evaluates.
        dimensions: of its space.
        results: where the results go.
    """

    domain: Domain
    dimensions: Mapping[str, Dimension]
    results: Results

    def __call__(self, trial: Trial) -> float:
        """Return the loss; NaN: the result has none."""
        values = active_values(self.dimensions, trial.take_whole())
        result = self.domain.evaluate(values, None, attach_attachments=False)
        self.results.put(trial.number, result)
        return loss_of({"result": result})


class SparkTrials(Trials):
    """Trials of which several run at once, each in a process of this machine.

    Args:
        parallelism: how many; None or less than 1: one a core.
        timeout: seconds after which none is begun; those that run are waited for.
        loss_threshold: a loss at which the search ends.
        spark_session: without effect, with a warning; so is `resource_profile`.
        resource_profile: without effect, with a warning.
    """

    asynchronous = True
    MAX_CONCURRENT_JOBS_ALLOWED = 128

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: Any = None,
        resource_profile: Any = None,
    ) -> None:
        super().__init__()
        validate_timeout(timeout)
        validate_loss_threshold(loss_threshold)
        if spark_session is not None or resource_profile is not None:
            caution(
                "SparkTrials: trials run in processes of this machine, not on Spark; for a cluster, use "
                "tunesmith.minimize(executor='dask') or 'ray'"
            )
        wanted = parallelism if parallelism is not None and parallelism > 0 else os.cpu_count() or 1
        self.parallelism = min(wanted, self.MAX_CONCURRENT_JOBS_ALLOWED)
        self.timeout, self.loss_threshold = timeout, loss_threshold
        self._fmin_cancelled = False
        self._fmin_cancelled_reason: str | None = None

    @property
    def fmin_cancelled_reason(self) -> str | None:
        """Why the search ended before all trials were run; None: it did not."""
        return self._fmin_cancelled_reason

    def count_successful_trials(self) -> int:
        """Return how many trials returned a result."""
        return self.count_by_state_unsynced(JOB_STATE_DONE)

    def count_failed_trials(self) -> int:
        """Return how many trials raised an error."""
        return self.count_by_state_unsynced(JOB_STATE_ERROR)

    def count_cancelled_trials(self) -> int:
        """Return how many trials were cancelled: none."""
        return self.count_by_state_unsynced(JOB_STATE_CANCEL)

    def count_total_trials(self) -> int:
        """Return how many trials ended."""
        return self.count_by_state_unsynced([JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL])

    def delete_all(self) -> None:
        """Remove all documents, and forget why the last search ended."""
        super().delete_all()
        self._fmin_cancelled, self._fmin_cancelled_reason = False, None

    def trial_attachments(self, trial: Document) -> Attachments:
        """Raise NotImplementedError, as in Hyperopt: put small things into the result."""
        raise NotImplementedError("SparkTrials keep no attachments; put what is to be kept into the result's dict")

    def fmin(
        self,
        fn: Callable[..., Any],
        space: Any,
        algo: Any = None,
        max_evals: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        max_queue_len: int = 1,
        rstate: Any = None,
        verbose: bool = False,
        pass_expr_memo_ctrl: bool | None = None,
        catch_eval_exceptions: bool = False,
        return_argmin: bool = True,
        show_progressbar: Any = True,
        early_stop_fn: Any = None,
        trials_save_file: str = "",
    ) -> Any:
        """Run the trials; `fmin(trials=SparkTrials())` calls this. A trial that raises an error does not end it.

        Args:
            fn: as for `fmin`.
            space: as for `fmin`.
            algo: tpe.suggest, rand.suggest, anneal.suggest, atpe.suggest, or a `functools.partial` of one.
            max_evals: as for `fmin`.
            timeout: as for `fmin`.
            loss_threshold: as for `fmin`.
            max_queue_len: without effect.
            rstate: as for `fmin`.
            verbose: as for `fmin`.
            pass_expr_memo_ctrl: must be false.
            catch_eval_exceptions: without effect; errors are always caught.
            return_argmin: as for `fmin`.
            show_progressbar: as for `fmin`, but no context manager.
            early_stop_fn: as for `fmin`.
            trials_save_file: as for `fmin`.

        Returns:
            what `fmin` returns.

        Raises:
            TypeError: the algorithm is none of these, or `pass_expr_memo_ctrl` is true.
        """
        if pass_expr_memo_ctrl:
            raise TypeError("SparkTrials: an objective with pass_expr_memo_ctrl cannot run in another process")
        validate_timeout(timeout)
        self.timeout = timeout if self.timeout is None else self.timeout
        self.loss_threshold = loss_threshold if loss_threshold is not None else self.loss_threshold
        domain = Domain(fn, space)
        search = Search(domain, proposer_of(algo), drawn_seed(rstate))
        waiting = [doc for doc in self._dynamic_trials if doc["state"] == JOB_STATE_NEW]
        self._dynamic_trials = [doc for doc in self._dynamic_trials if doc["state"] != JOB_STATE_NEW]
        self.refresh()
        search.read(self._dynamic_trials)
        for doc in waiting:
            search.enqueue(spec_from_misc(doc["misc"]))
        round_args: list[Any] = []

        def ended(study: Study, trial: FrozenTrial) -> None:
            nonlocal round_args
            self._insert_trial_docs([self._document(search, trial, results)])
            self.refresh()
            if trials_save_file:
                save(self, trials_save_file)
            loss = math.inf if trial.value is None else trial.value
            stop = self.loss_threshold is not None and loss <= self.loss_threshold
            if early_stop_fn is not None and len(self):
                early, round_args = early_stop_fn(self, *round_args)
                stop = stop or early
                if early:
                    self._fmin_cancelled, self._fmin_cancelled_reason = True, EARLY
            if stop:
                study.stop()

        left = None if max_evals is None else max(0, max_evals - len(self)) + len(waiting)
        n_before = len(search.study.trials) - len(waiting)
        with tempfile.TemporaryDirectory(prefix="tunesmith-") as folder:
            results = Results(Path(folder))
            search.study.optimize(
                Evaluation(domain, search.dimensions, results),
                left,
                self.timeout,
                self.parallelism,
                catch=(Exception, *FailureKind),
                callbacks=[ended],
                show_progress_bar=bool(verbose and show_progressbar),
            )
        if not self._fmin_cancelled and left is not None and len(search.study.trials) - n_before < left:
            self._fmin_cancelled, self._fmin_cancelled_reason = True, TIMEOUT if self.timeout is not None else None
        return best_of(self, space, return_argmin)

    def _document(self, search: Search, trial: FrozenTrial, results: Results) -> Document:
        """Return a trial of the study as a document."""
        (tid,) = self.new_trial_ids(1)
        misc = new_misc(tid, search.dimensions, search.values_of(trial.params))
        doc = new_document(tid, None, {"status": "new"}, misc, self._exp_key)
        doc["book_time"] = doc["refresh_time"] = now()
        result = results.take(trial.number)
        if result is None:
            doc["state"] = JOB_STATE_ERROR
            doc["misc"]["error"] = (str(trial.failure), str(trial.reason))
        else:
            doc["state"], doc["result"] = JOB_STATE_DONE, result
        return doc


def proposer_of(algo: Any) -> Proposer:
    """Return who proposes for an algorithm; None: TPE.

    Raises:
        TypeError: the algorithm is none of Hyperopt's own.
    """
    function, options = (algo.func, algo.keywords) if isinstance(algo, functools.partial) else (algo, {})
    made = PROPOSERS.get(tpe.suggest if function is None else function)
    if made is None:
        raise TypeError(
            f"SparkTrials take tpe.suggest, rand.suggest, anneal.suggest or atpe.suggest; got {algo!r}, which only "
            "Trials take"
        )
    return made(**options)


__getattr__ = refuser(__name__)
