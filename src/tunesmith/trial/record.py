"""The record of one trial, as storages keep it and users read it, and as an objective runs with it again."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.storable import storable_items
from tunesmith.foundation.text import real, shorten, shown
from tunesmith.history.curves import Reported
from tunesmith.space import Choice, Parameter, Space, merge
from tunesmith.space.convert import as_parameter, check_names
from tunesmith.trial.metrics import STEP_BOUND, Metrics, Series, metrics_by_step, without_rows
from tunesmith.trial.result import LAST, result_of

if TYPE_CHECKING:
    from tunesmith.artifacts.collection import Artifacts
    from tunesmith.foundation.look.card import Answer


# ----------------------------------------------------------------------------------------------------------------------
# A record in the place of a running trial: an objective that is called with it runs with the record's parameters.


class Replay:
    """What an objective calls of a `tunesmith.Trial`: values come from ``params``, and nothing is kept."""

    __slots__ = ()

    number: int

    @property
    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """The parameters that were active, by name."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            low: not looked at, like the rest.
            high: not looked at.
            step: not looked at.
            log: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return float(self.suggest(name))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            low: not looked at, like the rest.
            high: not looked at.
            step: not looked at.
            log: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return int(self.suggest(name))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            choices: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        return self.suggest(name)

    def suggest(self, name: str, parameter: Parameter | Choice | None = None) -> Any:
        """Return the trial's value of a parameter.

        Args:
            name: the parameter's name.
            parameter: not looked at.

        Returns:
            The value.

        Raises:
            ValueError: the trial has no such parameter.
        """
        params = self.params
        if not isinstance(name, str) or name not in params:  # type: ignore[redundant-expr]  # users' calls are not typed
            has = ", ".join(map(repr, params)) or "none"
            raise ValueError(f"trial {self.number} has no value of the parameter {name!r}; its parameters are: {has}")
        return params[name]

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Do nothing: what a replay logs is not part of the record.

        Args:
            metrics: dropped.
            step: dropped.
        """

    def report(
        self,
        value: float | Iterable[float] | Mapping[str, float],
        step: int,
        cost: float | None = None,
        rows: ArrayLike | None = None,
    ) -> None:
        """Do nothing: what a replay reports is not part of the record.

        Args:
            value: dropped.
            step: dropped.
            cost: dropped.
            rows: dropped.
        """

    @checked()
    def epochs(
        self,
        n: int,
        state: MutableMapping[str, Any] | None = None,
        *,
        checkpoint_every: int | str = 1,
        background: bool = False,
        value: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
    ) -> Iterable[int]:
        """Return all epochs: a replay runs from its beginning to its end, and saves nothing.

        Args:
            n: the last epoch; the first is 1.
            state: not looked at.
            checkpoint_every: not looked at.
            background: not looked at.
            value: not looked at.
            patience: not looked at, since nobody hears the reports.
            min_delta: not looked at.

        Returns:
            The numbers of the epochs.
        """
        return range(1, n + 1)

    @property
    def checkpoint_dir(self) -> Path:
        """A folder that lasts as long as this process: what a replay saves there is not published."""
        folder = _scratch_folder() / str(self.number)
        folder.mkdir(exist_ok=True)
        return folder

    def checkpoint_due(self, every: int | str = 1) -> bool:
        """Return False: what a replay saves is not published.

        Args:
            every: not looked at.
        """
        return False

    @property
    def resumed_from_step(self) -> None:
        """None: a replay runs from its beginning."""
        return None

    @property
    def seed(self) -> int:
        """A seed that is the same in each replay of this trial; a record does not know that of its study."""
        return int(np.random.SeedSequence([self.number]).generate_state(1)[0])

    def should_prune(self) -> bool:
        """Return False: a replay runs to its end."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Do nothing: what a replay notes is not part of the record.

        Args:
            key: dropped.
            value: dropped.
        """

    def set_constraint(self, key: str, value: float) -> None:
        """Do nothing: what a replay measures is not part of the record.

        Args:
            key: dropped.
            value: dropped.
        """

    def set_noise(self, sd: float | Sequence[float]) -> None:
        """Do nothing: what a replay measures is not part of the record.

        Args:
            sd: dropped.
        """

    @property
    def artifacts(self) -> Artifacts:
        """None yet: what a replay saves is dropped. Those of the trial itself are at ``study.artifacts.of(number)``."""
        from tunesmith.artifacts.collection import Artifacts
        from tunesmith.artifacts.scratch import Scratch

        return Artifacts(Scratch(), self.number)


@cache
def _scratch_folder() -> Path:
    from tunesmith.artifacts.scratch import temporary_folder

    return Path(temporary_folder(_scratch_folder))  # which lasts as long as this process


# ----------------------------------------------------------------------------------------------------------------------

EMPTY: Mapping[str, Any] = MappingProxyType({})
NAN = math.nan
PARAMS_SHOWN = 100  # of a table in a notebook
CELL = 200  # characters of a value there
OUTSIDE, OUTPUT, NOISE = "outside", "output", "noise"  # system attributes
PLANNED = "epochs"  # a system attribute: the last step that a loop would have had that its patience ended
LATE_RESULT = "late"  # a system attribute: a result that came after the trial was ended for its worker, see `Attempt`


ReadsMetrics = Callable[[Sequence[int]], dict[int, Metrics]]  # of trials, by their numbers


class Fence(NamedTuple):
    """What a write of a running trial carries, so that an attempt that was replaced cannot write any more.

    Attributes:
        attempt: which attempt writes.
        token: the number that the worker drew when it claimed the trial; 0: the storage made none.
    """

    attempt: int
    token: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """The stored data of an earlier attempt at a trial, which ended without a result.

    Attributes:
        attempt: which one; 1 is the first.
        reports: its reported values by step; with several objectives each is a tuple.
        costs: what each of these steps cost, in seconds or the user's unit; without those that are not known.
        user_attrs: the trial's user attributes at the end of the attempt.
        failure: why it ended; None: it was paused or released, or that is not known.
        worker: who ran it.
        late: the result that its worker had in the end, after it was given up: "state", "values" and "reason"; it is
            kept as a note and not used. None: there is none.
    """

    attempt: int
    reports: Mapping[int, Reported] = field(default_factory=dict)
    costs: Mapping[int, float] = field(default_factory=dict, kw_only=True)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    failure: FailureKind | None = None
    worker: str = ""
    late: Mapping[str, Any] | None = None

    @property
    def last_step(self) -> int | None:
        """The largest step reported, or None."""
        return max(self.reports) if self.reports else None


V = TypeVar("V")


def curve(attempts: Sequence[Mapping[int, V]]) -> dict[int, V]:
    """Return one learning curve from the reports of a trial's attempts, oldest first.

    An attempt that went on from a checkpoint reports later steps alone, and one that began anew reports all of them: so
    each attempt's reports stand in place of all earlier ones from its first step on.
    """
    merged: dict[int, V] = {}
    for reports in attempts:
        if reports:
            first = min(reports)
            merged = {step: value for step, value in merged.items() if step < first}
            merged.update(reports)
    return merged


def values_of(curve: Mapping[int, Reported], value: str = LAST, sign: float = 1.0) -> tuple[float, ...] | None:
    """Return what a trial has by its reports; None: one value of it is NaN, or nothing was reported.

    Args:
        curve: what it reported by step.
        value: which reports count, see `tunesmith.trial.result`; of several objectives the last one does.
        sign: 1 where one objective is minimised, -1 where it is maximised.
    """
    last = curve[max(curve)] if curve else NAN
    if not isinstance(last, tuple):
        single = cast("Mapping[int, float]", curve)
        last = (result_of(single, value, sign) if single else NAN,)
    return None if any(map(math.isnan, last)) else last


def with_costs(
    reports: Mapping[int, Reported] | None, costs: Mapping[int, float] | None
) -> dict[int, tuple[Reported, float]]:
    """Return (value, cost) by step; a cost that is not known is NaN."""
    costs = costs or {}
    return {step: (value, costs.get(step, NAN)) for step, value in (reports or {}).items()}


@dataclass(slots=True, eq=False, repr=False)
class TrialRecord(Replay):
    """The record of one trial, as storages keep it and users read it; for users its name is ``FrozenTrial``.

    Whoever holds a record owns it: storages fill in what they know, and what they hand out is a copy.

    The point is kept as internal values ``x`` over the trial's own ``space`` (NaN: the parameter was not used), so
    ``params`` and ``distributions`` are derived on demand and nothing is stored twice.

    Attributes:
        number: position in the study, from 0, without gaps.
        space: the parameters that the trial used, with the ranges that it gave them.
        x: its internal values over that space; NaN: not used.
        attempt: how often the trial was handed out; 1 for the first time.
        previous_attempts: what earlier attempts left, oldest first.
        crashes: how many of them ended because their process died.
        state: a `TrialState`.
        values: the objective's values in the user's own directions, or None; of a pruned trial the last report, or what
            ``create_study(value=)`` says.
        sampler_state: what the sampler that proposed it has to remember (see `tunesmith.samplers.base`).
        cost: seconds that its attempts ran up to a pause or the end, or the sum of what the user gave with reports.
        constraints: name to value, feasible where every value is at most 0; None if there are none.
        reason: why the trial failed or was pruned, in words.
        failure: the kind of failure of a FAIL trial; None where it is not known.
        reports: step to value (of several objectives, a tuple), of the last attempt alone, which of a trial that is
            paused, or waits to be run again, is the last that reported; ``intermediate_values`` has the whole curve.
        costs: step to what that step cost, of the last attempt alone; without those that are not known.
        logged: metrics that the storage lacks still, or of a record that is to be added; None: none.
        read_metrics: reads those that the storage has of some trials, given their numbers; None: it is in no study.
        started: unix time of the start, seconds.
        finished: unix time of the end, seconds.
        worker: who runs or ran it.
        token: what its worker drew when it claimed it; with ``attempt`` the `Fence` of its writes.
        fixed: values by name that the user enqueued.
        user: user attributes.
        system: what tunesmith notes of it.
        seq: position among the finished trials in commit order, from 1; 0 while unfinished.

    Example:
        ```python
        import tunesmith

        study = tunesmith.create_study(seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5)
        for trial in study.trials:
            print(trial.number, trial.state.name, trial.value, trial.params)
        ```
    """

    number: int
    state: TrialState
    _: KW_ONLY
    space: Space | None = None
    x: Sequence[float] | None = None
    values: tuple[float, ...] | None = None
    attempt: int = 1
    sampler_state: int = 0
    cost: float = NAN
    constraints: dict[str, float] | None = None
    reason: str | None = None
    started: float = NAN
    finished: float = NAN
    worker: str = ""
    fixed: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    system: dict[str, Any] | None = None
    reports: dict[int, Reported] | None = None
    seq: int = 0
    previous_attempts: tuple[Attempt, ...] = ()
    crashes: int = 0
    token: int = 0
    failure: FailureKind | None = None
    costs: dict[int, float] | None = None
    logged: Metrics | None = None
    read_metrics: ReadsMetrics | None = None

    def __copy__(self) -> TrialRecord:
        made = TrialRecord.__new__(TrialRecord)
        for name in TrialRecord.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Without what reads metrics, which would bring the storage along.
        return None, {name: None if name == "read_metrics" else getattr(self, name) for name in TrialRecord.__slots__}

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        self.costs = self.logged = self.read_metrics = None  # pickles of before have none
        for name, value in state[1].items():
            setattr(self, "sampler_state" if name == "tag" else name, value)  # tag: its name in pickles of 0.1

    @property
    def fence(self) -> Fence:
        """What the writes of its present attempt carry."""
        return Fence(self.attempt, self.token)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that were active, by name, as the objective saw them: those of a `Choice` as nested dicts."""
        return self.flat_params if self.space is None or self.x is None else self.space.nested(self.flat_params)

    @property
    def flat_params(self) -> dict[str, Any]:
        """The same by the names of columns, as tables have them: ``{"model": "svm", "model.svm.C": 0.3}``."""
        if self.space is None or self.x is None:
            return dict(self.fixed or {})  # waiting: only the enqueued values are known
        params = self.space.flat_row(self.x)
        return {**params, **self.outside} if self.system else params

    @property
    def distributions(self) -> dict[str, Parameter]:
        """The parameters' own ranges and choices in this trial, by name."""
        if self.space is None or self.x is None:
            return {}
        return {
            n: p for (n, p), v in zip(self.space.params.items(), self.x, strict=True) if v == v or n in self.outside
        }

    @property
    def outside(self) -> Mapping[str, Any]:
        """Enqueued values that were used although they lie outside of their ranges, by name (read-only).

        They are among ``params``; samplers take the parameter as unknown in this trial.
        """
        return MappingProxyType(self.system.get(OUTSIDE) or {}) if self.system else EMPTY

    @property
    def value(self) -> float | None:
        """The value of a study with one objective; None while there is none.

        Raises:
            RuntimeError: the trial has several values.
        """
        if self.values is None:
            return None
        if len(self.values) != 1:
            raise RuntimeError(f"trial {self.number} has {len(self.values)} values; read `.values` instead of `.value`")
        return self.values[0]

    @property
    def noise(self) -> tuple[float, ...] | None:
        """The standard deviation of the measurement error of each value; None: it was not told."""
        return tuple(self.system[NOISE]) if self.system and NOISE in self.system else None

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes (read-only)."""
        return MappingProxyType(self.user) if self.user else EMPTY

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return MappingProxyType(self.system) if self.system else EMPTY

    @property
    def output(self) -> str:
        """The end of what a trial that failed in a worker process printed, the last 16 KiB; else an empty text."""
        return str(self.system.get(OUTPUT, "")) if self.system else ""

    @property
    def intermediate_values(self) -> Mapping[int, Any]:
        """Reported values by step (read-only); where an attempt went on from an earlier one, with that one's before.

        In a study with several objectives each is a tuple, one value for each direction.
        """
        if not self.previous_attempts:
            return MappingProxyType(self.reports or {})
        return MappingProxyType(curve([*(a.reports for a in self.previous_attempts), self.reports or {}]))

    @property
    def intermediate_costs(self) -> Mapping[int, float]:
        """What each step of ``intermediate_values`` cost, in seconds or the user's unit; NaN: that is not known."""
        return MappingProxyType({step: cost for step, (_, cost) in self.learning_curve().items()})

    def learning_curve(self) -> dict[int, tuple[Reported, float]]:
        """Return value and cost by step, over all attempts."""
        before = [with_costs(a.reports, a.costs) for a in self.previous_attempts]
        return curve([*before, with_costs(self.reports, self.costs)])

    @property
    def metrics(self) -> Mapping[str, Series]:
        """What the trial logged, by name: int64[n] steps that rise, and float64[n] values (read-only).

        It is read when it is asked for. ``study.metrics_dataframe()`` has those of all trials.
        """
        found = self.logged if self.read_metrics is None else self.read_metrics([self.number]).get(self.number)
        return MappingProxyType(without_rows(found)) if found else EMPTY

    @property
    def last_step(self) -> int | None:
        """The largest step reported, or None."""
        return max(self.intermediate_values, default=None)

    @property
    def datetime_start(self) -> datetime | None:
        """Local time of the start."""
        return None if math.isnan(self.started) else datetime.fromtimestamp(self.started)

    @property
    def datetime_complete(self) -> datetime | None:
        """Local time of the finish."""
        return None if math.isnan(self.finished) else datetime.fromtimestamp(self.finished)

    @property
    def duration(self) -> float:
        """Seconds from start to finish, NaN while unfinished."""
        return self.finished - self.started

    @property
    def feasible(self) -> bool:
        """Whether no constraint is violated."""
        return not self.constraints or all(c <= 0 for c in self.constraints.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrialRecord):
            return NotImplemented
        return self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # records hold dicts

    def _key(self) -> tuple[Any, ...]:
        return (
            self.number,
            self.state,
            self.params,
            self.distributions,
            self.values,
            dict(self.user_attrs),
            dict(self.intermediate_values),
            self.constraints,
            self.noise,
        )

    def __repr__(self) -> str:
        shown = self.values[0] if self.values is not None and len(self.values) == 1 else self.values
        return f"FrozenTrial(number={self.number}, state={self.state.name}, value={shown}, params={self.params})"

    def _repr_html_(self) -> str:
        return self.card()

    @checked()
    def card(self, answer: Answer | None = None, lines: Iterable[str] = ()) -> str:
        """Return what a notebook shows of the trial.

        Args:
            answer: what to expect of a new run, where that is known; None: its own values are the figure.
            lines: what is said before all else.

        Returns:
            HTML.

        Raises:
            TypeError: the answer is something else.
        """
        from tunesmith.foundation.look.card import Answer, card  # only notebooks need it
        from tunesmith.foundation.look.drawn import sparkline

        if answer is not None and not isinstance(answer, Answer):
            raise TypeError(f"answer takes what Recommendation.card_answer() returns, or None; got {shown(answer)}")
        told = ", ".join(f"{value:.6g}" for value in self.values or ())
        notes: list[str] = [say("It took {:.3g} seconds.", self.duration)] if self.duration == self.duration else []
        if not self.feasible:
            notes.append(say("It violates a constraint."))
        if self.reason:
            notes.append(shorten(self.reason, 500))
        if answer is not None:
            notes.insert(0, say("Its own value is {}.", told))
        elif told:
            answer = Answer(say("value" if len(self.values or ()) == 1 else "values"), told)
        curve = [value for value in self.intermediate_values.values() if isinstance(value, float)]
        title, state = say("Trial {}", self.number), self.state.name.lower()
        spark = (sparkline(curve), say("reported values"))
        rows, said = cells(self.params), [*lines, *notes]
        return card(title, rows, kind="trial", state=state, answer=answer, spark=spark, lines=said)


FrozenTrial = TrialRecord


def cells(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return parameters as the rows of a card in a notebook."""
    shown = [(name, shorten(param_text(value), CELL)) for name, value in list(params.items())[:PARAMS_SHOWN]]
    if (more := len(params) - len(shown)) > 0:
        shown.append((say("{:,} more parameters are not shown.", more), ""))
    return shown


def param_text(value: Any) -> str:
    """Return a value of a parameter as people read it: numbers with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@checked("intermediate_values", "noise", "metrics")
def create_trial(
    *,
    params: Mapping[str, Any] | None = None,
    distributions: Mapping[str, Parameter | Any] | None = None,
    value: float | None = None,
    values: Sequence[float] | None = None,
    state: TrialState = TrialState.COMPLETE,
    user_attrs: Mapping[str, Any] | None = None,
    intermediate_values: Mapping[int, float | Sequence[float]] | None = None,
    constraints: Mapping[str, float] | None = None,
    reason: str | None = None,
    noise: float | Sequence[float] | None = None,
    metrics: Mapping[str, Mapping[int, float]] | None = None,
) -> TrialRecord:
    """Make a record for ``study.add_trial`` from what is known of a finished run.

    Args:
        params: the parameters' values by name.
        distributions: their ranges by name (``Float``, ``Int``, text such as "float(0, 1)", ...); one for each
            parameter.
        value: the objective's value (or `values`, one for each objective).
        values: the objectives' values.
        state: COMPLETE, PRUNED, FAIL or WAITING.
        user_attrs: notes.
        intermediate_values: reports by step, from 0: each a number, or one for each of several objectives.
        constraints: constraint values by name.
        reason: why it failed.
        noise: standard deviation of the measurement error of the value, or of each value.
        metrics: what it logged, as numbers by step by name.

    Returns:
        The record, without a number yet.

    Raises:
        SpaceError: a name or a range is not valid.
        TypeError: the noise is neither a number nor a sequence of numbers, or a metric is no number.
        ValueError: parameters and distributions do not match, a value lies outside, both value and values are given, an
            attribute cannot be kept (see `tunesmith.foundation.storable.storable`), or the noise does not fit the
            values.

    Example:
        ```python
        import tunesmith
        from tunesmith import Float

        study = tunesmith.create_study()
        study.add_trial(tunesmith.create_trial(params={"x": 0.2}, distributions={"x": Float(0, 1)}, value=0.7))
        assert study.best_value == 0.7
        ```
    """
    params = check_names(params or {})
    distributions = {name: as_parameter(name, p) for name, p in check_names(distributions or {}).items()}
    if params.keys() != distributions.keys():
        raise ValueError(
            f"params and distributions must have the same names; got {sorted(params)} and {sorted(distributions)}"
        )
    if value is not None and values is not None:
        raise ValueError("give value= or values=, not both")
    reports = _read_reports(intermediate_values)
    numbers = (float(value),) if value is not None else tuple(map(float, values)) if values is not None else None
    error = None if noise is None else checked_noise("create_trial(noise=...)", noise)
    if error is not None and numbers is None:
        raise ValueError("create_trial: noise= is the measurement error of a value; give value= or values= with it")
    space = _space_of(tuple(distributions.items())) if distributions else None
    x = [distributions[n].to_internal(params[n]) for n in space.names] if space is not None else None
    return TrialRecord(
        -1,
        TrialState(state),
        space=space,
        x=x,
        values=numbers,
        user=storable_items(user_attrs),
        system=None if error is None or numbers is None else {NOISE: noise_of_each(error, len(numbers))},
        reports=reports,
        constraints=dict(constraints) if constraints else None,
        reason=reason,
        logged=None if metrics is None else metrics_by_step(metrics),
    )


_AN_ERROR = (
    "the standard deviation of the value's measurement error, a finite number of 0 or more, or a list of one for each "
    "objective"
)


def checked_noise(what: str, noise: Any) -> float | list[float]:
    """Return the standard deviation of a measurement error: one number, or a list of one for each value.

    Raises:
        TypeError: it is neither a number nor a sequence of numbers.
        ValueError: one is negative, NaN or infinite.
    """
    several = isinstance(noise, Sequence) or getattr(noise, "ndim", 0) == 1
    found = []
    for item in noise if several and not isinstance(noise, str | bytes) else [noise]:
        try:
            if isinstance(item, str | bytes | bool):
                raise TypeError
            sd = real(item)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"{what} takes {_AN_ERROR}; got {shown(noise)}") from None
        if not 0.0 <= sd < math.inf:
            raise ValueError(f"{what} takes {_AN_ERROR}; got {shown(noise)}")
        found.append(sd)
    return found if several else found[0]


def noise_of_each(noise: float | list[float], n: int) -> list[float]:
    """Return the standard deviations of the errors of n values, from what `checked_noise` returned.

    Raises:
        ValueError: there is another number of them.
    """
    if isinstance(noise, float):
        return [noise] * n
    if len(noise) != n:
        raise ValueError(f"{len(noise)} standard deviations of the noise were given for {n} value{'s' * (n > 1)}")
    return noise


def _read_reports(given: Any) -> dict[int, Any] | None:
    """Return the values of ``intermediate_values`` by step; None if there are none.

    Raises:
        ValueError: it is not a mapping of steps to numbers.
    """
    try:
        reports = {} if given is None else {int(step): _reported(value) for step, value in given.items()}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"intermediate_values must be a mapping of steps to numbers, or lists of numbers; got {shown(given)}"
        ) from None
    if reports and not 0 <= min(reports) <= max(reports) < STEP_BOUND:
        raise ValueError(f"intermediate_values: steps must be 0 or more, and less than 2**63; got {shown(reports)}")
    return reports or None


def _reported(value: float | Sequence[float]) -> Reported:
    return tuple(map(float, value)) if isinstance(value, Sequence) else float(value)


@lru_cache(maxsize=256)  # of many records with the same ranges the first one alone pays for the space
def _space_of(distributions: tuple[tuple[str, Parameter], ...]) -> Space:
    return merge(None, dict(distributions))
