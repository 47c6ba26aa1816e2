"""Hypothesis strategies for what may happen in a study: histories for samplers, curves for pruners."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.curves import Curves, Reported
from tunesmith.samplers.base import Sampler
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Permutation, Space, Subset, merge

# -- hypothesis strategies for spaces and their points, for the conformance suites and others' tests ----------

LABELS: tuple[Any, ...] = (None, True, False, 0, 1, 1.0, -2.5, "", "a", "b", "été", "1", (1, 2), (1.0, 2), ("x", None))
"""Labels that are easily confused."""

_finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """A Float: plain, logarithmic, with a step, or a constant."""
    kind = draw(st.sampled_from(["plain", "log", "step", "constant"]))
    if kind == "step":
        step = draw(st.sampled_from([0.1, 0.25, 1 / 3, 1e-3, 2.0]))
        low = draw(st.integers(-20, 20)) * step
        return Float(low, low + draw(st.integers(0, 30)) * step, step=step)
    if kind == "log":
        low = draw(st.sampled_from([1e-8, 1e-3, 0.5, 1.0]))
        return Float(low, low * draw(st.sampled_from([1.0, 1.5, 10.0, 1e6])), log=True)
    low = draw(_finite)
    return Float(low, low if kind == "constant" else low + draw(st.floats(0, 1e6, allow_subnormal=False)))


@st.composite
def ints(draw: st.DrawFn, max_values: int = 1000) -> Int:
    """An Int of at most `max_values` values: plain, logarithmic, or with a step."""
    n = draw(st.integers(1, max_values))
    if draw(st.booleans()):
        low = draw(st.integers(1, 100))
        return Int(low, low + n - 1, log=True)
    low, step = draw(st.integers(-1000, 1000)), draw(st.integers(1, 7))
    return Int(low, low + (n - 1) * step, step=step)


@st.composite
def choices(draw: st.DrawFn, min_size: int = 1) -> Categorical:
    """A Categorical or an Ordinal with labels of mixed types."""
    cls = draw(st.sampled_from([Categorical, Ordinal]))
    picked = draw(st.lists(st.sampled_from(range(len(LABELS))), min_size=min_size, max_size=5, unique=True))
    return cls([LABELS[i] for i in picked])


@st.composite
def arrangements(draw: st.DrawFn, max_items: int = 12) -> Permutation | Subset:
    """A Permutation or a Subset of up to so many items with labels of mixed types."""
    n = draw(st.integers(1, min(max_items, len(LABELS))))
    items = [LABELS[i] for i in draw(st.permutations(range(len(LABELS))))[:n]]
    if draw(st.booleans()):
        return Permutation(items, prior=draw(st.sampled_from([None, items[::-1]])))
    low = draw(st.integers(0, n))
    return Subset(items, low, draw(st.integers(low, n)))


def parameters(*, finite: bool = False) -> st.SearchStrategy[Parameter]:
    """One parameter without a condition; if `finite`, with at most five values."""
    if finite:
        return st.one_of(choices(), ints(max_values=5), arrangements(max_items=2))
    return st.one_of(floats(), ints(), choices(), arrangements())


@st.composite
def spaces(
    draw: st.DrawFn,
    *,
    conditional: bool | None = None,
    constrained: bool = False,
    finite: bool = False,
    min_params: int = 1,
    max_params: int = 6,
) -> Space:
    """A space of mixed parameters.

    Args:
        conditional: True: has a condition; False: has none; None: may have some, nested ones and on several parents.
        constrained: add a constraint that about half of the points satisfy.
        finite: only parameters with few values.
        min_params: lower bound of their number.
        max_params: upper bound, not counting those that a conditional or constrained space adds.
    """
    n = draw(st.integers(min_params, max_params))
    params: dict[str, Parameter] = {f"p{j}": draw(parameters(finite=finite)) for j in range(n)}
    if conditional:
        params = {"switch": draw(choices(min_size=2)), **params}
    names = list(params)
    if conditional is not False:
        for j in range(1, len(names)):
            forced = conditional and j == 1
            countable = [name for name in names[:j] if params[name].n_values < math.inf]
            parents = draw(st.lists(st.sampled_from(countable), unique=True, max_size=2)) if countable else []
            if forced and "switch" not in parents:
                parents = ["switch"]
            condition = {name: _some_values(draw, params[name]) for name in parents}
            if condition:
                params[names[j]] = params[names[j]].when(condition)
    if draw(st.booleans()):  # children may stand before their parents
        params = {name: params[name] for name in draw(st.permutations(list(params)))}
    if not constrained:
        return Space(params)
    params |= {"low": Int(0, 9), "high": Int(0, 9)}
    return Space(params, constraints=_low_not_above_high)


def _low_not_above_high(low: int, high: int) -> bool:
    return low <= high


def _some_values(draw: st.DrawFn, parent: Parameter) -> list[Any]:
    """Values of the parent; of a continuous one its ends and its middle."""
    if isinstance(parent, Categorical):
        return draw(st.lists(st.sampled_from(parent.choices), min_size=1, max_size=3))
    ends = parent.from_unit(np.array([0.0, 0.5, 1.0]))
    return [parent.to_external(x) for x in draw(st.lists(st.sampled_from(ends.tolist()), min_size=1, max_size=3))]


@st.composite
def unit_points(draw: st.DrawFn, space: Space, *, min_size: int = 0, max_size: int = 8) -> NDArray[np.float64]:
    """Points u[n, d] of the unit cube, its faces and corners included."""
    row = st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space))
    rows = draw(st.lists(row, min_size=min_size, max_size=max_size))
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(space))


@st.composite
def drawn_points(draw: st.DrawFn, space: Space, *, min_size: int = 0, max_size: int = 8) -> NDArray[np.float64]:
    """Points x[n, d] of the space; of a constrained one, infeasible points are replaced by sampled ones."""
    x = space.from_unit(draw(unit_points(space, min_size=min_size, max_size=max_size)))
    bad = np.flatnonzero(~space.feasible(x))
    if len(bad):
        x[bad] = space.sample(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), len(bad))
    return x


_END_STATES = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
_values = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, float("inf"), -float("inf"), 1e300, -1e300])
)  # a COMPLETE trial may be infinite, but not NaN

_noises = st.sampled_from([0.0, 0.1, 10.0, 1e300])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to one trial.

    Attributes:
        own: the sampler under test proposes it, as long as it has proposals; else `x` and `sampler_state` count.
        x: a point of the search's space, [d]; None: the trial suggested nothing.
        sampler_state: what another sampler wrote.
        extra: a value of a parameter that the search's space does not have; None: it suggested none.
        delay: how many trials start before it ends; None: it still runs when the story ends.
        state, y, cost, constraints, noise: how it ends; see `tunesmith.history.History.append`.
    """

    own: bool
    x: tuple[float, ...] | None
    sampler_state: int
    extra: float | None
    delay: int | None
    state: TrialState
    y: tuple[float, ...] | None
    cost: float
    constraints: Mapping[str, float] | None
    noise: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A trial with its point: what a history is told when it begins and when it ends."""

    number: int
    space: Space | None
    x: tuple[float, ...] | None
    sampler_state: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Story:
    """The course of a study: which trial began and which ended, one after the other."""

    space: Space
    n_objectives: int
    events: tuple[tuple[bool, Row], ...]
    """(ended, trial): False when the trial began, True when it ended."""

    def history(self, upto: int | None = None) -> History:
        """Return the history after the first `upto` events (None: all), each told when it happened."""
        history = History(self.space, self.n_objectives)
        for ended, row in self.events[:upto]:
            tell_history(history, ended, row)
        return history

    def history_in_chunks(self, size: int | None = None) -> History:
        """Return the history after all events, the ends told `size` at a time (None: all at once)."""
        history = History(self.space, self.n_objectives)
        done = [row for ended, row in self.events if ended]
        over = {row.number for row in done}
        for ended, row in self.events:
            if not ended and row.number not in over:
                history.begin(row.number, row.space, row.x, row.sampler_state)
        size = size or max(1, len(done))
        for start in range(0, len(done), size):
            _extend(history, done[start : start + size])
        return history


@dataclass(frozen=True, slots=True)
class Script:
    """A search and what happens in it, before it is known what the sampler proposes."""

    space: Space
    n_objectives: int
    outcomes: tuple[Outcome, ...]

    def play(self, sampler: Sampler | None = None, seed: int = 0) -> Story:
        """Let a sampler propose its own trials, trial k from ``default_rng([seed, k])``; None: it proposes none."""
        history = History(self.space, self.n_objectives)
        events: list[tuple[bool, Row]] = []
        running: list[tuple[int, Row]] = []

        def happen(ended: bool, row: Row) -> None:
            events.append((ended, row))
            tell_history(history, ended, row)

        for k, outcome in enumerate(self.outcomes):
            for _, row in [r for r in running if r[0] <= k]:
                happen(True, row)
            running = [r for r in running if r[0] > k]
            row = self._begin(history, sampler, np.random.default_rng([seed, k]), k, outcome)
            happen(False, row)
            if outcome.delay is not None:
                running.append((k + 1 + outcome.delay, row))
        return Story(self.space, self.n_objectives, tuple(events))

    def _begin(
        self, history: History, sampler: Sampler | None, rng: np.random.Generator, number: int, outcome: Outcome
    ) -> Row:
        x, state, space = outcome.x, outcome.sampler_state, self.space
        if outcome.own and sampler is not None:
            asked, states = sampler.ask(history, self.space, rng, 1)
            if len(asked):
                x, state = tuple(asked[0].tolist()), int(states[0])
        if x is None:
            return Row(number, None, None, state, outcome)
        if outcome.extra is not None:
            space = merge(space, {"extra": Float(0, 1)})
            x = (*x, outcome.extra)
        return Row(number, space, x, state, outcome)


def tell_history(history: History, ended: bool, row: Row) -> None:
    """Tell a history that a trial began or ended."""
    if not ended:
        history.begin(row.number, row.space, row.x, row.sampler_state)
        return
    o = row.outcome
    history.append(
        row.number,
        o.state,
        row.space,
        row.x,
        o.y,
        sampler_state=row.sampler_state,
        cost=o.cost,
        constraints=o.constraints,
        noise=o.noise,
    )


def _extend(history: History, rows: Sequence[Row]) -> None:
    groups: dict[Space, list[int]] = {}
    for i, row in enumerate(rows):
        if row.space is not None:
            groups.setdefault(row.space, []).append(i)
    nothing = (float("nan"),) * history.n_objectives
    history.extend(
        np.array([r.number for r in rows], np.int64),
        np.array([r.outcome.state for r in rows], np.int8),
        np.array([nothing if r.outcome.y is None else r.outcome.y for r in rows]).reshape(len(rows), -1),
        [(space, np.array(at), np.array([rows[i].x for i in at], float)) for space, at in groups.items()],
        sampler_state=np.array([r.sampler_state for r in rows], np.int64),
        cost=np.array([r.outcome.cost for r in rows]),
        constraints={i: r.outcome.constraints for i, r in enumerate(rows) if r.outcome.constraints},
        noise={i: r.outcome.noise for i, r in enumerate(rows) if r.outcome.noise},
    )


@st.composite
def histories(draw: st.DrawFn, space: Space, *, max_trials: int = 10, n_objectives: int | None = None) -> Script:
    """What may happen in a search of a space: failures, infinities, constraints, trials that end late or never.

    Args:
        max_trials: how many trials at most.
        n_objectives: how many objectives; None: one to three.
    """
    m = n_objectives or draw(st.sampled_from([1, 1, 2, 3]))
    x = draw(drawn_points(space, max_size=max_trials))
    is_noisy = draw(st.booleans())
    outcomes: list[Outcome] = []
    for row in x.tolist():
        state = draw(st.sampled_from(_END_STATES))
        valued = state is TrialState.COMPLETE or (state is TrialState.PRUNED and draw(st.booleans()))
        outcomes.append(
            Outcome(
                own=draw(st.booleans()),
                x=None if draw(st.integers(0, 9)) == 9 else tuple(row),
                sampler_state=draw(st.sampled_from([0, 0, 1, 2**63 - 1])),
                extra=draw(st.sampled_from([None, None, None, 0.5])),
                delay=draw(st.sampled_from([0, 0, 1, 3, None])),
                state=state,
                y=tuple(draw(_values) for _ in range(m)) if valued else None,
                cost=draw(st.sampled_from([1.0, 0.0, float("nan")])),
                constraints=draw(
                    st.sampled_from([None, None, {"size": -1.0}, {"size": 2.0, "time": 0.0}, {"time": float("nan")}])
                ),
                noise=tuple(draw(_noises) for _ in range(m)) if is_noisy and state is TrialState.COMPLETE else None,
            )
        )
    return Script(space, m, tuple(outcomes))


@dataclass(frozen=True, slots=True)
class Course:
    """What one trial reported, and how it ended (RUNNING: it did not)."""

    reports: tuple[tuple[int, Reported], ...]
    state: TrialState
    late: int
    """How many of the reports are read only after the end, as it may happen between two workers."""


def courses(*, max_trials: int = 8, max_steps: int = 6, objectives: int = 1) -> st.SearchStrategy[dict[int, Course]]:
    """Curves of a few trials by number, with NaN, infinities, gaps and steps out of order."""
    number = st.one_of(st.floats(-10, 10), st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, 1.0]))
    value = number if objectives == 1 else st.tuples(*[number] * objectives)
    report = st.tuples(st.integers(0, max_steps), value)
    course = st.builds(
        Course,
        reports=st.lists(report, max_size=max_steps, unique_by=lambda r: r[0]).map(tuple),
        state=st.sampled_from([TrialState.RUNNING, *_END_STATES]),
        late=st.sampled_from([0, 0, 1, 2]),
    )
    return st.lists(course, max_size=max_trials).map(lambda found: dict(enumerate(found)))


def curves_of(found: Mapping[int, Course], order: Sequence[int] | None = None) -> Curves:
    """Write courses into a table, trial after trial in an order (None: by number)."""
    first = next((value for course in found.values() for _, value in course.reports), 0.0)
    curves = Curves(len(first) if isinstance(first, tuple) else 1)
    for number in order if order is not None else sorted(found):
        course = found[number]
        early = len(course.reports) - (course.late if course.state is not TrialState.RUNNING else 0)
        for i, (step, value) in enumerate(course.reports):
            if i == early and i > 0:
                curves.close(number, course.state)
            curves.append(number, step, value)
        if course.state is not TrialState.RUNNING:
            curves.close(number, course.state)
    return curves
