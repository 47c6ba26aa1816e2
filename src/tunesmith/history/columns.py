"""The columnar record of a study's finished trials: the one structure that samplers learn from.

Symbols: n finished trials, d columns (one for each parameter ever seen), m objectives, k constraints, p running trials.

Columns are append-only arrays whose capacity doubles; a finished row never changes, and readers get read-only views.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.states import TrialState
from tunesmith.history.costs import CostClass
from tunesmith.history.curves import Curves
from tunesmith.space import Categorical, Combinatorial, Ordinal, Parameter, Space, merge

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

ROWS_AT_ONCE = 1 << 16  # that are encoded: the arrays in between stay small where there are a million


@dataclass(slots=True, frozen=True, eq=False)
class SourceStudy:
    """The results of an earlier study: its points, and the ranks of their values.

    Attributes:
        space: its parameters.
        x: internal values float64[n, d] over that space, NaN = inactive or unknown.
        q: normal quantiles of the ranks of the values float64[n], low is good.
        curves: what its learning curves say; None: it had none.
    """

    space: Space
    x: Floats
    q: Floats
    curves: SourceCurves | None = None


@dataclass(slots=True, frozen=True, eq=False)
class SourceCurves:
    """What the learning curves of an earlier study say: how long a run is, and how early losses foretell later ones.

    Attributes:
        positions: numbers of reports, int64[L], rising; the last one is that of a full run.
        s: the last loss of each of some runs up to each of them, float64[k, L], after one transform that makes all of
            these look normal, with mean 0 and standard deviation 1; NaN where a run did not come so far.
        start: what a start costs before its first report, in steps, the median; NaN: not known.
        step_cost: what a report after the first costs, in the earlier study's unit, the median; NaN: not known.
    """

    positions: Ints
    s: Floats
    start: float
    step_cost: float


class History:
    """Finished trials as columns, in commit order; those that are running or paused; the reports.

    Args:
        space: the declared space; None: the space grows with what trials suggest (see `tunesmith.space.merge`).
        n_objectives: m.

    Attributes:
        curves: the reports, see `tunesmith.history.curves.Curves`.
        warm_start: what earlier studies found, for a warm start; set once, before any trial.
        priors: whether samplers may use what is known of parameters by their names; set once, before any trial.
        expected: numbers of the trials whose values are expected ones, see `expecting`.
        classes: how dear trials and starts are, as far as the study found that out, see `tunesmith.history.costs`.
        any_paused: whether `paused` has any; it costs nothing to look at.
    """

    def __init__(self, space: Space | None = None, n_objectives: int = 1) -> None:
        self._columns = ParameterColumns(space)
        self.warm_start: tuple[SourceStudy, ...] = ()
        self.priors = True
        self.expected: frozenset[int] = frozenset()
        self.classes: Mapping[str, CostClass] = {}
        self.curves = Curves(n_objectives)
        self._m = n_objectives
        self._n = 0
        self._number = np.empty(16, np.int64)
        self._state = np.empty(16, np.int8)
        self._sampler_state = np.empty(16, np.int64)
        self._cost = np.empty(16)
        self._failure = np.empty(16, np.int8)
        self._y = np.empty((16, n_objectives))
        self._x = np.empty((16, len(self._columns.names)))
        self._c = np.empty((16, 0))
        self._constraints: dict[str, int] = {}
        self._noise: Floats | None = None  # made for the first trial that has one
        self._units: dict[int, tuple[Space, Floats, int]] = {}
        self._pending = RunningRows()
        self._paused: set[int] = set()
        self.any_paused = False

    # -- reading -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._n

    @property
    def space(self) -> Space | None:
        """The space that samplers search: the declared one, or all that was seen so far; None before any."""
        return self._columns.space

    @property
    def why_no_meanings(self) -> str | None:
        """Why samplers do not use what is known of parameters by their names; None: they may."""
        if not self.priors:
            return "the study was created with priors=False"
        if self.warm_start:
            return "earlier studies say more (warm_start_from=)"
        return "with several objectives no value is good for all" if self._m > 1 else None

    @property
    def n_objectives(self) -> int:
        """m, the number of objectives."""
        return self._m

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter behind each column of ``x``."""
        return tuple(self._columns.names)

    @property
    def x(self) -> Floats:
        """Internal values float64[n, d], NaN = inactive or unknown, in the history's own column order."""
        return _view(self._x[: self._n])

    @property
    def y(self) -> Floats:
        """Values float64[n, m], always minimised; NaN where a trial failed."""
        return _view(self._y[: self._n])

    @property
    def c(self) -> Floats:
        """Constraint values float64[n, k], feasible where <= 0; NaN where a trial set none, inf where it set NaN."""
        return _view(self._c[: self._n])

    @property
    def noise(self) -> Floats:
        """Standard deviations of the measurement errors of the values, float64[n, m]; NaN: not told."""
        if self._noise is None:
            return np.broadcast_to(np.nan, (self._n, self._m))
        return _view(self._noise[: self._n])

    @property
    def number(self) -> Ints:
        """Trial numbers int64[n]."""
        return _view(self._number[: self._n])

    @property
    def state(self) -> NDArray[np.int8]:
        """States int8[n], see `tunesmith.foundation.states.TrialState`."""
        return _view(self._state[: self._n])

    @property
    def sampler_state(self) -> Ints:
        """Sampler states int64[n], see `tunesmith.samplers.base`."""
        return _view(self._sampler_state[: self._n])

    @property
    def cost(self) -> Floats:
        """Seconds or the user's unit, float64[n]; decisions are by `classes`, for seconds are not the same twice."""
        return _view(self._cost[: self._n])

    @property
    def failure(self) -> NDArray[np.int8]:
        """Why each row failed, int8[n], as `tunesmith.FailureKind`; 0: it did not, or that is not known."""
        return _view(self._failure[: self._n])

    def constraints_of(self, row: int) -> dict[str, float]:
        """Return the constraint values of a row by name."""
        values = self._c[row].tolist()
        return {name: values[at] for name, at in self._constraints.items() if values[at] == values[at]}

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which rows are COMPLETE, bool[n]."""
        return np.equal(self.state, TrialState.COMPLETE)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which rows violate no constraint, bool[n]."""
        broken: NDArray[np.bool_] = np.any(self.c > 0, axis=1)
        return np.logical_not(broken)

    @property
    def pending(self) -> Pending:
        """The trials that are begun and not finished: the running and the paused ones."""
        return self._pending.table(self._columns)

    def points(self, space: Space) -> Floats:
        """Return the internal values float64[n, d] in the order of a space's parameters."""
        return _view(self._gather(self._x[: self._n], space))

    def pending_points(self, space: Space) -> Floats:
        """Return the pending trials' internal values float64[p, d] in the order of a space's parameters."""
        return self._gather(self.pending.x, space)

    def unit(self, space: Space) -> Floats:
        """Return the points in the unit cube, float64[n, d]; kept, and extended for new rows only."""
        kept = self._units.get(id(space))
        buffer, done = (kept[1], kept[2]) if kept is not None else (np.empty((16, len(space))), 0)
        if done < self._n:
            if len(buffer) < self._n:
                buffer = _grown_array(buffer, self._n)
            for start in range(done, self._n, ROWS_AT_ONCE):
                rows = slice(start, min(start + ROWS_AT_ONCE, self._n))
                u = np.maximum(space.to_unit(self._gather(self._x[rows], space)), 0.0)
                np.minimum(u, 1.0, out=buffer[rows])
            if len(self._units) > 8:  # spaces of define-by-run come and go
                self._units.clear()
            self._units[id(space)] = (space, buffer, self._n)
        return _view(buffer[: self._n])

    def emptied(self, space: Space | None) -> History:
        """Return a history without trials over another space, with all that is known of the study beside them."""
        new, curves = History(space, self._m), self.curves
        new.warm_start, new.priors, new.classes = self.warm_start, self.priors, self.classes
        new.curves.can_resume, new.curves.costs_given, new.curves.signs = (
            curves.can_resume,
            curves.costs_given,
            curves.signs,
        )
        return new

    def frozen(self) -> History:
        """Return the history as it is now, for readers: what is added to this one later is not in it.

        Finished rows are shared, since they never change; to be called by who may write to this one.
        """
        new = copy(self)
        for name in _ROWS:
            rows = getattr(self, name)
            setattr(new, name, None if rows is None else _view(rows[: self._n]))
        new._columns, new._constraints = self._columns.copy(), dict(self._constraints)
        new._units, new._paused = dict(self._units), set(self._paused)
        new._pending, new.curves = self._pending.copy(), self.curves.frozen(self._pending.numbers)
        return new

    def part(self, numbers: Ints) -> History:
        """Return a history with some of the trials of this one.

        Its curves are those of all trials, since to copy them takes seconds; who reads them asks for its own trials.

        Args:
            numbers: of those that are wanted, int64[k].
        """
        space, made = self.space, History(self.space, self._m)
        rows = np.flatnonzero(np.isin(self.number, numbers))
        made.extend(
            self.number[rows],
            self.state[rows],
            self.y[rows],
            [] if space is None or not len(rows) else [(space, np.arange(len(rows)), self.points(space)[rows])],
            sampler_state=self.sampler_state[rows],
            cost=self.cost[rows],
            failure=self.failure[rows],
            constraints={
                i: self.constraints_of(row) for i, row in enumerate(rows.tolist() if self._constraints else ())
            },
            noise={i: sd for i, sd in enumerate(self.noise[rows].tolist()) if sd[0] == sd[0]},
        )
        pending, points = self.pending, None if space is None else self.pending_points(space)
        for i in np.flatnonzero(np.isin(pending.number, numbers)).tolist():
            made.begin(int(pending.number[i]), space, None if points is None else points[i].tolist())
        made.curves = self.curves
        return made

    def expecting(self, ends: Mapping[int, float], errors: Mapping[int, float]) -> History:
        """Return a history with one objective in which trials that did not come to their ends have expected values.

        Samplers learn from these as from results, with their errors. Reports are left out.

        Args:
            ends: expected value by number, minimised, of trials that are PRUNED or paused.
            errors: standard deviations of these.
        """
        space, n, pending = self.space, len(self), self.pending
        new = self.emptied(space)
        new.expected = frozenset(ends)
        if space is None:
            return new
        number, ahead = pending.number.tolist(), self.pending_points(space)
        at = [k for k, m in enumerate(number) if m in ends]
        numbers = np.concatenate([self.number, pending.number[at]])
        y = np.concatenate([self.y[:, 0], np.full(len(at), np.nan)])
        noise = {k: [float(sd)] for k, sd in enumerate(self.noise[:, 0]) if sd == sd}
        for k, m in enumerate(numbers.tolist()):
            if m in ends:
                y[k], noise[k] = ends[m], [errors[m]]
        new.extend(
            numbers,
            np.concatenate([self.state, np.full(len(at), TrialState.PRUNED, np.int8)]),
            y[:, None],
            [(space, np.arange(len(numbers)), np.concatenate([self.points(space), ahead[at]]))],
            sampler_state=np.concatenate([self.sampler_state, pending.sampler_state[at]]),
            cost=np.concatenate([self.cost, np.full(len(at), np.nan)]),
            failure=np.concatenate([self.failure, np.zeros(len(at), np.int8)]),
            constraints={k: found for k in range(n) if (found := self.constraints_of(k))},
            noise=noise,
        )
        for k in sorted(set(range(len(number))) - set(at)):
            new.begin(number[k], space, ahead[k].tolist(), int(pending.sampler_state[k]))
        return new

    # -- writing (the study alone) -----------------------------------------------------------------------------

    def append(
        self,
        number: int,
        state: TrialState,
        space: Space | None,
        x: Sequence[float] | None,
        y: Sequence[float] | None,
        *,
        sampler_state: int = 0,
        cost: float = np.nan,
        failure: int = 0,
        constraints: Mapping[str, float] | None = None,
        noise: Sequence[float] | None = None,
    ) -> None:
        """Add one finished trial.

        Args:
            state: how it ended.
            space: its own space; None: it suggested nothing.
            x: internal values over that space, [d_space].
            y: minimised values, [m]; None: NaN.
            sampler_state: what the sampler has to remember of it, see `tunesmith.samplers.base`.
            cost: seconds, or the user's unit.
            failure: why it failed, as in `failure`.
            constraints: constraint values by name.
            noise: standard deviations of the errors of the values, [m].
        """
        n = self._n
        if n == len(self._number):
            self._grow(n + 1)
        columns = None if space is None else self._columns.known.get(id(space)) or self._columns_of(space)
        self._x[n] = np.nan
        if columns is not None and x is not None:
            whole = columns.identity and len(columns.at) == self._x.shape[1]
            self._x[n, columns.at] = x if whole else columns.translate(np.array([x], float))[0]
        self._y[n] = np.nan if y is None else y
        self._number[n] = number
        self._state[n] = state
        self._sampler_state[n] = sampler_state
        self._cost[n] = cost
        self._failure[n] = failure
        if self._constraints or constraints:
            self._set_constraints(n, constraints or {})
        if self._noise is not None or noise is not None:
            self._set_noise(n, n + 1, {} if noise is None else {0: noise})
        self._n = n + 1
        self._pending.end(number)
        if self.any_paused:
            self._unpause(number)
        if self.curves.n_reports:
            self.curves.close(number, state)

    def extend(
        self,
        number: Ints,
        state: NDArray[np.int8],
        y: Floats,
        blocks: Iterable[tuple[Space | None, Ints, Floats]],
        *,
        sampler_state: Ints,
        cost: Floats,
        failure: NDArray[np.int8] | None = None,
        constraints: Mapping[int, Mapping[str, float]] | None = None,
        noise: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        """Add many finished trials at once: the same as appending them one by one.

        Args:
            number: int64[b].
            state: int8[b].
            y: minimised values float64[b, m].
            blocks: (space, places among the b rows, internal values [len(places), d_space]); together they cover
                every row that has a point.
            sampler_state: int64[b].
            cost: float64[b].
            failure: int8[b]; None: none is known.
            constraints: place -> values by name.
            noise: place -> standard deviations of the errors of the values, [m].
        """
        start, count = self._n, len(number)
        if not count:
            return
        if start + count > len(self._number):
            self._grow(start + count)
        pointed = [(s, at, x) for s, at, x in blocks if s is not None]
        ordered = sorted(pointed, key=lambda b: int(b[1][0]))  # so that columns appear in the order of the trials
        maps = [self._columns_of(s) for s, _, _ in ordered]
        rows = slice(start, start + count)
        self._x[rows] = np.nan
        for columns, (_, at, x) in zip(maps, ordered, strict=True):
            self._x[np.ix_(start + at, columns.at)] = columns.translate(x)
        self._y[rows] = y
        self._number[rows] = number
        self._state[rows] = state
        self._sampler_state[rows] = sampler_state
        self._cost[rows] = cost
        self._failure[rows] = 0 if failure is None else failure
        if self._constraints or constraints:
            for i in range(count):
                self._set_constraints(start + i, (constraints or {}).get(i, {}))
        if self._noise is not None or noise:
            self._set_noise(start, start + count, noise or {})
        self._n = start + count
        if len(self._pending):
            for k in number.tolist():
                self._pending.end(k)
                self._unpause(k)
        if self.curves.n_reports:
            for k, s in zip(number.tolist(), state.tolist(), strict=True):
                self.curves.close(k, TrialState(s))

    def begin(self, number: int, space: Space | None, x: Sequence[float] | None, sampler_state: int = 0) -> None:
        """Add a running trial, at a point over its own space; one that was paused runs again."""
        self._pending.begin(number, space, x, sampler_state)
        if self.any_paused:
            self._unpause(number)
            self.curves.resume(number)

    def pause(self, number: int, space: Space | None, x: Sequence[float] | None, sampler_state: int = 0) -> None:
        """Note that a trial is paused, at a point over its own space; its reports stay."""
        if number not in self._paused:
            if space is not None:
                self._columns_of(space)  # what it suggested is searched from now on
            self._pending.begin(number, space, x, sampler_state)
            self._paused.add(number)
            self.any_paused = True
            self.curves.pause(number)

    def end(self, number: int) -> None:
        """Remove a pending trial that has no result."""
        self._pending.end(number)
        self._unpause(number)
        self.curves.drop(number)

    def _unpause(self, number: int) -> None:
        self._paused.discard(number)
        self.any_paused = bool(self._paused)

    @property
    def n_pending(self) -> int:
        """How many trials are begun and not finished."""
        return len(self._pending)

    @property
    def running(self) -> list[int]:
        """Numbers of the running trials."""
        return [number for number in self._pending.numbers if number not in self._paused]

    @property
    def paused(self) -> list[int]:
        """Numbers of the paused trials."""
        return [number for number in self._pending.numbers if number in self._paused]

    # -- columns -----------------------------------------------------------------------------------------------

    def _columns_of(self, space: Space) -> SpaceColumns:
        """Return the columns of a space's parameters, and make room for those that are new."""
        columns = self._columns.of(space)
        if len(self._columns.names) > self._x.shape[1]:
            wide = np.full((len(self._x), len(self._columns.names)), np.nan)
            wide[:, : self._x.shape[1]] = self._x
            self._x = wide
        return columns

    def _gather(self, x: Floats, space: Space) -> Floats:
        """Return rows of the history's columns in the order of a space's parameters, the same ones if it is theirs."""
        at = self._columns.at(space)
        if at is None:
            return x
        out = np.full((len(x), len(at)), np.nan)
        known = at >= 0
        out[:, known] = x[:, at[known]]
        return out

    def _set_constraints(self, row: int, values: Mapping[str, float]) -> None:
        for name in values:
            if name not in self._constraints:
                self._constraints[name] = len(self._constraints)
                self._c = np.column_stack([self._c, np.full(len(self._c), np.nan)])
        self._c[row] = np.nan
        for name, value in values.items():
            self._c[row, self._constraints[name]] = np.inf if value != value else value  # NaN is not feasible

    def _set_noise(self, first: int, last: int, values: Mapping[int, Sequence[float]]) -> None:
        """Set the noise of the rows first ... last - 1, by their places among these."""
        if self._noise is None:
            self._noise = np.full((len(self._number), self._m), np.nan)
        self._noise[first:last] = np.nan
        for at, sd in values.items():
            self._noise[first + at] = sd

    def _grow(self, need: int) -> None:
        for name in _ROWS:
            rows = getattr(self, name)
            setattr(self, name, None if rows is None else _grown_array(rows, need))


_ROWS = ("_number", "_state", "_sampler_state", "_cost", "_failure", "_y", "_x", "_c", "_noise")


def _grown_array(a: NDArray[T], need: int) -> NDArray[T]:
    out = np.empty((max(2 * len(a), need), *a.shape[1:]), a.dtype)
    out[: len(a)] = a
    return out


def _view(a: NDArray[T]) -> NDArray[T]:
    v = a.view()
    v.flags.writeable = False
    return v


# -- which column each parameter has, and the space that all parameters seen so far make up ---------------------------

SPACES_KNOWN = 1000  # an objective's ranges may never repeat


class SpaceColumns:
    """Where the parameters of one space go in the table.

    Attributes:
        space: the space.
        at: the column of each of its parameters; -1: it has none.
        relabel: parameters whose categories the history counts in another order, with the new index of each.
        identity: whether the parameters are the first columns, in order, as they are.
    """

    __slots__ = ("at", "identity", "relabel", "space")

    def __init__(self, space: Space, at: list[int], relabel: list[tuple[int, Floats]]) -> None:
        self.space = space
        self.at = np.array(at, np.intp)
        self.relabel = relabel
        self.identity = at == list(range(len(at))) and not relabel

    def translate(self, x: Floats) -> Floats:
        """Return x[n, d_space] with category indices as the history counts them."""
        if not self.relabel:
            return x
        x = x.copy()
        for j, table in self.relabel:
            known = ~np.isnan(x[:, j])
            x[known, j] = table[x[known, j].astype(np.intp)]
        return x


class ParameterColumns:
    """The columns of all parameters ever seen, one more for each that is new.

    Args:
        space: the declared space; None: there is none.

    Attributes:
        space: the declared space, or what all that was seen makes up (see `tunesmith.space.merge`).
        names: the parameter behind each column. A name has a second column where its kind has changed.
        known: the columns of the spaces seen so far, by the id of the space, which the value keeps alive.
    """

    def __init__(self, space: Space | None) -> None:
        self.space = space
        self.names: list[str] = []
        self._current: dict[str, int] = {}
        self.known: dict[int, SpaceColumns] = {}
        if space is not None:
            self.of(space)

    def copy(self) -> ParameterColumns:
        """Return columns of their own, as they are now."""
        made = copy(self)
        made.names, made._current, made.known = list(self.names), dict(self._current), dict(self.known)
        return made

    def of(self, space: Space) -> SpaceColumns:
        """Return the columns of a space's parameters; those that are new get one, and the merged space grows."""
        return self.known.get(id(space)) or self._add(space)

    def _add(self, space: Space) -> SpaceColumns:
        before, known_names = self.space, len(self.names)
        if before is None or (before is not space and before != space):
            self.space = merge(before, space.params, space.shape)
        merged = self.space if self.space is not None else space
        for name in space.names:
            known = before is not None and name in before.params and name in self._current
            if not known or (
                before is not None and _column_kind(before.params[name]) != _column_kind(merged.params[name])
            ):
                self._current[name] = len(self.names)
                self.names.append(name)
        if len(self.names) > known_names or len(self.known) > SPACES_KNOWN:
            self.known.clear()
        columns = self.known[id(space)] = self._map(space)
        return columns

    def peek(self, space: Space) -> SpaceColumns:
        """Return the columns of a space's parameters without adding any."""
        return self.known.get(id(space)) or self._map(space)

    def _map(self, space: Space) -> SpaceColumns:
        at: list[int] = []
        relabel: list[tuple[int, Floats]] = []
        for j, (name, p) in enumerate(space.params.items()):
            merged = self.space.params.get(name) if self.space is not None else None
            if merged is None or _column_kind(merged) != _column_kind(p):
                at.append(-1)
                continue
            at.append(self._current[name])
            if isinstance(p, Categorical | Ordinal) and isinstance(merged, Categorical | Ordinal) and p != merged:
                table = np.array([merged.to_internal(c) if merged.contains(c) else np.nan for c in p.choices])
                if not np.array_equal(table, np.arange(len(table))):
                    relabel.append((j, table))
        return SpaceColumns(space, at, relabel)

    def at(self, space: Space) -> NDArray[np.intp] | None:
        """Return the present column of each name of a space, -1: it has none; None: they are all columns, in order."""
        known = self.known.get(id(space))
        if known is not None and known.identity and len(known.at) == len(self.names):
            return None
        at = [self._current.get(name, -1) for name in space.names]
        return None if at == list(range(len(self.names))) else np.array(at, np.intp)


def _column_kind(p: Parameter) -> str:
    if isinstance(p, Combinatorial):  # ranks of other items are other arrangements
        return repr(p.kind)
    return "numeric" if p.is_numeric else type(p).__name__


# -- running and paused trials ----------------------------------------------------------------------------------------
#
# As columns that are kept up to date as trials begin and end: a sampler reads them at every proposal, so with
# thousands of workers they must not be collected anew each time.


@dataclass(slots=True, frozen=True)
class Pending:
    """Running and paused trials: number int64[p], points float64[p, d] in the history's columns, states int64[p]."""

    number: Ints
    x: Floats
    sampler_state: Ints


class RunningRows:
    """The running trials, in the order in which they began.

    Rows are appended when the table is asked for. The row of a trial that ended is dead, and dead rows are removed when
    there are more of them than of others. So a change costs as little with many running trials as with few.

    Several threads may use it: a figure is drawn in one while a search goes on in another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trials: dict[int, tuple[Space | None, Sequence[float] | None, int]] = {}
        self._columns: tuple[int, Space | None] = (0, None)  # their number, and the space that points were read in
        self._clear()

    def copy(self) -> RunningRows:
        """Return running trials of their own, as they are now."""
        made = RunningRows()
        with self._lock:
            made._trials = dict(self._trials)
        made._clear()
        return made

    def _clear(self) -> None:
        """Empty the table, to be made anew."""
        self._fresh = dict.fromkeys(self._trials)  # the trials that have no row yet
        self._row: dict[int, int] = {}
        self._used = 0  # rows, dead ones among them
        self._number, self._state = np.empty(0, np.int64), np.empty(0, np.int64)
        self._alive = np.empty(0, bool)
        self._x = np.empty((0, self._columns[0]))

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the trials."""
        return list(self._trials)

    def begin(self, number: int, space: Space | None, x: Sequence[float] | None, sampler_state: int) -> None:
        """Add a trial, or replace it in its place.

        Args:
            space: its own space; None: it suggested nothing.
            x: internal values over that space.
            sampler_state: what its sampler wrote.
        """
        with self._lock:
            self._trials[number] = (space, x, sampler_state)
            if number in self._row:
                self._clear()
            self._fresh[number] = None

    def end(self, number: int) -> None:
        """Remove a trial, if it is there."""
        with self._lock:
            self._trials.pop(number, None)
            self._fresh.pop(number, None)
            row = self._row.pop(number, None)
            if row is not None:
                self._alive[row] = False

    def table(self, columns: ParameterColumns) -> Pending:
        """Return the trials over the columns of a history."""
        with self._lock:
            key = (len(columns.names), columns.space)
            if key[0] != self._columns[0] or key[1] is not self._columns[1] or self._used > 2 * len(self._row) + 16:
                self._columns = key
                self._clear()
            if self._fresh:
                self._append(columns)
            alive = self._alive[: self._used]
            return Pending(
                self._number[: self._used][alive], self._x[: self._used][alive], self._state[: self._used][alive]
            )

    def _append(self, columns: ParameterColumns) -> None:
        need = self._used + len(self._fresh)
        if need > len(self._number):
            size = max(2 * need, 16)
            self._number, self._state = np.resize(self._number, size), np.resize(self._state, size)
            self._alive = np.resize(self._alive, size)
            wide = np.full((size, len(columns.names)), np.nan)
            wide[: self._used] = self._x[: self._used]
            self._x = wide
        for row, number in enumerate(self._fresh, self._used):
            space, x, state = self._trials[number]
            self._number[row], self._state[row], self._alive[row] = number, state, True
            self._x[row] = np.nan
            if space is not None and x is not None:
                own = columns.peek(space)
                known = own.at >= 0
                self._x[row, own.at[known]] = own.translate(np.array([x], float))[0, known]
            self._row[number] = row
        self._used = need
        self._fresh = {}
