"""Candidates of one pipeline share their first steps: the same steps on the same split are fitted once.

A *prefix* is the first k transformers of a pipeline with their parameters. `Planner` runs in the caller: it
numbers the prefixes of the candidates and says which of them are worth keeping. `Prefixes` runs in each
worker: it fits a prefix the first time it is met on a split and hands out copies of its output afterwards.

Scores are the same to the bit as without sharing. A prefix is shared only if fitting it twice gives the same: it must
not carry scikit-learn's ``non_deterministic`` tag, must not draw from NumPy's or Python's global random numbers, must
not write into its input (``copy=False``) and, if it is not scikit-learn's own, must not hold an unset seed. Output that
cannot be copied (arrays of objects, unknown types) is not shared, and a prefix that fails is left to the pipeline.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from tunesmith.sklearn.evaluate.folds import ByteLRU, Fold, n_bytes, total_bytes, writable_copy
from tunesmith.sklearn.protocols import Data, Estimator, Params


def has_plain_set_params(estimator: Estimator) -> bool:
    """Whether ``set_params`` is scikit-learn's own, so that it does nothing besides setting parameters."""
    return getattr(type(estimator), "set_params", None) in (BaseEstimator.set_params, Pipeline.set_params)


OUTPUT = "_tunesmith_output"  # what a search was asked for by ``set_output``, at the estimator that it clones


def configure(base: Estimator, params: Params | None) -> Any:
    """Return a new unfitted estimator: `base` with these parameters.

    Parameters that are estimators are cloned first: one candidate's fit must not reach the object in the user's grid.
    Where `base` has the attribute `OUTPUT`, their output is set to that too.

    Raises:
        ValueError: the estimator has no such parameter.
    """
    estimator = clone(base)
    if params is None:
        return estimator
    estimator = estimator.set_params(**clone(params, safe=False))
    output = getattr(base, OUTPUT, None)
    return estimator if output is None else estimator.set_output(transform=output)


# ----------------------------------------------------------------------------------------------------------------------

SEED_PARAMETERS = ("random_state", "seed", "random_seed", "rng")
COPY_PARAMETERS = ("copy", "copy_x", "copy_X")  # where one is False, the step may write into its input
MOST_COMBINATIONS_SHARED = 100  # of values of the first steps: with more, random candidates seldom share one


@dataclass(frozen=True, slots=True)
class Prefix:
    """Which prefixes one candidate's pipeline consists of.

    Attributes:
        levels: for each transformer step, the number of the prefix that ends there; equal numbers, equal prefixes.
        keep: for each transformer step, whether other candidates go on from there.
    """

    levels: tuple[int, ...]
    keep: tuple[bool, ...]


def is_passthrough(step: Any) -> bool:
    """Whether a pipeline's step hands its input on."""
    return step is None or (isinstance(step, str) and step == "passthrough")


class Planner:
    """Numbers the prefixes of candidates. Made once per fit, so that numbers mean the same throughout.

    Args:
        estimator: what is tuned; only a plain ``Pipeline`` without ``memory`` can be shared.
    """

    def __init__(self, estimator: Any) -> None:
        self._steps: dict[str, int] | None = None
        if (
            type(estimator) is Pipeline
            and estimator.memory is None
            and not estimator.verbose
            and estimator.transform_input is None
            and len(estimator.steps) > 1
        ):
            self._steps = {name: i for i, (name, _) in enumerate(estimator.steps)}
        self._numbers: dict[Hashable, int] = {}
        self._alive: list[Any] = []  # objects numbered by identity must not be freed, or the identity is used again

    def plan(self, candidates: list[Params], keep: tuple[bool, ...] | None = None) -> list[Prefix | None]:
        """Return the prefixes of each candidate, None where nothing can be shared.

        Args:
            keep: for each transformer step, whether further candidates may go on from there; None: there will be no
                further candidates.
        """
        if self._steps is None:
            return [None] * len(candidates)
        levels = [self._levels(params) for params in candidates]
        if keep is not None:
            return [Prefix(own, keep) if own is not None and any(keep) else None for own in levels]
        followers: dict[int, set[int]] = defaultdict(set)
        for i, own in enumerate(levels):
            for level, follower in pairwise((*own, -1 - i) if own else ()):
                followers[level].add(follower)
        kept = [tuple(len(followers[level]) > 1 for level in own or ()) for own in levels]
        return [Prefix(own, k) if own is not None and any(k) else None for own, k in zip(levels, kept, strict=True)]

    def likely(self, counts: Mapping[str, float]) -> tuple[bool, ...]:
        """Return for each transformer step whether random candidates are likely to share it.

        Args:
            counts: how many values each parameter can have, by name.
        """
        combinations = 1.0
        found = []
        for step in list(self._steps or ())[:-1]:
            for name, count in counts.items():
                if name == step or name.startswith(f"{step}__"):
                    combinations *= count
            found.append(combinations <= MOST_COMBINATIONS_SHARED)
        return tuple(found)

    def _levels(self, params: Params) -> tuple[int, ...] | None:
        steps = self._steps or {}
        parts: list[list[Hashable]] = [[] for _ in steps]
        for name in sorted(params):
            head, _, rest = name.partition("__")
            if head not in steps:
                return None  # a parameter of the pipeline as a whole, or an unknown one: leave it to scikit-learn
            parts[steps[head]].append((rest, self._token(params[name])))
        levels: list[int] = []
        for part in parts[:-1]:
            key = (levels[-1] if levels else -1, tuple(part))
            levels.append(self._numbers.setdefault(key, len(self._numbers)))
        return tuple(levels)

    def _token(self, value: Any) -> Hashable:
        if value is None or type(value) in (bool, int, float, str, bytes):
            return (type(value), repr(value))  # 1, 1.0 and True are equal, and not the same parameter
        self._alive.append(value)
        return id(value)


def order_by_prefix(prefixes: list[Prefix | None]) -> list[int]:
    """Return the candidates' positions with equal prefixes side by side, else in their order."""
    first: dict[int, int] = {}
    for i, prefix in enumerate(prefixes):
        for level in prefix.levels if prefix else ():
            first.setdefault(level, i)
    return sorted(range(len(prefixes)), key=lambda i: ([first[k] for k in p.levels] if (p := prefixes[i]) else [i], i))


@dataclass(slots=True)
class Stage:
    """The data of one split after the first steps of a pipeline.

    Attributes:
        fitted: the fitted steps, or "passthrough".
        train: the rows that the rest of the pipeline is fitted on.
        test: the rows that it is scored on.
        train_again: the training rows sent through ``transform``, as scoring them does; None if they are not scored.
        seconds: what making ``train`` and ``test`` took.
    """

    fitted: list[Any]
    train: Data
    test: Data
    train_again: Data = None
    seconds: tuple[float, float] = (0.0, 0.0)

    def size(self) -> int | None:
        """Return the bytes held, or None if a part cannot be copied."""
        data = total_bytes(self.train, self.test, self.train_again)
        inside = sum(n_bytes(v) or 0 for step in self.fitted for v in getattr(step, "__dict__", {}).values())
        return None if data is None else data + inside

    def copy(self) -> Stage:
        """Return a copy whose data may be overwritten."""
        return replace(
            self,
            train=writable_copy(self.train),
            test=writable_copy(self.test),
            train_again=writable_copy(self.train_again),
        )


class NotShareableError(Exception):
    """A prefix has to be fitted for each candidate."""


class Prefixes:
    """Fits the first steps of pipelines in one process, and keeps what recurs.

    Args:
        limit: bytes to keep.
        train_scores: whether training rows are scored too.
        alone: no other thread draws random numbers meanwhile, so that draws can be taken back.
    """

    def __init__(self, limit: int, train_scores: bool, alone: bool = True) -> None:
        self.limit = limit
        self.train_scores = train_scores
        self.alone = alone
        self._kept: ByteLRU[tuple[int, int], Stage] = ByteLRU(limit, Stage.size)  # by split and level
        self._refused: set[int] = set()
        self._allowed: set[int] = set()

    def stage(self, pipeline: Pipeline, prefix: Prefix, split: int, fold: Fold) -> Stage | None:
        """Return the data of a split after as many transformers of an unfitted pipeline as can be shared.

        The data are the caller's to overwrite; the pipeline and `fold` stay as they are.
        Returns None if nothing can be shared.
        """
        size = n_bytes(fold.X)
        if size is None or size > self.limit:
            return None
        for step in range(self._shareable(pipeline, prefix) - 1, -1, -1):
            if not prefix.keep[step]:
                continue  # no other candidate shares this step: the pipeline does it itself
            try:
                stage, kept = self._after(pipeline, prefix, step, split, fold)
            except NotShareableError:
                continue
            return stage.copy() if kept else stage
        return None

    def _shareable(self, pipeline: Pipeline, prefix: Prefix) -> int:
        """Return how many of the first steps can be shared, as far as is known before they are fitted."""
        for i, level in enumerate(prefix.levels):
            if level in self._refused:
                return i
            if level not in self._allowed:
                if not is_repeatable(pipeline.steps[i][1]):
                    self._refused.add(level)
                    return i
                self._allowed.add(level)
        return len(prefix.levels)

    def _after(self, pipeline: Pipeline, prefix: Prefix, step: int, split: int, fold: Fold) -> tuple[Stage, bool]:
        """Return the stage after a step, and whether it is cached, and so must not be overwritten."""
        if step < 0:
            again = fold.X if self.train_scores else None
            return Stage([], fold.X, fold.X_test, again), True
        level = prefix.levels[step]

        def build() -> Stage:
            before, kept = self._after(pipeline, prefix, step - 1, split, fold)
            before = before.copy() if kept else before
            transformer = clone(pipeline.steps[step][1], safe=False)
            if is_passthrough(transformer):
                return replace(before, fitted=[*before.fitted, transformer])
            state = _random_state()
            try:
                after = _apply(transformer, before, fold.y)
            except Exception:
                after = None  # the pipeline will raise it
            drawn = not _same_state(state, _random_state())
            if after is None or drawn or after.size() is None:
                if drawn and self.alone:
                    _set_random_state(state)
                self._refused.add(level)
                raise NotShareableError
            return after

        if not prefix.keep[step]:
            return build(), False
        path = frozenset(prefix.levels)
        return self._kept.make((split, level), build, spare=lambda key: key[1] in path)


def _apply(transformer: Any, before: Stage, y: Data) -> Stage:
    """Fit a transformer and send all rows through it; the data of `before` may be overwritten."""
    start = time.perf_counter()
    if hasattr(transformer, "fit_transform"):
        train = transformer.fit_transform(before.train, y)
    else:
        train = transformer.fit(before.train, y).transform(before.train)
    fitted = time.perf_counter()
    test = transformer.transform(before.test)
    seconds = (before.seconds[0] + fitted - start, before.seconds[1] + time.perf_counter() - fitted)
    again = None if before.train_again is None else transformer.transform(before.train_again)
    return Stage([*before.fitted, transformer], train, test, again, seconds)


def is_repeatable(step: Any) -> bool:
    """Whether fitting a step twice on the same rows gives the same, as far as its parameters tell."""
    if is_passthrough(step):
        return True
    try:
        if get_tags(step).non_deterministic:
            return False
        params = step.get_params(deep=False)
        inner = [v for v in step.get_params(deep=True).values() if hasattr(v, "get_params") and not isinstance(v, type)]
    except Exception:
        return False
    own = type(step).__module__.partition(".")[0] == "sklearn"
    for name, value in params.items():
        if (name in COPY_PARAMETERS and value is False) or (name in SEED_PARAMETERS and value is None and not own):
            return False
    return all(is_repeatable(v) for v in inner)


def _random_state() -> tuple[Any, Any]:
    return np.random.get_state(legacy=True), random.getstate()


def _same_state(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    same = a[0][2:] == b[0][2:] and np.array_equal(a[0][1], b[0][1])
    return bool(same and a[1] == b[1])


def _set_random_state(state: tuple[Any, Any]) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])
