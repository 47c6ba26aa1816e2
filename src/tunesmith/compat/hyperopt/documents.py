"""What a trial's document holds, and the words for the states of trials."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

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
_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def SONify(arg: Any) -> Any:
    """Return a value with NumPy's numbers and arrays as numbers and lists, at any depth."""
    kind = type(arg)
    if kind in _PLAIN:
        return arg
    if isinstance(arg, dict):  # a call for each text, number and list of one would be half of the time of a document
        return {
            (key if type(key) is str else SONify(key)): (
                value
                if (own := type(value)) in _PLAIN
                else [value[0]]
                if own is list and len(value) == 1 and type(value[0]) in _PLAIN
                else SONify(value)
            )
            for key, value in arg.items()
        }
    if kind is list or kind is tuple:
        return kind([item if type(item) in _PLAIN else SONify(item) for item in arg])
    if isinstance(arg, np.generic):
        return arg.item()
    return SONify(arg.tolist()) if isinstance(arg, np.ndarray) else arg


def new_document(tid: Any, spec: Any, result: Any, misc: Any, exp_key: Any) -> Document:
    """Return the document of a trial that has not begun.

    Args:
        tid: its identity.
        spec: None; kept for programs that write it.
        result: its result so far.
        misc: where its parameters are.
        exp_key: of the experiment that it belongs to.

    Returns:
        the document.
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
        tid: identity of the trial.
        labels: of all parameters.
        values: of the active ones.

    Returns:
        the part of the document.
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
        miscs: of the documents.
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

    Returns:
        the miscs.
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


def now() -> datetime.datetime:
    """Return the time in UTC, without a zone, to the millisecond."""
    time = datetime.datetime.now(datetime.UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=None)


def loss_of(document: Mapping[str, Any]) -> float:
    """Return the loss of a document that counts: its status is ok and its loss a number; NaN: it has none."""
    result = document["result"]
    loss = result.get("loss") if result.get("status") == STATUS_OK else None
    return math.nan if loss is None else float(loss)
