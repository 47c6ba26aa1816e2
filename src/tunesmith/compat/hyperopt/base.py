"""Trials, domains and their words, where Hyperopt has them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np

from tunesmith.compat.hyperopt import pyll as pyll  # Ray Tune reaches it through here, as the next one
from tunesmith.compat.hyperopt.dimensions import Dimension, dimensions_of
from tunesmith.compat.hyperopt.exceptions import (
    AllTrialsFailed,
    DuplicateLabel,
    InvalidLoss,
    InvalidResultStatus,
    InvalidTrial,
)
from tunesmith.compat.hyperopt.names import HYPEROPT_ROOM, refuser
from tunesmith.compat.hyperopt.pyll.base import Apply, GarbageCollected, Literal, as_apply, dfs, rec_eval
from tunesmith.compat.hyperopt.utils import use_obj_for_literal_in_memo as use_obj_for_literal_in_memo

# -- what a trial's document holds, and the words for the states of trials ------------------------------------------

STATUS_NEW = "new"
STATUS_RUNNING = "running"
STATUS_SUSPENDED = "suspended"
STATUS_OK = "ok"
STATUS_FAIL = "fail"
STATUS_STRINGS = (STATUS_NEW, STATUS_RUNNING, STATUS_SUSPENDED, STATUS_OK, STATUS_FAIL)

JOB_STATE_NEW = 0
JOB_STATE_RUNNING = 1
JOB_STATE_DONE = 2
JOB_STATE_ERROR = 3
JOB_STATE_CANCEL = 4
JOB_STATES = [JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_STATE_DONE, JOB_STATE_ERROR, JOB_STATE_CANCEL]
JOB_VALID_STATES = {JOB_STATE_NEW, JOB_STATE_RUNNING, JOB_STATE_DONE}

TRIAL_KEYS = ["tid", "spec", "result", "misc", "state", "owner", "book_time", "refresh_time", "exp_key"]
TRIAL_MISC_KEYS = ["tid", "cmd", "idxs", "vals"]

Document = dict[str, Any]
_PLAIN_TYPES = frozenset({str, int, float, bool, type(None), bytes})


def SONify(arg: Any) -> Any:
    """Return a value with NumPy's numbers and arrays as numbers and lists, at any depth."""
    kind = type(arg)
    if kind in _PLAIN_TYPES:
        return arg
    if isinstance(arg, dict):  # a call for each text, number and list of one would be half of the time of a document
        return {
            (key if type(key) is str else SONify(key)): (
                value
                if (own := type(value)) in _PLAIN_TYPES
                else [value[0]]
                if own is list and len(value) == 1 and type(value[0]) in _PLAIN_TYPES
                else SONify(value)
            )
            for key, value in arg.items()
        }
    if kind is list or kind is tuple:
        return kind([item if type(item) in _PLAIN_TYPES else SONify(item) for item in arg])
    if isinstance(arg, np.generic):
        return arg.item()
    return SONify(arg.tolist()) if isinstance(arg, np.ndarray) else arg


def new_document(tid: Any, spec: Any, result: Any, misc: Any, exp_key: Any) -> Document:
    """Return the document of a trial that has not begun.

    Args:
        spec: None; kept for programs that write it.
        result: its result so far.
        misc: where its parameters are.
        exp_key: of the experiment that it belongs to.
    """
    return {
        "state": JOB_STATE_NEW,
        "tid": tid,
        "spec": spec,
        "result": result,
        "misc": misc,
        "exp_key": exp_key,
        "owner": None,
        "version": 0,
        "book_time": None,
        "refresh_time": None,
    }


def new_misc(tid: Any, labels: Iterable[str], values: Mapping[str, Any]) -> Document:
    """Return where a document keeps its parameters: a list of no or one value a label.

    Args:
        labels: of all parameters.
        values: of the active ones.
    """
    labels = list(labels)
    return {
        "tid": tid,
        "cmd": ("domain_attachment", "FMinIter_Domain"),
        "workdir": None,
        "idxs": {label: [tid] if label in values else [] for label in labels},
        "vals": {label: [values[label]] if label in values else [] for label in labels},
    }


def spec_from_misc(misc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the active parameters of a document by label."""
    return {label: value[0] for label, value in misc["vals"].items() if len(value)}


def miscs_to_idxs_vals(
    miscs: Sequence[Mapping[str, Any]], keys: Iterable[str] | None = None
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return by label the trials in which a parameter is active, and its values there.

    Args:
        keys: the labels; None: those of the first document.

    Returns:
        the identities of trials, and the values.

    Raises:
        ValueError: there are no documents, and no labels.
    """
    if keys is None:
        if not miscs:
            raise ValueError("cannot infer keys from empty miscs: there are no trials yet")
        keys = list(miscs[0]["idxs"])
    idxs: dict[str, list[Any]] = {key: [] for key in keys}
    vals: dict[str, list[Any]] = {key: [] for key in idxs}
    for misc in miscs:
        for key in idxs:
            idxs[key].extend(misc["idxs"].get(key, ()))
            vals[key].extend(misc["vals"].get(key, ()))
    return idxs, vals


def miscs_update_idxs_vals(
    miscs: Sequence[dict[str, Any]],
    idxs: Mapping[str, Sequence[Any]],
    vals: Mapping[str, Sequence[Any]],
    assert_all_vals_used: bool = True,
    idxs_map: Mapping[Any, Any] | None = None,
) -> Sequence[dict[str, Any]]:
    """Write values by label into documents; the opposite of `miscs_to_idxs_vals`.

    Args:
        miscs: of the documents.
        idxs: the identities of trials by label.
        vals: the values by label.
        assert_all_vals_used: whether an identity that no document has is an error.
        idxs_map: other identities to use in place of those given.
    """
    by_id = {misc["tid"]: misc for misc in miscs}
    for misc in miscs:
        misc["idxs"] = {key: [] for key in idxs}
        misc["vals"] = {key: [] for key in idxs}
    for key in idxs:
        for given, value in zip(idxs[key], vals[key], strict=True):
            tid = (idxs_map or {}).get(given, given)
            if assert_all_vals_used or tid in by_id:
                by_id[tid]["idxs"][key] = [tid]
                by_id[tid]["vals"][key] = [value]
    return miscs


def validate_timeout(timeout: Any) -> None:
    """Raise an Exception unless a time limit is None or a positive number."""
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, Real) or timeout <= 0):
        raise Exception(f"The timeout argument should be None or a positive value. Given value: {timeout}")


def validate_loss_threshold(loss_threshold: Any) -> None:
    """Raise an Exception unless a threshold is None or a number."""
    if loss_threshold is not None and (isinstance(loss_threshold, bool) or not isinstance(loss_threshold, Real)):
        raise Exception(f"The loss_threshold argument should be None or a numeric value. Given value: {loss_threshold}")


def loss_of(document: Mapping[str, Any]) -> float:
    """Return the loss of a document that counts: its status is ok and its loss a number; NaN: it has none."""
    result = document["result"]
    loss = result.get("loss") if result.get("status") == STATUS_OK else None
    return math.nan if loss is None else float(loss)


# -- `Trials`: the documents of a search, kept and read as Hyperopt's programs read them ----------------------------

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
        """Return a document; InvalidTrial if it is not of this object."""
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
            TypeError: it is not a state.
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
        validate: whether they are checked.
        exp_key: as for `Trials`.

    Raises:
        InvalidTrial: one is not a document.
    """
    trials = Trials(exp_key=exp_key)
    if validate:
        trials.insert_trial_docs(docs)
    else:
        trials._insert_trial_docs(docs)
    trials.refresh()
    return trials


# -- `Ctrl`: what an objective talks to its own trial through -------------------------------------------------------


class Ctrl:
    """What an objective with ``pass_expr_memo_ctrl`` talks to its trial through.

    Args:
        trials: of the search; None: new ones.
    """

    def __init__(self, trials: Trials | None, current_trial: Document | None = None) -> None:
        self.trials = Trials() if trials is None else trials
        self.current_trial = current_trial

    def _document(self) -> Document:
        if self.current_trial is None:
            raise ValueError("this Ctrl belongs to no trial")
        return self.current_trial

    def checkpoint(self, r: Any = None) -> None:
        """Set the trial's result so far."""
        if r is not None:
            self._document()["result"] = r

    @property
    def attachments(self) -> Attachments:
        """What the trial keeps by name."""
        return self.trials.trial_attachments(self._document())

    def inject_results(
        self, specs: Sequence[Any], results: Sequence[Any], miscs: Sequence[Any], new_tids: Any = None
    ) -> list[Any]:
        """Add trials that this one has made.

        Args:
            specs: None for each.
            miscs: where their parameters are.
            new_tids: their identities; None: new ones.
        """
        source = self._document()
        tids = self.trials.new_trial_ids(len(specs)) if new_tids is None else new_tids
        docs = self.trials.source_trial_docs(tids, specs, results, miscs, [source] * len(specs))
        for doc in docs:
            doc["state"] = JOB_STATE_DONE
        return self.trials.insert_trial_docs(docs)


# -- `Domain`: a space and an objective, and how a point is evaluated -----------------------------------------------


class Domain:
    """A space and an objective.

    Args:
        fn: gets a point of the space and returns a loss, or a dict with "status" and "loss".
        expr: the space.
        workdir: accepted for porting.
        pass_expr_memo_ctrl: whether fn gets (expr, memo, ctrl) instead; None: its attribute of the name
            `fmin_pass_expr_memo_ctrl` says.
        name: for display.
        loss_target: what is known of the minimum; without effect.

    Attributes:
        expr: the space as an expression.
        params: the distributions of its parameters, by label.

    Raises:
        DuplicateLabel: two parameters have one label.
    """

    cmd = ("domain_attachment", "FMinIter_Domain")
    rec_eval_print_node_on_error = False  # which Ray Tune hands on to `rec_eval`

    def __init__(
        self,
        fn: Callable[..., Any],
        expr: Any,
        workdir: str | None = None,
        pass_expr_memo_ctrl: bool | None = None,
        name: str | None = None,
        loss_target: float | None = None,
    ) -> None:
        self.fn = fn
        self.expr = as_apply(expr)
        self.workdir = workdir
        self.name = name
        self.loss_target = loss_target
        self.pass_expr_memo_ctrl = (
            getattr(fn, "fmin_pass_expr_memo_ctrl", False) if pass_expr_memo_ctrl is None else pass_expr_memo_ctrl
        )
        self._nodes: dict[str, Apply] = {}
        self._controls: list[Apply] = []
        for node in dfs(self.expr):
            if node.name == "hyperopt_param":
                label = str(rec_eval(node.arg["label"]))
                if label in self._nodes:
                    raise DuplicateLabel(f"two parameters of the space have the label {label!r}; give each its own")
                self._nodes[label] = node
            elif isinstance(node, Literal) and node.obj is Ctrl:
                self._controls.append(node)
        self.params = {label: node.arg["obj"] for label, node in self._nodes.items()}

    @cached_property
    def dimensions(self) -> dict[str, Dimension]:
        """The parameters as they are searched, by label."""
        return dimensions_of(self.expr)

    def memo_from_config(self, config: Mapping[str, Any]) -> dict[Apply, Any]:
        """Return the nodes of the parameters with their values, for `rec_eval`."""
        return {node: config.get(label, GarbageCollected) for label, node in self._nodes.items()}

    def evaluate(self, config: Mapping[str, Any], ctrl: Any, attach_attachments: bool = True) -> dict[str, Any]:
        """Return the result of a point.

        Args:
            config: the active parameters by label.
            attach_attachments: whether "attachments" of the result go to the trial.

        Returns:
            the result: a dict with "status", and "loss" if that is "ok".

        Raises:
            InvalidResultStatus: the status is not one of STATUS_STRINGS.
            InvalidLoss: the loss is not a number.
        """
        memo = self.memo_from_config(config)
        memo.update(dict.fromkeys(self._controls, ctrl))
        if self.pass_expr_memo_ctrl:
            value = self.fn(expr=self.expr, memo=memo, ctrl=ctrl)
        else:
            value = self.fn(rec_eval(self.expr, memo=memo))
        result = as_result(value)
        if attach_attachments:
            for name, kept in result.pop("attachments", {}).items():
                ctrl.attachments[name] = kept
        return result

    def short_str(self) -> str:
        """Return the objective in words."""
        return f"Domain{{{self.fn}}}"

    def loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the loss of a result; `config` is without effect."""
        return result.get("loss")

    def loss_variance(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the variance of a result's loss, 0 where it says none; `config` is without effect."""
        return result.get("loss_variance", 0.0)

    def true_loss(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the true loss of a result, if it tells one apart from the loss; `config` is without effect."""
        return result.get("true_loss", result.get("loss"))

    def status(self, result: Mapping[str, Any], config: Any = None) -> Any:
        """Return the status of a result; `config` is without effect."""
        return result["status"]

    def new_result(self) -> dict[str, Any]:
        """Return the result of a trial that has not begun."""
        return {"status": STATUS_NEW}


def as_result(value: Any) -> dict[str, Any]:
    """Return what an objective returned as a result; see `Domain.evaluate` for the errors."""
    if isinstance(value, Real):
        return {"loss": float(value), "status": STATUS_OK}
    try:
        result = dict(value)
    except (TypeError, ValueError):
        raise InvalidLoss({"loss": value}) from None
    if result.get("status") not in STATUS_STRINGS:
        raise InvalidResultStatus(result)
    if result["status"] == STATUS_OK:
        try:
            result["loss"] = float(result["loss"])
        except (TypeError, KeyError, ValueError):
            raise InvalidLoss(result) from None
    return result


__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "JOB_VALID_STATES",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "TRIAL_KEYS",
    "TRIAL_MISC_KEYS",
    "AllTrialsFailed",
    "Ctrl",
    "Domain",
    "DuplicateLabel",
    "InvalidLoss",
    "InvalidResultStatus",
    "InvalidTrial",
    "SONify",
    "Trials",
    "miscs_to_idxs_vals",
    "miscs_update_idxs_vals",
    "spec_from_misc",
    "trials_from_docs",
    "validate_loss_threshold",
    "validate_timeout",
]

sys.modules[f"{HYPEROPT_ROOM}.trials"] = sys.modules[__name__]  # where pickles of earlier versions look for `Trials`
__getattr__ = refuser(__name__, __all__)
