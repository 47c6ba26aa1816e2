"""`Trials`: the documents of a search, kept and read as Hyperopt's programs read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from tunesmith.compat.hyperopt.documents import (
    JOB_STATES,
    JOB_VALID_STATES,
    TRIAL_KEYS,
    TRIAL_MISC_KEYS,
    Document,
    SONify,
    loss_of,
    miscs_to_idxs_vals,
    new_document,
)
from tunesmith.compat.hyperopt.exceptions import AllTrialsFailed, InvalidTrial

__all__ = ["Attachments", "Trials", "trials_from_docs"]
_DRAWS = 10_000  # of losses with a variance, for the average error of the best


class Attachments:
    """What a trial keeps by name, behind a dict of all trials."""

    def __init__(self, kept: dict[str, Any], tid: Any) -> None:
        self._kept, self._tid = kept, tid

    def _key(self, name: str) -> str:
        return f"ATTACH::{self._tid}::{name}"

    def __contains__(self, name: str) -> bool:
        return self._key(name) in self._kept

    def __getitem__(self, name: str) -> Any:
        return self._kept[self._key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self._kept[self._key(name)] = value

    def __delitem__(self, name: str) -> None:
        del self._kept[self._key(name)]


class Trials:
    """The trials of a search: a list of documents, which `fmin` goes on with if it gets them again.

    Args:
        exp_key: show the documents of this experiment alone; None: all.
        refresh: show at once what there is.

    Attributes:
        attachments: what trials keep by name.
        loop: `fmin`, which stands above the documents that it fills, and puts itself here.
    """

    loop: ClassVar[Callable[..., Any]]
    asynchronous = False
    attachments: dict[str, Any]

    def __init__(self, exp_key: Any = None, refresh: bool = True) -> None:
        self._ids: set[Any] = set()
        self._dynamic_trials: list[Document] = []
        self._trials: list[Document] = []
        self._exp_key = exp_key
        self.attachments = {}
        self._searches: dict[Any, Any] = {}  # the studies behind algorithms; see search.py
        if refresh:
            self.refresh()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_searches": {}}  # a search that goes on makes its study anew, from the documents

    def view(self, exp_key: Any = None, refresh: bool = True) -> Self:
        """Return the same documents, of one experiment alone.

        Args:
            exp_key: which; None: all.
            refresh: show at once what there is.

        Returns:
            the view.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._exp_key = exp_key
        if refresh:
            view.refresh()
        return view

    # -- documents -------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what was inserted or has changed; trials that raised an error are not shown."""
        key = self._exp_key
        self._trials = [
            doc
            for doc in self._dynamic_trials
            if doc["state"] in JOB_VALID_STATES and (key is None or doc["exp_key"] == key)
        ]
        self._ids.update(doc["tid"] for doc in self._trials)

    def show(self, inserted: Iterable[Document]) -> None:
        """Show documents that were just inserted; cheaper than a refresh, which looks at all."""
        for doc in inserted:
            if doc["state"] in JOB_VALID_STATES and self._exp_key in (None, doc["exp_key"]):
                self._trials.append(doc)
                self._ids.add(doc["tid"])

    def hide(self, failed: Document) -> None:
        """Show a document no longer, since its trial raised an error."""
        at = next((i for i in range(len(self._trials) - 1, -1, -1) if self._trials[i] is failed), None)
        if at is not None:
            del self._trials[at]

    def __iter__(self) -> Iterator[Document]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)

    def __bool__(self) -> bool:
        return True  # no trials yet are still Trials, not missing ones

    def __getitem__(self, item: Any) -> Document:
        raise NotImplementedError("whether a place or a tid is meant cannot be told: use trials.trials[...]")

    # -- insert ----------------------------------------------------------------------------------------------------

    def assert_valid_trial(self, trial: Any) -> Any:
        """Return a document; InvalidTrial if it is none of this object's."""
        if not isinstance(trial, Mapping):
            raise InvalidTrial("trial should be dict-like", trial)
        for key in TRIAL_KEYS:
            if key not in trial:
                raise InvalidTrial("trial missing key", key)
        for key in TRIAL_MISC_KEYS:
            if key not in trial["misc"]:
                raise InvalidTrial('trial["misc"] missing key', key)
        if trial["tid"] != trial["misc"]["tid"]:
            raise InvalidTrial("tid mismatch between root and misc", trial)
        if trial["exp_key"] != self._exp_key:
            raise InvalidTrial("wrong exp_key", (trial["exp_key"], self._exp_key))
        return trial

    def _insert_trial_docs(self, docs: Iterable[Document]) -> list[Any]:
        docs = list(docs)
        self._dynamic_trials.extend(docs)
        return [doc["tid"] for doc in docs]

    def insert_trial_doc(self, doc: Any) -> Any:
        """Add a document, which is shown after `refresh()`; return its tid."""
        return self.insert_trial_docs([doc])[0]

    def insert_trial_docs(self, docs: Iterable[Any]) -> list[Any]:
        """Add documents, which are shown after `refresh()`; return their tids."""
        return self._insert_trial_docs([self.assert_valid_trial(SONify(doc)) for doc in docs])

    def new_trial_ids(self, n: int) -> list[int]:
        """Return n identities that no trial has, and keep them for whoever asks."""
        first = len(self._ids)
        while first in self._ids:
            first += 1
        ids = list(range(first, first + n))
        self._ids.update(ids)
        return ids

    def new_trial_docs(
        self, tids: Sequence[Any], specs: Sequence[Any], results: Sequence[Any], miscs: Sequence[Any]
    ) -> list[Document]:
        """Return documents of trials that have not begun; they are not inserted.

        Args:
            tids: their identities.
            specs: None for each.
            results: their results so far.
            miscs: where their parameters are.

        Returns:
            the documents.
        """
        parts = zip(tids, specs, results, miscs, strict=True)
        return [new_document(tid, spec, result, misc, self._exp_key) for tid, spec, result, misc in parts]

    def source_trial_docs(
        self,
        tids: Sequence[Any],
        specs: Sequence[Any],
        results: Sequence[Any],
        miscs: Sequence[Any],
        sources: Sequence[Document],
    ) -> list[Document]:
        """Return documents that other trials made; they are not inserted.

        Args:
            tids: their identities.
            specs: None for each.
            results: their results.
            miscs: where their parameters are.
            sources: the documents of the trials that made them.

        Returns:
            the documents.
        """
        docs = []
        for tid, spec, result, misc, source in zip(tids, specs, results, miscs, sources, strict=True):
            taken = {key: source[key] for key in ("state", "exp_key", "owner", "book_time", "refresh_time")}
            misc.setdefault("tid", tid)
            misc.setdefault("cmd", None)
            misc.setdefault("from_tid", source["tid"])
            docs.append({**new_document(tid, spec, result, misc, self._exp_key), **taken})
        return docs

    def delete_all(self) -> None:
        """Remove all documents and attachments."""
        self._dynamic_trials = []
        self.attachments = {}
        self._searches = {}
        self.refresh()

    def trial_attachments(self, trial: Document) -> Attachments:
        """Return what a trial keeps by name; to set an item keeps it."""
        return Attachments(self.attachments, trial["tid"])

    # -- count ------------------------------------------------------------------------------------------

    def count_by_state_synced(self, arg: Any, trials: Iterable[Document] | None = None) -> int:
        """Count documents in a state, or in one of some states.

        Args:
            arg: one of JOB_STATES, or some.
            trials: the documents; None: those that are shown.

        Returns:
            how many.

        Raises:
            TypeError: it is no state.
        """
        if isinstance(arg, int) and arg in JOB_STATES:
            states = {arg}
        elif isinstance(arg, Iterable) and set(arg) <= set(JOB_STATES):
            states = set(arg)
        else:
            raise TypeError(f"expected one of JOB_STATES or several; got {arg!r}")
        return sum(doc["state"] in states for doc in (self._trials if trials is None else trials))

    def count_by_state_unsynced(self, arg: Any) -> int:
        """Count documents in a state, those that are not shown yet included."""
        key = self._exp_key
        return self.count_by_state_synced(
            arg, [doc for doc in self._dynamic_trials if key is None or doc["exp_key"] == key]
        )

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
