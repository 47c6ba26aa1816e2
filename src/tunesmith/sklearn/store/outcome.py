"""What a fit gave: its outcome, and the predictions that are kept of it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from tunesmith.foundation.numerics.packed import pack_bytes, unpack_bytes
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn._compat import is_passthrough_scorer, listen_to_scorer
from tunesmith.sklearn.protocols import Data, Estimator, Scorer, Scores

# ----------------------------------------------------------------------------------------------------------------------
# The outcome of one fit on one split: scores, times, the error, and the predictions.


class CaughtWarning(NamedTuple):
    """A warning on its way from a worker: its text, class, file and line."""

    text: str
    category: type[Warning]
    path: str
    line: int


class Outcome(NamedTuple):
    """The outcome of one fit on one split.

    Attributes:
        candidate: the position of the candidate.
        split: the number of the split.
        test: the score on the test rows, or name to score.
        train: the same on the training rows; None if not wanted.
        fit_seconds: the time of the fit.
        score_seconds: the time of scoring.
        error: the traceback of a fit that failed, else None.
        predictions: what the scorer got for the test rows, if that is recorded.
        hopeless: whether the candidate was given up after this split, so that no more of its unit come.
        others: the same for each of several metrics, where all are recorded.
        warned: warnings of a worker that were not shown yet.
        unscored: the error of the scorer, in one line, where the unit is to tell it; else None.
    """

    candidate: int
    split: int
    test: Scores
    train: Scores
    fit_seconds: float
    score_seconds: float
    error: str | None
    predictions: Predictions | None = None
    hopeless: bool = False
    others: dict[str | None, Predictions] | None = None
    warned: tuple[CaughtWarning, ...] = ()
    unscored: str | None = None

    def figure(self, metric: str | None) -> float:
        """Return the score on the test rows, of the named metric where there are several; NaN if there is none."""
        if isinstance(self.test, dict):
            return float(self.test.get(metric, math.nan))
        return float(self.test)


# ----------------------------------------------------------------------------------------------------------------------
# The predictions that the scorer got for the test rows of a split, kept for the honest score.
#
# They are recorded while the score is made, so nothing is predicted twice. A worker encodes them; the driver keeps
# those of the best candidates within a bound; a storage gets them if they are small when compressed.

CACHE_BYTES = 64 * 2**20  # bytes of predictions that one search keeps
MOST_STORED_CHARACTERS = 256 * 1024  # characters that a candidate's predictions may take in a storage
MOST_COMPRESSED_BYTES = 2 * 2**20  # bytes up to which compression is tried
LEAST_DIFFERENCE = 1e-6  # standard deviations of predictions that must be seen in what is kept of them
ARRAY_OVERHEAD = 128  # bytes of an array beside its data


# -- in the worker -----------------------------------------------------------------------------------------------------


def labels_of(y: Data) -> NDArray[Any] | None:
    """Return the sorted labels of targets, or None if there is no such thing."""
    try:
        flat = np.asarray(y)
        return np.unique(flat) if flat.ndim == 1 and len(flat) else None
    except Exception:  # no array, or one that cannot be sorted
        return None


Call = tuple[str | None, str, Any]  # what a scorer asked for: the metric (None: the only one), the method, its values


@contextmanager
def recorded_scorer(
    scorer: Scorer, metric: str | None, every: bool, estimator: Estimator
) -> Iterator[tuple[Any, list[Call]]]:
    """Yield a scorer that does the same, and a list that gets the methods it calls and the values they return.

    Args:
        scorer: scikit-learn's scorer or its bundle; anything else is yielded as it is, and nothing is recorded.
        metric: the name of the one to record, of several.
        every: whether to record each of several.
        estimator: fitted. If the scorer is its own ``score``, ``predict`` of its last step is wrapped meanwhile, and
            the score may be made of something else.
    """
    heard: list[Call] = []
    if not is_passthrough_scorer(scorer):
        yield listen_to_scorer(scorer, lambda *call: heard.append(call), metric, every), heard
        return
    last: Any = estimator
    while type(last) is Pipeline:
        last = last.steps[-1][1]
    predict: Any = getattr(last, "predict", None)

    @wraps(predict)  # scorers of scikit-learn tell by its name which method they got
    def hear(*data: Any, **options: Any) -> Any:
        values = predict(*data, **options)
        heard.append((None, "predict", values))
        return values

    replaced = predict is not None and _replaced(last, "predict", hear)
    try:
        yield scorer, heard
    finally:
        if replaced:
            del last.predict


def _replaced(estimator: Estimator, method: str, by: Any) -> bool:
    """Replace a method of one instance; return False if its class does not allow that."""
    own = inspect.getattr_static(type(estimator), method, None)
    if hasattr(own, "__set__") or method in getattr(estimator, "__dict__", {method}):
        return False
    try:
        setattr(estimator, method, by)
    except Exception:  # a class of the user's may raise anything
        return False
    return method in vars(estimator)


def encode_metrics(
    heard: list[Call], labels: NDArray[Any] | None, estimator: Estimator
) -> dict[str | None, Predictions]:
    """Return the predictions for each metric that was recorded; those that got the same ones share them.

    Args:
        heard: what the scorer asked for.
        labels: the sorted labels of all targets.
        estimator: the fitted estimator, for the order of its classes.
    """
    calls: dict[str | None, list[tuple[str, Any]]] = {}
    for name, method, values in heard:
        calls.setdefault(name, []).append((method, values))
    made: dict[tuple[str, int], Predictions | None] = {}
    found = {}
    for name, own in calls.items():
        key = (own[0][0], id(own[0][1]))
        if len(own) == 1 and key not in made:
            made[key] = encode(own, labels, estimator)
        if len(own) == 1 and (kept := made[key]) is not None:
            found[name] = kept
    return found


def encode(heard: list[tuple[str, Any]], labels: NDArray[Any] | None, estimator: Estimator) -> Predictions | None:
    """Return predictions in the form that is kept, or None if they cannot be; this never raises.

    Args:
        heard: method and values of each call; there must be one.
    """
    if len(heard) != 1:
        return None
    try:
        return _encoded(*heard[0], labels, estimator)
    except Exception:  # an unknown kind of output: the search needs only the score
        return None


def _encoded(method: str, values: Any, labels: NDArray[Any] | None, estimator: Estimator) -> Predictions | None:
    if type(values) is not np.ndarray or values.ndim not in (1, 2):
        return None
    kind = values.dtype.kind
    if method == "predict" and values.ndim == 1 and labels is not None and (kind != "f" or _has_classes(estimator)):
        codes = _codes(values, labels)
        if codes is not None:
            return Predictions(method, codes)
    if kind not in "iufb":
        return None
    if method != "predict" and values.ndim == 1 and labels is not None and len(labels) > 2 and _has_classes(estimator):
        return None  # the training rows had two of the classes, and it is unknown which one this is
    if method == "predict_proba" and values.ndim == 2 and labels is not None and values.shape[1] != len(labels):
        # a fold's training rows may lack a class
        at = _codes(np.asarray(getattr(estimator, "classes_", [])), labels)
        if at is None or len(at) != values.shape[1]:
            return None
        whole = np.zeros((len(values), len(labels)), np.float32)
        whole[:, at] = values
        return Predictions(method, whole)
    return Predictions(method, _shortened(values))


def _shortened(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in single precision; in double where that would blur how they differ, far from zero."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, and is not used
        short = values.astype(np.float32)
        blurred = np.abs(short - values) > LEAST_DIFFERENCE * np.std(values, dtype=np.float64)
    return values.astype(np.float64) if blurred.any() else short


def _has_classes(estimator: Estimator) -> bool:
    return hasattr(estimator, "classes_")


def _codes(values: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any] | None:
    try:
        at = np.minimum(np.searchsorted(labels, values), len(labels) - 1)
        if not np.array_equal(labels[at], values):
            return None
    except TypeError:  # labels of another kind than the predictions
        return None
    return at.astype(np.uint8 if len(labels) <= 256 else np.uint32)


# -- in the driver -----------------------------------------------------------------------------------------------------


class PredictionCache:
    """Predictions by candidate, within a bound: beyond it those of the worst candidates are dropped.

    Those of the first candidate, often the default, and of the best one are always kept.

    Args:
        bound: bytes.
    """

    def __init__(self, bound: int = CACHE_BYTES) -> None:
        self.bound = bound
        self._held: dict[int, tuple[tuple[bool, float], int, list[Predictions | None]]] = {}
        self._total = 0

    def put(self, candidate: int, finished: bool, score: float, predictions: list[Predictions | None]) -> None:
        """Take in the predictions of a candidate, by split.

        Args:
            finished: whether it ran on all splits; one that did not is worse than all that did.
            score: higher is better; NaN is worst.
        """
        if not any(p is not None for p in predictions):
            return
        size = sum(p.values.nbytes + ARRAY_OVERHEAD for p in predictions if p is not None)
        merit = (finished, score if score == score else -np.inf)
        self._held[candidate] = (merit, size, predictions)
        self._total += size
        if self._total > self.bound:
            self._make_room()

    def get(self, candidate: int) -> list[Predictions | None] | None:
        """Return the predictions of a candidate by split, or None if none are held."""
        entry = self._held.get(candidate)
        return None if entry is None else entry[2]

    def _make_room(self) -> None:
        order = sorted(self._held, key=lambda c: (self._held[c][0], -c))  # of equal ones the earlier stays
        for candidate in order[:-1]:
            if self._total <= 0.9 * self.bound:  # so that the next one need not sort again
                return
            if candidate != 0:
                self._total -= self._held.pop(candidate)[1]


def pack(predictions: Sequence[Predictions | None]) -> dict[str, Any] | None:
    """Return predictions in a form that JSON can hold, or None if some are missing or they take too much."""
    found = [p for p in predictions if p is not None]
    if not found or len(found) < len(predictions) or sum(p.values.nbytes for p in found) > MOST_COMPRESSED_BYTES:
        return None
    first = found[0]
    if any(p.method != first.method or p.values.dtype.kind != first.values.dtype.kind for p in found):
        return None
    kind = np.result_type(*(p.values.dtype for p in found)).newbyteorder("<")
    raw = b"".join(p.values.astype(kind, copy=False).tobytes() for p in found)
    text = pack_bytes(raw, 3)
    if len(text) > MOST_STORED_CHARACTERS:
        return None
    return {
        "method": first.method,
        "type": kind.str,
        "shapes": [list(p.values.shape) for p in found],
        "data": text,
    }


def unpack(kept: dict[str, Any] | None, n: int) -> list[Predictions | None]:
    """Return the packed predictions of n splits; None for each if there are none, or they cannot be read."""
    if kept is None:
        return [None] * n
    try:
        return _unpacked(kept) if len(kept["shapes"]) == n else [None] * n
    except (KeyError, TypeError, ValueError):  # damaged, or made to fill the memory
        return [None] * n


def _unpacked(kept: dict[str, Any]) -> list[Predictions | None]:
    kind = np.dtype(kept["type"])
    shapes = [tuple(int(k) for k in shape) for shape in kept["shapes"]]
    sizes = [math.prod(shape) for shape in shapes]
    n_bytes = sum(sizes) * kind.itemsize
    if kind.kind not in "fu" or any(k < 0 for shape in shapes for k in shape) or n_bytes > MOST_COMPRESSED_BYTES:
        raise ValueError("no predictions of ours")
    values = np.frombuffer(unpack_bytes(kept["data"], n_bytes), kind)
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [Predictions(kept["method"], v.reshape(s)) for v, s in zip(parts, shapes, strict=True)]
