"""Records of ours from trials as Optuna stores them, whether in a database or in a journal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SourceError, SpaceError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import shown
from tunesmith.history.curves import Reported
from tunesmith.interchange.limits import DAMAGE, texts
from tunesmith.interchange.study import KEY, STALE, Conclusions, Facts, ImportedStudy
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space
from tunesmith.space.labels import label_key
from tunesmith.trial.record import NOISE, OUTSIDE, TrialRecord, checked_noise, noise_of_each

# -- optuna's distributions as parameters of ours, and back ---------------------------------------------------------

NAN = math.nan
# The names of before Optuna 3, with what they imply.
_FLOATS: dict[str, dict[str, Any]] = {
    "FloatDistribution": {},
    "UniformDistribution": {},
    "LogUniformDistribution": {"log": True},
    "DiscreteUniformDistribution": {},
}
_INTS: dict[str, dict[str, Any]] = {
    "IntDistribution": {},
    "IntUniformDistribution": {},
    "IntLogUniformDistribution": {"log": True, "step": 1},
}


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter, and what becomes of the values that Optuna stores of it.

    Attributes:
        parameter: of ours.
        internal: gives our internal value of Optuna's stored number; NaN: the value lies outside.
        external: gives the value that Optuna's objective saw.
    """

    parameter: Parameter
    internal: Callable[[float], float]
    external: Callable[[float], Any]


def read_distribution(text: str) -> Range:
    """Return what a distribution, as the JSON that Optuna stores, means here.

    Raises:
        ValueError: it is no distribution that is known.
    """
    data = json.loads(text)
    attributes = data.get("attributes", data) if isinstance(data, dict) else {}
    kind = data.get("name") or data.get("type") if isinstance(data, dict) else None
    try:
        if kind in ("CategoricalDistribution", "categorical"):
            return _categorical(list(attributes["choices"]))
        if kind in _FLOATS or kind == "float":
            return _float({**attributes, **_FLOATS.get(str(kind), {})})
        if kind in _INTS or kind == "int":
            return _int({**attributes, **_INTS.get(str(kind), {})})
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"the distribution {shown(text, 200)} cannot be read: {error}") from error
    raise ValueError(f"there is no distribution {shown(kind)}; Optuna's are categorical, float and int")


def _float(attributes: Mapping[str, Any]) -> Range:
    low, high = float(attributes["low"]), float(attributes["high"])
    step = attributes.get("step", attributes.get("q"))
    if step is not None:
        step = float(step)
        high = low + math.floor((high - low) / step + 1e-8) * step
        high = float(f"{high:.12g}")
    return _number(Float(low, high, log=bool(attributes.get("log")), step=step), float)


def _int(attributes: Mapping[str, Any]) -> Range:
    low, high, log = int(attributes["low"]), int(attributes["high"]), bool(attributes.get("log"))
    step = 1 if log else int(attributes.get("step") or 1)
    high -= (high - low) % step
    try:
        return _number(Int(low, high, log=log, step=step), int)
    except SpaceError:
        return _number(Int(low, high, log=log), int)  # beyond 2**53 there are no steps


def _number(parameter: Float | Int, external: Callable[[float], Any]) -> Range:
    low, high = float(parameter.low), float(parameter.high)
    if parameter.step == parameter.default_step:  # the usual case, a million times
        return Range(parameter, lambda x: x if low <= x <= high else NAN, external)

    def on_lattice(x: float) -> float:
        try:
            return parameter.to_internal(x)
        except SpaceError:
            return NAN

    return Range(parameter, on_lattice, external)


def _categorical(choices: list[Any]) -> Range:
    """Choices that are given twice, which Optuna allows, become one."""
    kept: dict[Hashable, int] = {}
    places = [float(kept.setdefault(label_key(choice), len(kept))) for choice in choices]
    first = dict(zip(reversed(places), reversed(choices), strict=True))
    return Range(
        Categorical([first[place] for place in range(len(kept))]),
        lambda x: places[int(x)] if 0 <= x < len(places) else NAN,
        lambda x: choices[int(x)] if 0 <= x < len(choices) else None,
    )


@dataclass(frozen=True, slots=True)
class AsOptuna:
    """A distribution as its user sees it in Optuna.

    Attributes:
        facts: what it is: "kind", and "choices" or "low", "high", "log" and "step".
        external: gives the value that Optuna's objective saw, of the number that is stored.
    """

    facts: dict[str, Any]
    external: Callable[[float], Any]


def as_optuna(text: str) -> AsOptuna:
    """Return what a distribution says in Optuna, to compare it with what became of it here.

    Args:
        text: its JSON, which `read_distribution` takes.
    """
    data = json.loads(text)
    said = data.get("attributes", data)
    kind = str(data.get("name") or data.get("type"))
    if kind in ("CategoricalDistribution", "categorical"):
        choices = list(said["choices"])
        return AsOptuna({"kind": "categorical", "choices": choices}, lambda x: choices[int(x)])
    number = int if kind in _INTS or kind == "int" else float
    said = {**said, **_FLOATS.get(kind, {}), **_INTS.get(kind, {})}
    step = said.get("step", said.get("q"))
    if number is int:
        step = step or 1
    return _seen(number, said["low"], said["high"], bool(said.get("log")), step)


def facts_of(parameter: Parameter) -> AsOptuna:
    """Return the same of a parameter of ours."""
    if isinstance(parameter, Int | Float):
        number = int if isinstance(parameter, Int) else float
        return _seen(number, parameter.low, parameter.high, parameter.log, parameter.step)
    choices = list(getattr(parameter, "labels", ()))
    return AsOptuna({"kind": "categorical", "choices": choices}, lambda x: choices[int(x)])


def _seen(number: type[int] | type[float], low: Any, high: Any, log: bool, step: Any) -> AsOptuna:
    def seen(x: Any) -> Any:
        # Optuna's steps of 0.1 lead to 0.30000000000000004, and ours to 0.3.
        return float(f"{x:.12g}") if number is float and step is not None else number(x)

    kind = number.__name__
    return AsOptuna({"kind": kind, "low": seen(low), "high": seen(high), "log": log, "step": step}, seen)


def write_distribution(parameter: Parameter) -> str:
    """Return a parameter as the JSON that Optuna stores.

    Raises:
        ValueError: Optuna has no such distribution.
    """
    if isinstance(parameter, Categorical | Ordinal):
        return json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": list(parameter.labels)}})
    if isinstance(parameter, Int | Float):
        kind = "IntDistribution" if isinstance(parameter, Int) else "FloatDistribution"
        own = {"log": parameter.log, "step": parameter.step, "low": parameter.low, "high": parameter.high}
        return json.dumps({"name": kind, "attributes": own})
    raise ValueError(f"Optuna has no distribution like {parameter!r}")


OTHERS = "optuna"  # a system attribute: those of Optuna's that have no place of their own here
CONSTRAINTS, FIXED, REASON, NAMES = "constraints", "fixed_params", "fail_reason", "study:metric_names"
# What Optuna's samplers and pruners note for themselves. They mean nothing elsewhere, and some are megabytes.
_OWN = (
    "cma:", "cmaes:", "sepcma:", "cmawm:", "tpe:", "nsga2:", "nsga3:", "gp:", "qmc:", "multivariate", "grid_id",
    "search_space", "completed_rung_", "hyperband:", "ga:", "NSGAII", "nsgaii:", "nsgaiii:", "lightgbm_tuner:",
    "group_decomposed", "intersection_search_space",
)  # fmt: skip
MOST_STEPS = 2**63


@dataclass(slots=True)
class RawTrial:
    """A trial as Optuna stores it.

    Attributes:
        number: its place in its study.
        state: as in `TrialState`, whose numbers are Optuna's.
        params: name, stored number and distribution of each parameter.
        values: one for each objective; None: there are none.
        started: unix time, seconds.
        finished: unix time, seconds.
    """

    number: int
    state: int
    params: list[tuple[str, float, str]] = field(default_factory=list)
    values: tuple[float, ...] | None = None
    reports: dict[int, float] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    started: float = math.nan
    finished: float = math.nan


@dataclass(slots=True)
class RawStudy:
    """A study as Optuna stores it.

    Attributes:
        directions: of each objective: 1 (minimize), 2 (maximize) or 0 (not set).
        trials: all of them; from a database, read one after the other.
    """

    name: str
    directions: list[int]
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    trials: Any = field(default_factory=list)


def imported(name: str, place: str, facts: bool, read: Callable[[], RawStudy], note: str | None) -> ImportedStudy:
    """Return a study of Optuna's, ready to become one of ours.

    Args:
        place: where it is, in words.
        facts: whether what Optuna says of each trial is kept beside.
        note: what is to be said of it besides.

    Raises:
        SourceError: something in it cannot be understood.
    """
    try:
        raw = read()
        directions = tuple("maximize" if d == 2 else "minimize" for d in raw.directions)
        records = Records(len(directions), facts)
        trials = [records.of(trial) for trial in raw.trials]
    except SourceError:
        raise
    except DAMAGE as error:
        raise SourceError(f"{place}: the study {shown(name)} cannot be read: {error}") from error
    notes = records.notes() + ([note] if note else [])
    others, names = others_of(raw.system), raw.system.get(NAMES)
    return ImportedStudy(
        name,
        directions,
        trials,
        "Optuna",
        place,
        user_attrs=records.kept(raw.user) or {},
        system_attrs=records.kept({OTHERS: others} if others else {}) or {},
        metric_names=names,
        notes=notes,
        facts=records.facts,
        stated={"directions": list(directions), "metric_names": names, "user_attrs": raw.user},
    )


class Records(Conclusions):
    """Makes records of the trials of one study; trials with the same parameters share one space.

    Args:
        facts: whether what Optuna says of each trial is kept beside its record.

    Attributes:
        facts: by the key of the trial; None: they are not kept.
    """

    def __init__(self, n_objectives: int, facts: bool = False) -> None:
        super().__init__()
        self._m = n_objectives
        self._ranges: dict[str, Range] = {}
        self._spaces: dict[tuple[tuple[str, str], ...], Space] = {}
        self.facts: dict[str, Facts] | None = {} if facts else None

    def of(self, raw: RawTrial) -> TrialRecord:
        """Return the record of a trial; one that runs there has failed here, and keeps its number.

        Raises:
            ValueError: it cannot be understood.
        """
        state = TrialState(raw.state)
        if self.facts is not None:
            self.facts[f"optuna/{raw.number}"] = _facts(raw)
        space, x, outside = self._point(raw.params)
        system: dict[str, Any] = {OUTSIDE: outside} if outside else {}
        fixed = self._fixed(raw.system)
        constraints, reason = constraints_of(raw.system), raw.system.get(REASON)
        if state is TrialState.RUNNING:
            state, reason = TrialState.FAIL, STALE
            self.tell(
                "running there, and failed here, so that all keep their numbers (once they have ended, "
                "--if-exists update adds them anew)"
            )
        others = others_of(raw.system)
        if others:
            self.put(system, OTHERS, others)
        if state is TrialState.WAITING:
            system[KEY] = f"optuna/{raw.number}"
        values = raw.values
        if state is TrialState.PRUNED and values is None and raw.reports and self._m == 1:
            last = raw.reports[max(raw.reports)]
            values = (last,) if last == last else None
        if values is not None and (len(values) != self._m or any(v != v for v in values)):
            values = None
        if values is not None and (noise := _noise_of(raw.system, self._m)) is not None:
            system[NOISE] = noise
        if state is TrialState.COMPLETE and values is None:
            state, reason = TrialState.FAIL, "Optuna's storage has no value of it, though it is complete there"
            self.tell("complete there without a value, and failed here")
        return TrialRecord(
            raw.number,
            state,
            space=space,
            x=x,
            values=values,
            constraints=constraints,
            reason=None if reason is None else str(reason),
            failure=FailureKind.LOST if reason == STALE else None,
            started=raw.started,
            finished=raw.finished,
            worker=f"optuna/{raw.number}",
            fixed=fixed or ({} if state is TrialState.WAITING else None),
            user=self.kept(raw.user),
            system=system or None,
            reports=self._reports(raw.reports),
        )

    def _point(self, params: list[tuple[str, float, str]]) -> tuple[Space | None, list[float] | None, dict[str, Any]]:
        if not params:
            return None, None, {}
        ranges = []
        for _, _, text in params:
            found = self._ranges.get(text)
            if found is None:
                found = self._ranges[text] = read_distribution(text)
            ranges.append(found)
        key = tuple([(name, text) for name, _, text in params])
        space = self._spaces.get(key)
        if space is None:
            columns = {name: found.parameter for (name, _, _), found in zip(params, ranges, strict=True)}
            space = self._spaces[key] = Space.from_columns(columns)
        x = [found.internal(value) for (_, value, _), found in zip(params, ranges, strict=True)]
        outside = {
            name: found.external(value)
            for (name, value, _), found, inside in zip(params, ranges, x, strict=True)
            if inside != inside
        }
        return space, x, outside

    def _fixed(self, system: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.kept(texts(system[FIXED], "the values that were enqueued")) if FIXED in system else None

    def _reports(self, reports: dict[int, float]) -> dict[int, Reported] | None:
        if reports and not 0 <= min(reports) <= max(reports) < MOST_STEPS:
            kept = {step: value for step, value in reports.items() if 0 <= step < MOST_STEPS}
            self.tell("reports at steps below 0 or above 2**63, which were left out", len(reports) - len(kept))
            reports = kept
        more = (math.nan,) * (self._m - 1)  # Optuna keeps one value a step
        return {step: (value, *more) if more else value for step, value in reports.items()} or None


def _facts(raw: RawTrial) -> Facts:
    """Return what Optuna says of a trial, as its user sees it there."""
    distributions = {name: as_optuna(text) for name, _, text in raw.params}
    return {
        "number": raw.number,
        "state": TrialState(raw.state).name,
        "values": raw.values,
        "params": {name: distributions[name].external(value) for name, value, _ in raw.params},
        "distributions": {name: found.facts for name, found in distributions.items()},
        "reports": dict(raw.reports),
        "constraints": constraints_of(raw.system) or {},
        "reason": raw.system.get(REASON),
        "started": raw.started,
        "finished": raw.finished,
        "fixed": raw.system.get(FIXED) or {},
        "user_attrs": dict(raw.user),
    }


def constraints_of(system: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the constraints among system attributes: a list up to Optuna 4, and one attribute each since."""
    found: dict[str, Any] = {}
    if not system:
        return None
    if isinstance(listed := system.get(CONSTRAINTS), list | tuple):
        found = {str(i): value for i, value in enumerate(listed)}
    prefix = f"{CONSTRAINTS}:"
    found |= {key[len(prefix) :]: value for key, value in system.items() if key.startswith(prefix)}
    kept = {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
    return {key: value for key, value in kept.items() if value == value} or None


def others_of(system: Mapping[str, Any]) -> dict[str, Any]:
    """Return the system attributes that have no place of their own here, without those of samplers and pruners."""
    ours = (CONSTRAINTS, FIXED, REASON, NAMES, *_OWN)
    return {key: value for key, value in system.items() if not key.startswith(ours) and key != NOISE}


def _noise_of(system: Mapping[str, Any], n: int) -> list[float] | None:
    """Return the noise of the n values, which an export of ours keeps as a system attribute."""
    try:
        return noise_of_each(checked_noise(NOISE, system[NOISE]), n)
    except (KeyError, TypeError, ValueError):
        return None
