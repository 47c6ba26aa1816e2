"""The trials of a study as the columns that figures are made of.

Symbols: n finished trials, d parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.text import printable, shown
from tunesmith.space import Space
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.trial.record import FrozenTrial

if TYPE_CHECKING:
    from tunesmith.study.study import Study

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]
Target = Callable[[FrozenTrial], float] | int | str | None

USER = "user_attrs_"  # before the name of a user attribute, as in a data frame of trials


@dataclass(frozen=True, eq=False)
class StudyColumns:
    """What figures read of a study.

    Attributes:
        seen: the study.
        name: its name.
        number: trial numbers int64[n].
        state: as `TrialState`, int8[n].
        feasible: which trials violate no constraint [n].
        value: what is compared, in the user's own direction [n]; NaN: there is none.
        target: its name.
        maximize: whether high is good; None: that is not known, of a function.
        space: the parameters; None: there are none.
        x: internal values [n, d] over that space, NaN where a parameter is inactive or unknown.
        running: numbers of the trials that run or are paused.
    """

    seen: Snapshot
    name: str
    number: Ints
    state: NDArray[np.int8]
    feasible: Mask
    value: Floats
    target: str
    maximize: bool | None
    space: Space | None
    x: Floats
    running: Ints

    @property
    def complete(self) -> Mask:
        """Which trials are COMPLETE and have a finite value [n]."""
        return self.is_in(TrialState.COMPLETE) & np.isfinite(self.value)

    def is_in(self, state: TrialState) -> Mask:
        """Return which trials are in a state [n]."""
        return np.equal(self.state, state)

    @property
    def loss(self) -> Floats:
        """The values, minimised [n]; of a function they are taken as they are."""
        return -self.value if self.maximize else self.value

    @property
    def best(self) -> int | None:
        """The row of the best complete feasible trial, the first among equals; None: there is none."""
        rows = np.flatnonzero(self.complete & self.feasible)
        return int(rows[np.argmin(self.loss[rows])]) if len(rows) and self.maximize is not None else None

    def rows_of(self, numbers: Iterable[int]) -> Mask:
        """Return which rows are the trials of some numbers [n]."""
        return np.isin(self.number, np.array(list(numbers), np.int64))

    def need(self, figure: str) -> None:
        """Check that some trial is complete with a finite value.

        Args:
            figure: what is to be drawn, for the error.

        Raises:
            NothingToDrawError: there is none.
        """
        if not self.complete.any():
            pattern = "{}: no trial of {} is complete with a finite value yet; {}"
            raise NothingToDrawError(say(pattern, figure, repr(self.name), self.tally()))

    def about_best(self) -> str | None:
        """Say which trial is the best; None: there is none."""
        row = self.best
        if row is None:
            return None
        return say("The best {} is {}, of trial {}.", self.target, number_text(self.value[row]), self.number[row])

    def tally(self) -> str:
        """Say how many trials there are in which state."""
        ends = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        count = [(int(self.is_in(s).sum()), "failed" if s == TrialState.FAIL else str(s).lower()) for s in ends]
        count.append((len(self.running), "running or paused"))
        return say("it has {}", joined_texts(say("{:,} " + word, k) for k, word in count if k) or say("no trials"))


def read_columns(seen: Snapshot, target: Target = None, target_name: str | None = None) -> StudyColumns:
    """Return the columns of a study.

    Args:
        seen: the study.
        target: what to compare: None, the one objective; a number, that objective; "user_attrs_NAME", a user attribute;
            or a function of a `FrozenTrial` that returns a number.
        target_name: what to call it; None: as the study does.

    Raises:
        TypeError: the target is none of these.
        ValueError: the study has several objectives and the target does not say which.
    """
    history, space, names = seen.history, seen.space, objective_names(seen)
    maximize: bool | None = None
    if target is None or (isinstance(target, int) and not isinstance(target, bool)):
        k = _objective(target, len(names), seen.study_name, names)
        maximize = seen.directions[k] == StudyDirection.MAXIMIZE
        value = history.y[:, k] * seen.signs[k] + 0.0  # and not -0
        name = names[k]
    else:
        value, name = _of_records(seen, target), _target_name(target)
    return StudyColumns(
        seen,
        printable(seen.study_name),
        history.number,
        history.state,
        history.feasible,
        value,
        printable(name if target_name is None else target_name),
        maximize,
        space,
        np.empty((len(history), 0)) if space is None else history.points(space),
        history.pending.number,
    )


def as_studies(studies: Any) -> dict[str, Snapshot]:
    """Return one study, a list of them or a dict of them by name; names that are there twice get a number.

    Raises:
        TypeError: it is none of these.
        ValueError: there is no study in it.
    """
    if isinstance(studies, Mapping):
        named = [(str(name), as_snapshot(s)) for name, s in studies.items()]
    elif isinstance(studies, Iterable) and not hasattr(studies, "history"):
        named = [((s := as_snapshot(given)).study_name, s) for given in studies]
    else:
        named = [((s := as_snapshot(studies)).study_name, s)]
    if not named:
        raise ValueError("expected at least one study; got none")
    found: dict[str, Snapshot] = {}
    for name, s in named:
        k, own = 2, name
        while own in found:
            own, k = f"{name} ({k})", k + 1
        found[own] = s
    return found


def read_all(studies: Any, target: Target, target_name: str | None, figure: str) -> dict[str, StudyColumns]:
    """Return the trials of one study, of a list of them or a dict of them, by the studies' names; see `read_columns`.

    Args:
        studies: as for `as_studies`.
        target: what to show.
        target_name: what to call it.
        figure: what is to be drawn, for the error.

    Returns:
        the columns of each study, of which at least one has a complete trial.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value.
    """
    tables = {name: read_columns(s, target, target_name) for name, s in as_studies(studies).items()}
    if not any(t.complete.any() for t in tables.values()):
        next(iter(tables.values())).need(figure)
    return tables


def need_one_objective(study: Snapshot, figure: str) -> None:
    """Check that a study has one objective, for a figure that takes no target.

    Args:
        study: the study.
        figure: what is to be drawn, for the error.

    Raises:
        ValueError: it has several.
    """
    if (m := len(study.directions)) > 1:
        raise ValueError(f"{figure} is for one objective; {study.study_name!r} has {m}: plot_pareto_front shows them")


def objective_names(study: Study | Snapshot) -> list[str]:
    """Return what the objectives of a study are called where people see them; see `called`."""
    return called(study.metric_names, len(study.directions))


def called(names: Any, m: int) -> list[str]:
    """Return the names of m objectives: those of the metrics, else "objective", or "objective 0" and so on.

    Args:
        names: of the metrics, as a study has them; else they have none.
        m: how many objectives there are.
    """
    if isinstance(names, list | tuple) and len(names) == m:
        return [printable(str(name)) for name in names]
    return [say("objective")] if m == 1 else [say("objective {}", k) for k in range(m)]


def _objective(target: int | None, m: int, study: str, names: list[str]) -> int:
    if target is None and m > 1:
        raise ValueError(
            f"the study {study!r} has {m} objectives ({', '.join(names)}) and this figure shows one: choose it with "
            f"target=0 to target={m - 1}, or give a function of a trial"
        )
    k = target or 0
    if not 0 <= k < m:
        raise ValueError(f"target={target}: the study {study!r} has {m} objective(s), from 0 to {m - 1}")
    return k


def _target_name(target: Any) -> str:
    return target.removeprefix(USER) if isinstance(target, str) else "target"


def _of_records(seen: Snapshot, target: Any) -> Floats:
    """Return a function, or a user attribute, of each trial [n]; NaN where it gives no number."""
    if isinstance(target, str):
        if not target.startswith(USER):
            raise ValueError(f"target={target!r}: as text it names a user attribute, such as {USER + 'accuracy'!r}")
        return as_floats(attribute(seen, target.removeprefix(USER)))
    if not callable(target):
        raise TypeError(f"target takes a number, {USER + 'NAME'!r} or a function of a trial; got {shown(target)}")
    at = {number: row for row, number in enumerate(seen.history.number.tolist())}
    value = np.full(len(at), np.nan)
    for trial in seen.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]):
        if trial.state is TrialState.COMPLETE or trial.values is not None:
            value[at[trial.number]] = _number(target(trial))
    return value


def attribute(seen: Snapshot, key: str) -> list[Any]:
    """Return a user attribute of each finished trial [n]; None where it is not set."""
    of = seen.attributes()
    return [of[number].get(key) if number in of else None for number in seen.history.number.tolist()]


def as_floats(values: list[Any]) -> Floats:
    """Return values as numbers [n]; NaN where one is none."""
    return np.array([_number(v) for v in values], np.float64)


def _number(value: Any) -> float:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return float(value)
    return np.nan
