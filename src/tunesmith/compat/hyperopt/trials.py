"""`Trials`: the documents of a search, as Hyperopt's programs read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from tunesmith.compat.hyperopt.document_store import Attachments, DocumentStore
from tunesmith.compat.hyperopt.documents import Document, loss_of, miscs_to_idxs_vals
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed

__all__ = ["Attachments", "Trials", "trials_from_docs"]
_DRAWS = 10_000  # of losses with a variance, for the average error of the best


class Trials(DocumentStore):
    """The trials of a search: a list of documents, which `fmin` goes on with if it gets them again.

    Args:
        exp_key: show the documents of this experiment alone; None: all.
        refresh: show at once what there is.

    Attributes:
        loop: `fmin`, which stands above the documents that it fills, and puts itself here.
    """

    loop: ClassVar[Callable[..., Any]]

    @property
    def trials(self) -> list[Document]:
        """The documents that are new, running or done."""
        return self._trials

    @property
    def tids(self) -> list[Any]:
        """Their identities."""
        return [doc["tid"] for doc in self._trials]

    @property
    def specs(self) -> list[Any]:
        """Their specs, which are None."""
        return [doc["spec"] for doc in self._trials]

    @property
    def results(self) -> list[Any]:
        """What the objective returned."""
        return [doc["result"] for doc in self._trials]

    @property
    def miscs(self) -> list[Any]:
        """Where their parameters are."""
        return [doc["misc"] for doc in self._trials]

    @property
    def idxs_vals(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """By label, the trials in which a parameter is active, and its values there."""
        return miscs_to_idxs_vals(self.miscs)

    @property
    def idxs(self) -> dict[str, list[Any]]:
        """By label, the trials in which a parameter is active."""
        return self.idxs_vals[0]

    @property
    def vals(self) -> dict[str, list[Any]]:
        """By label, the values of a parameter where it is active."""
        return self.idxs_vals[1]

    def losses(self, bandit: Any = None) -> list[Any]:
        """Return the losses; None where a trial has none. `bandit`: a `Domain` that reads them."""
        if bandit is not None:
            return [bandit.loss(doc["result"], doc["spec"]) for doc in self._trials]
        return [result.get("loss") for result in self.results]

    def statuses(self, bandit: Any = None) -> list[Any]:
        """Return the statuses of the results. `bandit`: a `Domain` that reads them."""
        if bandit is not None:
            return [bandit.status(doc["result"], doc["spec"]) for doc in self._trials]
        return [result.get("status") for result in self.results]

    @property
    def best_trial(self) -> Document:
        """The document with the lowest loss.

        Raises:
            AllTrialsFailed: none has a loss.
        """
        found = [(loss, i) for i, doc in enumerate(self._trials) if not math.isnan(loss := loss_of(doc))]
        if not found:
            raise AllTrialsFailed("no trial has the status 'ok' and a loss that is a number")
        return self._trials[min(found)[1]]

    @property
    def argmin(self) -> dict[str, Any]:
        """The parameters of the best trial: choices as the index of the option."""
        return {label: value[0] for label, value in self.best_trial["misc"]["vals"].items() if len(value)}

    def average_best_error(self, bandit: Any = None) -> float:
        """Return the true loss of the best trial; where losses have a variance, that of each that may be the best.

        Args:
            bandit: a `Domain` that reads the losses; None: the results say.

        Returns:
            the mean of the true losses, weighted by the probability that a trial's loss is the lowest.

        Raises:
            ValueError: no trial has a loss.
        """
        rows = []
        for document in self._trials:
            result = document["result"]
            if math.isnan(loss_of(document)):
                continue
            if bandit is None:
                rows.append((result["loss"], result.get("loss_variance", 0.0), result.get("true_loss", result["loss"])))
            else:
                rows.append((bandit.loss(result), bandit.loss_variance(result), bandit.true_loss(result)))
        if not rows:
            raise ValueError("Empty loss vector")
        table = np.array(sorted(rows), dtype=float)
        if not table[:, 1].any():
            return float(table[0, 2])
        near = table[table[:, 0] < table[0, 0] + 3.0 * math.sqrt(table[0, 1])]
        near = near if len(near) else table[:1]
        draws = np.random.default_rng(0).normal(near[:, 0], np.sqrt(near[:, 1]), size=(_DRAWS, len(near)))
        share = np.bincount(draws.argmin(axis=1), minlength=len(near)) / _DRAWS
        return float(share @ near[:, 2])

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
        """Call `fmin` with these trials; see there.

        Args:
            fn: as there.
            space: as there.
            algo: as there.
            max_evals: as there.
            timeout: as there.
            loss_threshold: as there.
            max_queue_len: as there.
            rstate: as there.
            verbose: as there.
            pass_expr_memo_ctrl: as there.
            catch_eval_exceptions: as there.
            return_argmin: as there.
            show_progressbar: as there.
            early_stop_fn: as there.
            trials_save_file: as there.

        Returns:
            what `fmin` returns.
        """
        return self.loop(
            fn, space, algo, max_evals, timeout, loss_threshold, self, rstate,
            allow_trials_fmin=False, pass_expr_memo_ctrl=pass_expr_memo_ctrl,
            catch_eval_exceptions=catch_eval_exceptions, verbose=verbose, return_argmin=return_argmin,
            max_queue_len=max_queue_len, show_progressbar=show_progressbar, early_stop_fn=early_stop_fn,
            trials_save_file=trials_save_file,
        )  # fmt: skip


def trials_from_docs(docs: Iterable[Any], validate: bool = True, exp_key: Any = None) -> Trials:
    """Return Trials that hold these documents.

    Args:
        docs: the documents.
        validate: whether they are checked.
        exp_key: as for `Trials`.

    Returns:
        the Trials.

    Raises:
        InvalidTrial: one is no document.
    """
    trials = Trials(exp_key=exp_key)
    if validate:
        trials.insert_trial_docs(docs)
    else:
        trials._insert_trial_docs(docs)
    trials.refresh()
    return trials
