"""`Axis`: a parameter or a user attribute as an axis, and where each trial lies on it.

A parameter that is inactive in a trial is shown in a strip below the axis, and not dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.formats import tick_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import cut, did_you_mean, listing, printable
from tunesmith.space import Categorical, Combinatorial, Float, Int, Ordinal, Parameter, Permutation, Space
from tunesmith.space.words import words_of_parameter
from tunesmith.visualization.columns import USER, Floats, Indices, Ints, Mask, StudyColumns, as_floats, attribute
from tunesmith.visualization.figure import FigureData, join
from tunesmith.visualization.thinning import thin_points

STRIP = 0.12  # where the strip of inactive trials lies, in lengths of the axis below its low end
CATEGORY_CHARACTERS = 60  # characters of a category, at most
TICKS_OF_CATEGORIES = 12
MOST_LISTED_ARRANGEMENTS = 24  # values of a permutation or a subset up to which each is a category
MOST_CATEGORIES = 40  # of a user attribute, by how often they occur


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis, and the trials on it.

    Attributes:
        name: of the parameter or attribute.
        kind: "linear", "log" or "category".
        at: where each trial lies [n], in the parameter's own unit, or the index of its category; NaN: nowhere.
        low: the low end.
        high: the high end.
        categories: their names, where it has any.
        strip: where trials without a value are shown; NaN: all have one.
        strip_name: what they are: "inactive" or "not set".
        words: values that are no numbers of their own, such as None, and where they lie.
    """

    name: str
    kind: str
    at: Floats
    low: float
    high: float
    categories: tuple[str, ...] = ()
    strip: float = math.nan
    strip_name: str = "inactive"
    words: tuple[tuple[str, float], ...] = ()

    @property
    def has_strip(self) -> bool:
        """Whether some trials have no value here."""
        return not math.isnan(self.strip)

    @property
    def placed(self) -> Floats:
        """Where each trial is drawn [n]: those without a value in the strip."""
        return np.where(np.isnan(self.at), self.strip, self.at) if self.has_strip else self.at

    @property
    def unit(self) -> Floats:
        """How far along the axis each trial is drawn [n]: 0 at the low end, 1 at the high one, the strip below 0."""
        return self.scaled(self.placed)

    def scaled(self, at: Floats) -> Floats:
        """Return positions on the axis as shares of its length."""
        if self.kind == "log":
            return np.asarray((np.log(at) - math.log(self.low)) / (math.log(self.high) - math.log(self.low)))
        return np.asarray((at - self.low) / (self.high - self.low))

    def rows(self, index: Indices) -> Axis:
        """Return the axis with some of the trials alone."""
        at = self.at[index]
        return replace(self, at=at, strip=self.strip if np.isnan(at).any() else math.nan)

    def text(self, row: int) -> str:
        """Return one trial's value as text."""
        at = float(self.at[row])
        if math.isnan(at):
            return say(self.strip_name)
        if self.kind == "category":
            return self.categories[int(at)]
        return next((word for word, place in self.words if place == at), f"{at:.6g}")

    def ticks(self, most: int = 6) -> tuple[list[float], list[str]]:
        """Return where ticks stand and what they say: none in the strip; of many categories every so many.

        Args:
            most: how many, of numbers about.
        """
        if self.kind == "category":
            every = max(1, math.ceil(len(self.categories) / TICKS_OF_CATEGORIES))
            return [float(i) for i in range(0, len(self.categories), every)], list(self.categories[::every])
        at = round_logs(self.low, self.high, most) if self.kind == "log" else round_values(self.low, self.high, most)
        for _, place in self.words:  # a number close to a word would be written over it
            where = float(self.scaled(np.array(place)))
            at = [v for v in at if abs(float(self.scaled(np.array(v))) - where) > 0.3 / most]
        named = dict(self.words)
        return [*at, *named.values()], [*map(tick_text, at), *named]

    def grid(self, k: int) -> Floats:
        """Return k positions from end to end, even to the eye; of categories each one."""
        if self.kind == "category":
            return np.arange(len(self.categories), dtype=np.float64)
        if self.kind == "log":
            return np.geomspace(self.low, self.high, k)
        return np.linspace(self.low, self.high, k)


def axes_of(columns: StudyColumns, names: Sequence[str] | None, most: int, figure: str) -> list[Axis]:
    """Return the axes of some parameters, over all trials.

    Args:
        columns: the trials.
        names: parameters, and "user_attrs_NAME"; None: all parameters that some trial has.
        most: how many to return where `names` is None: those that go best with the value.
        figure: what is drawn, for errors.

    Raises:
        NothingToDrawError: there is no parameter.
        ValueError: there is no such parameter or attribute.
    """
    space = columns.space
    if names is None:
        if space is None or not len(space):
            raise NothingToDrawError(say("{}: the trials of {} have no parameters", figure, repr(columns.name)))
        return [parameter_axis(columns, space, j) for j in chosen_columns(columns, space, most)]
    if isinstance(names, str):
        names = [names]
    labels = {} if space is None else {label(space, j): j for j in reversed(range(len(space)))}
    inner = {} if space is None else {name: j for j, name in enumerate(space.names)}
    found = []
    for name in names:
        j = labels.get(name, inner.get(name))
        if j is not None and space is not None:
            found.append(parameter_axis(columns, space, j))
        elif name.startswith(USER):
            found.append(_attribute_axis(columns, name.removeprefix(USER)))
        else:
            known = listing(labels) or "none"
            raise ValueError(
                f"{figure}: {columns.name!r} has no parameter {name!r}{did_you_mean(name, labels)} (it has {known}; "
                f"user attributes are written {USER + 'NAME'!r})"
            )
    if not found:
        raise ValueError(f"{figure}: params is empty; give at least one name, or None for all")
    return found


def label(space: Space, j: int) -> str:
    """Return the name that users know of a column; where several columns share it, the column's own."""
    name = space.names[j]
    outer = space.external.get(name, name)
    return name if outer and sum(o == outer for o in space.external.values()) > 1 else outer


def chosen_columns(columns: StudyColumns, space: Space, most: int) -> list[int]:
    """Return the columns to show: those that vary, in order; of too many those whose order goes best with the value's.

    Without any that varies, all.
    """
    with np.errstate(invalid="ignore"):
        x = columns.x
        known = ~np.isnan(x)
        spread = np.where(known.any(axis=0), np.nanmax(np.where(known, x, -np.inf), axis=0, initial=-np.inf), 0.0)
        spread -= np.where(known.any(axis=0), np.nanmin(np.where(known, x, np.inf), axis=0, initial=np.inf), 0.0)
    named = [j for j in range(len(space)) if label(space, j)]
    vary = [j for j in named if spread[j] > 0 or (known[:, j].any() and not known[:, j].all())] or named
    if len(vary) <= most:
        return vary
    strength = np.array([_strength(columns, j) for j in vary])
    return sorted(vary[i] for i in np.argsort(-strength, kind="stable")[:most])


def strongest(columns: StudyColumns) -> list[str]:
    """Return the names of all parameters that vary, those first whose order goes best with the value's."""
    space = columns.space
    if space is None or not len(space):
        return []
    found = chosen_columns(columns, space, len(space))
    return [label(space, j) for j in sorted(found, key=lambda j: -_strength(columns, j))]


def _strength(columns: StudyColumns, j: int) -> float:
    """Return how well the order of a column goes with that of the value: the share of variance between ten groups."""
    rows = np.flatnonzero(columns.complete)[-2000:]
    x, y = columns.x[rows, j], columns.loss[rows]
    if len(rows) < 3:
        return 0.0
    rank = np.empty(len(y))
    rank[np.argsort(y, kind="stable")] = np.arange(len(y))
    edges = np.unique(np.nanquantile(x, np.linspace(0, 1, 11))) if np.isfinite(x).any() else np.zeros(1)
    group = np.where(np.isnan(x), len(edges), np.searchsorted(edges, x, side="right") - 1)
    count = np.bincount(group, minlength=len(edges) + 1)
    mean = np.bincount(group, weights=rank, minlength=len(edges) + 1) / np.maximum(count, 1)
    return float((count * (mean - rank.mean()) ** 2).sum() / max(rank.var() * len(y), 1e-12))


def parameter_axis(columns: StudyColumns, space: Space, j: int) -> Axis:
    """Return column j of a space as an axis, over all rows."""
    p, at = space.params[space.names[j]], columns.x[:, j]
    name = printable(label(space, j) or space.names[j])
    if isinstance(p, Categorical | Ordinal):
        categories = tuple(_short(p.to_label(float(k))) for k in range(int(p.n_values)))
        return _with_strip(name, "category", at, 0.0, max(len(categories) - 1.0, 0.0), categories)
    if isinstance(p, Combinatorial):
        if p.n_values <= MOST_LISTED_ARRANGEMENTS:
            texts = tuple(_short(p.to_text(float(k)) or "()") for k in range(int(p.n_values)))
            return _with_strip(name, "category", at, 0.0, max(len(texts) - 1.0, 0.0), texts)
        return _away_from_the_best(columns, p, at, name)
    low, high = _range(p, at)
    made = _with_strip(name, "log" if getattr(p, "log", False) else "linear", at, low, high)
    return replace(made, words=tuple((_short(word), place) for word, place in words_of_parameter(p)))


def _away_from_the_best(columns: StudyColumns, p: Combinatorial, at: Floats, name: str) -> Axis:
    """Return an arrangement of many as its distance from that of the best trial: no other order has them all."""
    known = np.flatnonzero(~np.isnan(at))
    away = np.full(len(at), np.nan)
    unit = "pairs in another order than the best" if isinstance(p, Permutation) else "items unlike the best"
    if len(known):
        of = columns.best if columns.best is not None and not np.isnan(at[columns.best]) else known[0]
        away[known] = p.distances(p.rows(at[known].astype(np.int64)), p.rows(at[[of]].astype(np.int64)))[:, 0]
    low, high = _span(away)
    return _with_strip(say("{}: {}", name, say(unit)), "linear", away, low, high)


def _range(p: Parameter, at: Floats) -> tuple[float, float]:
    """Return the ends of a number's axis: the declared ones, or of other distributions those of the trials."""
    if isinstance(p, Float | Int):
        return float(p.low), float(p.high)
    return _span(at)


def _span(at: Floats) -> tuple[float, float]:
    finite = at[np.isfinite(at)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _attribute_axis(columns: StudyColumns, key: str) -> Axis:
    """Return a user attribute as an axis: of numbers, or of categories in the order of their names."""
    values = attribute(columns.seen, key)
    given = [v for v in values if v is not None]
    if not given:
        raise ValueError(f"no trial of {columns.name!r} has the user attribute {key!r}")
    name = printable(key)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given):
        at = as_floats(values)
        low, high = _span(at)
        return _with_strip(name, "linear", np.where(np.isfinite(at), at, np.nan), low, high, strip_name="not set")
    texts = [None if v is None else _short(v) for v in values]
    categories = tuple(_frequent(t for t in texts if t is not None))
    place = {c: float(i) for i, c in enumerate(categories)}
    at = np.array([np.nan if t is None else place.get(t, np.nan) for t in texts])
    return _with_strip(name, "category", at, 0.0, len(categories) - 1.0, categories, "not set")


def _frequent(texts: Iterable[str]) -> list[str]:
    count: dict[str, int] = {}
    for text in texts:
        count[text] = count.get(text, 0) + 1
    return sorted(sorted(count, key=lambda c: -count[c])[:MOST_CATEGORIES])


def _with_strip(
    name: str,
    kind: str,
    at: Floats,
    low: float,
    high: float,
    categories: tuple[str, ...] = (),
    strip_name: str = "inactive",
) -> Axis:
    """Return an axis of some length, with a strip if some trials have no value."""
    if kind == "category":
        low, high, strip = min(low, 0.0) - 0.5, high + 0.5, -1.25
    elif kind == "log":
        low, high = (low, high) if high > low else (low / 2.0, high * 2.0)
        strip = max(low * (low / high) ** STRIP, math.ulp(0.0))  # a logarithm needs more than 0
    else:
        low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
        strip = low - STRIP * (high - low)
    return Axis(name, kind, at, low, high, categories, strip if np.isnan(at).any() else math.nan, strip_name)


LEAST_STEP = 1e-300  # between two round numbers: parts of less have no digits left


def round_values(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from low to high, about so many; where these are hardly apart the low one, if it is any."""
    part = high / most - low / most  # of a span that no number may hold
    if not LEAST_STEP < part < math.inf:
        return [low] if math.isfinite(low) else []
    size = 10.0 ** math.floor(math.log10(part))
    step = next(size * k for k in (1, 2, 5, 10) if high / (size * k) - low / (size * k) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def round_logs(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten from low to high, about so many; where there are few, 2 and 5 times them as well."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        every = max(1, math.ceil((last - first + 1) / most))
        return [float(f"1e{k}") for k in range(first, last + 1, every)]
    fine = [float(f"{m}e{k}") for k in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [v for v in fine if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
    inside = inside if len(inside) > 1 else round_values(low, high, most)
    return inside if len(inside) > 1 else [low, high]


def _short(value: Any) -> str:
    return cut(printable(str(value)), CATEGORY_CHARACTERS)


COMMON = 0.9  # the share of values that an axis shows in any case
FAR_SPANS = 5.0  # beyond so many times their span on the bad side, values are drawn at the edge


def ends_of(value: Floats, maximize: bool | None) -> tuple[float, float]:
    """Return the ends (low, high) of an axis for values [n]; NaN and infinities do not count.

    The good end is the best value. The bad end is the worst one, unless it lies further from the common ones (the best
    nine tenths) than five times their span: then it is half of their span beyond them. Where it is not known what is
    good, the axis shows all.

    Args:
        value: the values.
        maximize: whether high is good; None: not known.
    """
    finite = value[np.isfinite(value)]
    if not len(finite):
        return 0.0, 1.0
    loss = -finite if maximize else finite
    best, common, worst = float(loss.min()), float(np.quantile(loss, COMMON)), float(loss.max())
    span = common - best
    if maximize is not None and span > 0 and worst > common + FAR_SPANS * span:
        worst = common + 0.5 * span
    return (-worst, -best) if maximize else (best, worst)


def beyond(value: Floats, ends: tuple[float, float]) -> tuple[str, ...]:
    """Return the note that says how many values lie beyond the axis; none if all are on it."""
    finite = value[np.isfinite(value)]
    n = int(((finite < ends[0]) | (finite > ends[1])).sum())
    return (say("{:,} far worse value at the edge" if n == 1 else "{:,} far worse values at the edge", n),) if n else ()


def shown_rows(t: StudyColumns, show_pruned: bool = False, show_failed: bool = False) -> Indices:
    """Return the rows that a figure of parameters shows: complete ones with a finite value, and others if asked."""
    shown = t.complete
    if show_pruned:
        shown = shown | (t.is_in(TrialState.PRUNED) & np.isfinite(t.value))
    if show_failed:
        shown = shown | t.is_in(TrialState.FAIL)
    return np.flatnonzero(shown)


def thin_panels(t: StudyColumns, rows: Indices, axes: Sequence[Axis], selected: Mask, most: int) -> Indices:
    """Return which of the rows to draw: one choice for all panels, with the extremes of each.

    Args:
        t: the snapshot.
        rows: those that may be drawn.
        axes: the panels.
        selected: trials that must stay, over all rows of the snapshot.
        most: how many to draw, unless more must stay.

    Returns:
        Rows, in order.
    """
    keep = selected.copy()
    if t.best is not None:
        keep[t.best] = True
    if len(rows) <= most:
        return rows
    value = np.where(np.isfinite(t.value[rows]), t.value[rows], np.nan)
    share = max(most // (2 * len(axes)), 4)
    stay = keep[rows]
    for axis in axes:
        stay[thin_points(axis.unit[rows], value, None, share)] = True
    order = np.arange(len(rows), dtype=np.float64)
    return rows[thin_points(order, np.nan_to_num(value, nan=float(np.nanmin(value))), stay, most)]


def place_of(index: Indices, row: int | None) -> int:
    """Return the place of a row among others; -1: it is not there."""
    found = np.flatnonzero(index == row) if row is not None else index[:0]
    return int(found[0]) if len(found) else -1


def listed(axes: Sequence[Axis]) -> str:
    """Return the names of axes for a sentence."""
    return listing((a.name for a in axes), 6)


def at_best(t: StudyColumns, axes: Sequence[Axis]) -> str | None:
    """Say where the best trial lies; None: there is none."""
    if t.best is None:
        return None
    return say("There, {}.", joined_texts(say("{} = {}", a.name, a.text(t.best)) for a in axes[:8]))


@dataclass(frozen=True, eq=False, kw_only=True)
class OnAxes(FigureData):
    """Trials over parameters.

    Attributes:
        target: what is shown of the trials.
        axes: the parameters, with the drawn trials on them.
        number: the drawn trials, int64[k].
        value: their values [k].
        feasible: which of them violate no constraint [k].
        selected: which of them somebody asked for [k].
        best: the place of the best among them, or -1.
    """

    target: str
    axes: tuple[Axis, ...]
    number: Ints
    value: Floats
    feasible: Mask
    selected: Mask
    best: int


def on_axes(
    t: StudyColumns, axes: Sequence[Axis], index: Indices, selected: Mask, *sentences: str | None
) -> dict[str, Any]:
    """Return what `OnAxes` holds, and the summary.

    Args:
        t: the snapshot.
        axes: the parameters, over all its rows.
        index: the rows that are drawn.
        selected: which rows of the snapshot somebody asked for.
        *sentences: how the summary begins.
    """
    return {
        "summary": join([*sentences, t.about_best(), at_best(t, axes)]),
        "target": t.target,
        "axes": tuple(a.rows(index) for a in axes),
        "number": t.number[index],
        "value": t.value[index],
        "feasible": t.feasible[index],
        "selected": selected[index],
        "best": place_of(index, t.best),
    }


def left_out(t: StudyColumns, params: Sequence[str] | None, axes: Sequence[Axis]) -> tuple[str, ...]:
    """Return the note that says how many parameters are not shown; none if all are, or were named."""
    d = 0 if t.space is None else len(t.space)
    return (say("{:,} of {:,} parameters shown", len(axes), d),) if params is None and len(axes) < d else ()
