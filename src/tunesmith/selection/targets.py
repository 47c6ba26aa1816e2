"""Losses of single rows, from what the scorer saw of each split: the input of an honest score.

Losses whose mean over a split is not the score that was reported there are not used.

A metric that is not a mean over rows is biased where it is computed from few rows, and so is its mean over splits,
however many there are: the average precision of five positives is too high, R² of six rows too low. Computed from the
predictions of all splits together it has the bias of all rows. ROC AUC has no such bias, and across splits it would
compare values of different models, so it stays a mean over splits (Forman and Scholz, "Apples-to-apples in
cross-validation studies", SIGKDD Explorations 12, 2010).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.selection.intervals import (
    Confusion,
    EffectiveSample,
    area_influence,
    effective_size,
    folds_of,
    precision_influence,
    pseudo_losses,
    two_sided,
    wilson,
)
from tunesmith.selection.metric import Metric, Splits

# By how much the mean of losses may differ from the score: predictions are kept with seven digits.
SCORE_TOLERANCE = 1e-4
RANDOM_ORDERS, ENOUGH_IN_ORDERS = 8, 4_000  # orders of the targets, and rows in all of them, beyond which one is enough
MOST_GUESSES = 3  # so many frequent classes are tried as a prediction for all rows
BLOCKS_PER_SPLIT = 10  # left out in turn, for a metric that is not a mean over rows
MOST_BLOCKS = 50  # of all splits together
NO_CHANCE_BELOW = 1e-3  # a class of a smaller probability is given no chance
LITTLE_CHANCE_BELOW = 0.1
ROWS_FOR_ALL_BLOCKS = 20_000  # with more rows MOST_BLOCKS would take too long; half of them are enough


class Predictions(NamedTuple):
    """What one fit predicted for the test rows of its split.

    Attributes:
        method: what was called: "predict", "predict_proba", "decision_function", ...
        values: shape (n_test,) or (n_test, k), as the scorer saw it. An unsigned integer type means labels, as indices
            in the sorted labels of `y`; else ``float32``, or ``float64`` where that is too coarse. The columns of
            ``predict_proba`` are the sorted labels.
    """

    method: str
    values: NDArray[Any]


def sure_cost(least: Floats) -> tuple[float, float]:
    """Return in which part of predictions a class gets no chance, and what it costs a row if all of them are wrong.

    Args:
        least: the smallest probability in each prediction.
    """
    sure = least < NO_CHANCE_BELOW
    cost = -np.log(np.maximum(least[sure], np.finfo(np.float64).eps)).sum()
    return float(sure.mean()), float(cost) / len(least)


class Certainty(NamedTuple):
    """Predictions that give a class no chance, none of which was wrong so far.

    Attributes:
        share: their part of all predictions.
        rows: how many predictions there are in all.
        cost: by how much the mean loss were larger if all of them were wrong.
        expected: which part of them is likely to be wrong.
        highest: which part may be at most, at the level asked for.
    """

    share: float
    rows: int
    cost: float
    expected: float
    highest: float


@dataclass(frozen=True, slots=True)
class Targets:
    """What predictions are compared with.

    Attributes:
        y: the targets, an array [n] or [n, outputs].
        labels: their sorted labels, if they have any; predicted labels are indices in it.
        weight: of the rows [n], or None.
        classes: whether the labels are classes, and not numbers that happen to be whole.
        blank: so far, for each jackknife, on which share of its resamples the metric had no value.
    """

    y: NDArray[Any]
    labels: NDArray[Any] | None
    weight: Floats | None
    classes: bool = True
    blank: list[float] = field(default_factory=list, compare=False)

    def strata(self) -> Indices | None:
        """Return the class of each row, for resamples with as many rows of each class; None: there are no classes."""
        return self._codes(self.y) if self.classes and self.labels is not None and self.y.ndim == 1 else None

    def losses(
        self,
        metric: Metric,
        seen: Sequence[Predictions | None],
        scores: Sequence[float],
        splits: Splits,
    ) -> Floats | None:
        """Return the losses of all rows [n], NaN where a row was not tested; None if they cannot be had.

        Args:
            seen: the predictions of each split.
            scores: the score of each split.
            splits: training and test rows.
        """
        if not all(map(math.isfinite, scores)) or (parts := self._parts(seen, splits)) is None:
            return None
        together = metric.together(splits)
        try:
            if together and not all(map(_same_score, scores, (self._score(metric, *part) for part in parts))):
                return None
            own = self._by_influence(metric, parts, None if together else scores)
            if own is not None:
                return own
            if together:
                parts = [(np.concatenate([values for values, _ in parts]), np.concatenate([rows for _, rows in parts]))]
                made = [self._losses(metric, *parts[0], None, min(BLOCKS_PER_SPLIT * len(splits), MOST_BLOCKS))]
            else:
                pairs = zip(parts, scores, strict=True)
                made = [self._losses(metric, *part, float(score), BLOCKS_PER_SPLIT) for part, score in pairs]
        except Exception:  # a metric that cannot be computed from a part of the rows: its scores are all there is
            return None
        total, count = np.zeros(len(self.y)), np.zeros(len(self.y))
        for own, (_, rows) in zip(made, parts, strict=True):
            if own is None or not np.isfinite(own).all():
                return None
            np.add.at(total, rows, own)
            np.add.at(count, rows, 1.0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1.0), math.nan))

    def effective_sample(
        self,
        metric: Metric,
        seen: Sequence[Predictions | None] | None,
        splits: Splits,
        groups: Indices | None,
        level: float,
    ) -> EffectiveSample:
        """Return the rows that decide the metric: see `PooledPredictions.effective_sample`, and `sure_rows`."""
        if (sure := self.certainty(metric, seen, splits, level)) is not None:
            return EffectiveSample(math.inf, unseen=sure.highest * sure.cost, likely=sure.expected * sure.cost)
        parts = None if seen is None or metric.is_log_loss else self._parts(seen, splits)
        pooled = None if parts is None else self._pooled(parts)
        return EffectiveSample(math.inf) if pooled is None else pooled.effective_sample(metric, groups, level)

    def sure_rows(self, metric: Metric, seen: Sequence[Predictions | None], splits: Splits) -> tuple[int, int]:
        """Return in how many predictions a class gets no chance (a probability below `NO_CHANCE`), and of how many.

        (0, 0) for other metrics than the log loss, which such a prediction makes very large where it is wrong.
        """
        parts = self._parts(seen, splits) if metric.is_log_loss else None
        if parts is None:
            return 0, 0
        least, _ = self._least(parts)
        return int((least < NO_CHANCE_BELOW).sum()), len(least)

    def _least(self, parts: Sequence[tuple[NDArray[Any], Indices]]) -> tuple[Floats, Floats]:
        """Return the smallest probability of each prediction of classes, and that of the true class."""
        values = np.concatenate([values for values, _ in parts]).astype(np.float64)
        y = self._codes(self.y[np.concatenate([rows for _, rows in parts])])
        both = np.column_stack([1.0 - values, values]) if values.ndim == 1 else values
        return np.asarray(both.min(axis=1)), np.asarray(both[np.arange(len(y)), y])

    def certainty(
        self, metric: Metric, seen: Sequence[Predictions | None] | None, splits: Splits, level: float
    ) -> Certainty | None:
        """Return in how many predictions a class got no chance; None: one was true, or it is not the log loss.

        How often one will be is at most what the same predictions say, and all that are nearly as sure. What is to be
        expected of m true ones among r is (m + 1/2) / (r + 1) (Krichevsky and Trofimov, 1981).
        """
        parts = None if seen is None or not metric.is_log_loss else self._parts(seen, splits)
        if parts is None:
            return None
        least, own = self._least(parts)
        if (own < NO_CHANCE_BELOW).any():
            return None
        highest, expected = [1.0], [0.5]
        for limit in (NO_CHANCE_BELOW, LITTLE_CHANCE_BELOW):
            if rows := int((least < limit).sum()):
                true = int((own < limit).sum())
                highest.append(wilson(true / rows, rows, two_sided(level))[1])
                expected.append((true + 0.5) / (rows + 1.0))
        share, cost = sure_cost(least)
        return Certainty(share, len(least), cost, min(expected), min(highest))

    def _parts(self, seen: Sequence[Predictions | None], splits: Splits) -> list[tuple[NDArray[Any], Indices]] | None:
        """Return predictions and rows of each split; None if some are missing."""
        parts = []
        for predicted, (_, test) in zip(seen, splits, strict=True):
            rows = np.arange(len(self.y))[test]
            if predicted is None or len(predicted.values) != len(rows):
                return None
            parts.append((predicted.values, rows))
        return parts

    def _pooled(self, parts: Sequence[tuple[NDArray[Any], Indices]]) -> PooledPredictions | None:
        """Return the predictions of all splits; None if they are not one value a row, or targets are not classes."""
        if self.labels is None or not self.classes or self.y.ndim != 1 or any(v.ndim != 1 for v, _ in parts):
            return None
        rows = np.concatenate([rows for _, rows in parts])
        return PooledPredictions(
            y=self._codes(self.y[rows]),
            labels=np.asarray(self.labels),
            values=np.concatenate([values for values, _ in parts]),
            rows=rows,
            fold=np.repeat(np.arange(len(parts)), [len(own) for _, own in parts]),
            weight=np.ones(len(rows)) if self.weight is None else self.weight[rows],
            coded=all(values.dtype.kind == "u" for values, _ in parts),
        )

    def _by_influence(
        self, metric: Metric, parts: Sequence[tuple[NDArray[Any], Indices]], scores: Sequence[float] | None
    ) -> Floats | None:
        """Return the losses [n] by what each row adds to the metric; None if that is not known.

        `scores` are what the metric has to be on each split; None: it is computed of all together.
        """
        pooled = self._pooled(parts)
        try:
            found = None if pooled is None else pooled.influences(metric, scores is None)
        except Exception:  # a metric without weights: it is computed with rows left out
            return None
        if pooled is None or found is None or not np.isfinite(found[1]).all():
            return None
        if scores is not None and not all(map(_same_score, scores, found[0])):
            return None
        count = np.bincount(pooled.rows, minlength=len(self.y))
        effect = np.bincount(pooled.rows, found[1], minlength=len(self.y)) / np.maximum(count, 1)
        effect -= np.average(effect, weights=(count > 0) * (1.0 if self.weight is None else self.weight))
        return np.asarray(np.where(count > 0, metric.offset - float(found[0].mean()) - effect, math.nan))

    def no_skill(self, metric: Metric, seen: Sequence[Predictions | None]) -> float | None:
        """Return the mean loss of the best guess without features, of the kind that was seen; None: not known."""
        return min(self._losses_of(self._guesses, metric, seen), default=None)

    def at_random(self, metric: Metric, seen: Sequence[Predictions | None]) -> float | None:
        """Return the mean loss of the targets in a random order, as predictions of the kind that was seen.

        So does a model predict that fits noise, where nothing can be predicted. None: it is not known.
        """
        losses = self._losses_of(self._random_guesses, metric, seen)
        return sum(losses) / len(losses) if losses else None

    def _losses_of(
        self,
        guesses: Callable[[Predictions], Iterable[NDArray[Any]]],
        metric: Metric,
        seen: Sequence[Predictions | None],
    ) -> list[float]:
        """Return the mean losses of guesses for all rows; none where they cannot be scored."""
        like = next(filter(None, seen), None)
        if like is None:
            return []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a class that is never predicted
                rows = np.arange(len(self.y))
                losses = [metric.offset - self._score(metric, guess, rows) for guess in guesses(like)]
        except Exception:  # somebody's own metric or kind of output
            return []
        return [loss for loss in losses if math.isfinite(loss)]

    def _guesses(self, like: Predictions) -> list[NDArray[Any]]:
        """Return the same prediction for all rows: the frequent classes, the prior, or mean and median."""
        if like.method == "predict" and like.values.dtype.kind != "u":
            one = [np.average(self.y, axis=0, weights=self.weight), np.median(self.y, axis=0)]
        elif self.labels is None or like.method not in ("predict", "predict_proba"):
            one = [np.zeros(like.values.shape[1:])]
        else:
            share = np.bincount(self._codes(self.y), self.weight, len(self.labels))
            if like.method == "predict":
                one = list(np.argsort(-share)[:MOST_GUESSES].astype(like.values.dtype))
            else:
                share = share / share.sum()
                one = [share if like.values.ndim > 1 else share[1]]
        return [np.repeat(guess[None], len(self.y), axis=0) for guess in one]

    def _random_guesses(self, like: Predictions) -> Iterator[NDArray[Any]]:
        """Yield the targets in random orders; nothing where predictions are no targets."""
        own = self.y
        if like.method == "predict_proba" and self.labels is not None:
            known = np.eye(len(self.labels))[self._codes(own)]
            own = known if like.values.ndim > 1 else known[:, 1]
        elif like.method != "predict":
            return
        elif like.values.dtype.kind == "u":
            own = self._codes(own).astype(like.values.dtype)
        for seed in range(math.ceil(min(RANDOM_ORDERS, ENOUGH_IN_ORDERS / max(len(own), 1)))):
            yield np.random.default_rng(seed).permutation(own)

    def _losses(
        self, metric: Metric, values: NDArray[Any], rows: Indices, score: float | None, n: int
    ) -> Floats | None:
        """Return the losses of predictions for `rows`, whose mean has to be `score` if that is given.

        At most `n` blocks are left out in turn.
        """
        weight = None if self.weight is None else self.weight[rows]
        if metric.quick:
            own = self._row_losses(metric, self.y[rows], values, values.dtype.kind == "u" and self.labels is not None)
            whole = math.nan if own is None else metric.offset - float(np.average(own, weights=weight))
            if own is not None and math.isfinite(whole) and (score is None or _same_score(score, whole)):
                return own
        if score is not None and not _same_score(score, self._score(metric, values, rows)):
            return None
        different, place = np.unique(rows, return_inverse=True)  # a row is in one block, however often it was tested

        seen: list[float] = []

        def scored(kept: Indices) -> float:
            there = np.zeros(len(different), bool)
            there[kept] = True
            seen.append(self._score(metric, values[there[place]], rows[there[place]]))
            return seen[-1]

        strata = None if self.labels is None else self._codes(self.y[different])
        n_blocks = n if len(rows) <= ROWS_FOR_ALL_BLOCKS else (n + 1) // 2
        own = pseudo_losses(scored, len(different), strata=strata, n_blocks=n_blocks)[place]
        self.blank.append(float(np.mean(~np.isfinite(seen))))
        return own + metric.offset

    def _score(self, metric: Metric, values: NDArray[Any], rows: Indices) -> float:
        """Return the score of predictions, greater is better."""
        coded = values.dtype.kind == "u" and self.labels is not None
        decoded = self.labels[values] if coded and self.labels is not None else values
        more = metric.options if self.weight is None else {**metric.options, "sample_weight": self.weight[rows]}
        return metric.sign * float(metric.function(self.y[rows], decoded, **more))

    def _codes(self, y: NDArray[Any]) -> Indices:
        """Return the indices of targets among the sorted labels."""
        return np.asarray(np.searchsorted(np.asarray(self.labels), y), dtype=np.intp)

    def _row_losses(self, metric: Metric, y: NDArray[Any], values: NDArray[Any], coded: bool) -> Floats | None:
        """Return the losses of predictions by the formula of a metric; None if there is none for them."""
        if metric.kind == "r2":
            if y.ndim != 1 or values.ndim != 1 or self.weight is not None or coded:
                return None
            spread = (y - y.mean()) ** 2
            with np.errstate(all="ignore"):  # of equal targets R² has no value: not finite, so not used
                own, share = (y - values) ** 2 / spread.mean(), spread / spread.mean()
                # A row far from the mean adds to what the squared errors are divided by: the influence of a ratio.
                return np.asarray(own + own.mean() * (1.0 - share), np.float64)
        if metric.row_loss is None:
            return None
        loss = metric.row_loss.loss
        if metric.row_loss.targets == "numbers":
            return None if coded else loss(y, values)
        if metric.row_loss.targets == "classes":
            return loss(self._codes(y) if coded else y, values)
        if self.labels is None:
            return None
        if values.ndim == 1:  # of two classes the scorer is pooled the second one's
            values = np.column_stack([1.0 - values, values])
        return loss(self._codes(y), values)


def _same_score(score: float, other: float) -> bool:
    """Tell whether two scores are the same, as exactly as predictions are kept."""
    return abs(other - score) <= SCORE_TOLERANCE * max(1.0, abs(score))


# ----------------------------------------------------------------------------------------------------------------------
# Predictions of classes on all splits together: what each row adds to a metric that is not a mean over rows.
#
# A split may hold one member of a rare class. What that adds can be told from all splits together only.

MOST_MATRIX_CELLS = 64  # of a confusion matrix: with more of them, leaving out blocks of rows is quicker


@dataclass(frozen=True, slots=True, eq=False)
class PooledPredictions:
    """Predictions of all splits, one value a row; m of them.

    Attributes:
        y: true classes, as indices in `labels`, [m].
        labels: sorted.
        values: predictions [m]; if `coded`, classes as indices, too.
        rows: the row of each prediction, [m].
        fold: its split, [m].
        weight: of the rows, [m].
        coded: whether they are classes.
    """

    y: Indices
    labels: NDArray[Any]
    values: NDArray[Any]
    rows: Indices
    fold: Indices
    weight: Floats
    coded: bool

    @property
    def shares(self) -> Floats:
        """The weight of each prediction, [m]: those of one row share the row's."""
        return np.asarray(self.weight / np.bincount(self.rows)[self.rows])

    def influences(self, metric: Metric, together: bool) -> tuple[Floats, Floats] | None:
        """Return the score of each split and what each prediction adds to their mean, [m]; None if it is not known.

        If `together`, all splits count as one. An exception: the metric takes no weights, or needs all rows.
        """
        fold = np.zeros_like(self.fold) if together else self.fold
        own = self._positive(metric)
        if metric.ranks and own is not None and not self.coded and np.ptp(self.weight) == 0.0:
            of_rows = area_influence if metric.kind == "roc_auc" else precision_influence
            return of_rows(self.y == own, self.values.astype(np.float64), fold)
        if not self.coded or metric.row_loss is not None:
            return None
        score, p, found = self._of_cells(metric), self.values.astype(np.intp), []
        matrix, cell = Confusion.of(score, self.y, p, self.shares, len(self.labels))
        if len(matrix.weight) > MOST_MATRIX_CELLS:
            return None
        for at in folds_of(fold):
            part, _ = Confusion.of(score, self.y[at], p[at], self.weight[at], len(self.labels))
            found.append(score(part.y, part.p, part.weight))
        return np.array(found), matrix.influences()[cell]

    def effective_sample(self, metric: Metric, groups: Indices | None, level: float) -> EffectiveSample:
        """Return the rows that decide the metric; infinitely many where all rows decide it alike, as far as is known.

        `groups` [n_rows] numbers rows that belong together from 0; None: each row stands for itself.
        """
        # What was tested in several splits is one row.
        once = groups is None and len(np.unique(self.rows)) == len(self.rows)
        units = None if once else self.rows if groups is None else groups[self.rows]
        w, classes = self.shares, [self.y == k for k in range(len(self.labels))]
        if metric.ranks:
            sizes = [effective_size(own, own, w, units) for own in classes]
            positive = self._positive(metric) if metric.kind == "average_precision" else None
            return EffectiveSample(min(s for s in sizes if s) if positive is None else sizes[positive])
        if not self.coded or metric.row_loss is not None or len(classes) > MOST_MATRIX_CELLS:
            return EffectiveSample(math.inf)
        p, everyone = self.values.astype(np.intp), np.ones(len(w), bool)
        try:
            matrix, _ = Confusion.of(self._of_cells(metric), self.y, p, w, len(classes))
            sizes = [effective_size(own, p == k, w, units) for k, own in enumerate(classes)]
            shares = [effective_size(everyone, own, w, units) for own in classes]
            return matrix.effective_sample(np.array(sizes), np.array(shares), level, metric.width)
        except Exception:  # the metric takes no weights
            return EffectiveSample(math.inf)

    def _of_cells(self, metric: Metric) -> Callable[[Indices, Indices, Floats], float]:
        """Return the metric as a function of the confusion matrix."""

        def score(y: Indices, p: Indices, weight: Floats) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a class without members, as the matrix is changed
                true, predicted = self.labels[y], self.labels[p]
                return metric.sign * float(metric.function(true, predicted, sample_weight=weight, **metric.options))

        return score

    def _positive(self, metric: Metric) -> int | None:
        """Return the index of the class that should be ranked above the other; None if that is not known."""
        if len(self.labels) != 2:
            return None
        options = {k: v for k, v in metric.options.items() if v not in ("macro", "raise", None)}
        if metric.kind != "average_precision":
            return None if options else 1
        at = np.flatnonzero(self.labels == options.pop("pos_label", 1))
        return int(at[0]) if len(at) and not options else None
