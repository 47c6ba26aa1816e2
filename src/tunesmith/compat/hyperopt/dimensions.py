"""The parameters of a Hyperopt space as tunesmith's own, and their values as Hyperopt writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace
from tunesmith.compat.hyperopt.pyll.base import Apply, MissingArgument, dfs, rec_eval
from tunesmith.compat.hyperopt.pyll.stochastic import quantised
from tunesmith.compat.hyperopt.pyll_utils import expr_to_config, is_active, option_label
from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Condition, Float, Int, Parameter
from tunesmith.space.parameters import MAX_LOG_INT, MAX_STEPS

Clauses = dict[str, set[int]]


@dataclass(frozen=True)
class Dimension:
    """A parameter of a Hyperopt space.

    Attributes:
        label: its name.
        parameter: what is searched.
        drawn: the same for random search, where that is another one: a choice with probabilities.
        q: values are multiples of it; None: they are not rounded.
        by_index: whether the searched value is k in place of k * q.
        conditions: when it is active, as `expr_to_config` says.
    """

    label: str
    parameter: Parameter
    drawn: Parameter
    q: float | None
    by_index: bool
    conditions: set[tuple[Any, ...]]

    def value(self, searched: Any) -> Any:
        """Return a searched value as Hyperopt has it."""
        if self.q is None:
            return searched
        return float(searched * self.q if self.by_index else quantised(searched, self.q))

    def searched(self, value: Any) -> Any:
        """Return a value of Hyperopt's as it is searched; it may be out of range."""
        if self.q is None or not self.by_index:
            return float(value) if isinstance(self.parameter, Float) else value
        return round(float(value) / self.q)


def dimensions_of(expr: Apply) -> dict[str, Dimension]:
    """Return the parameters of a space by label.

    Raises:
        DuplicateLabel: two parameters have one label.
        BadSearchSpace: a range is not valid, or depends on another parameter.
    """
    hps: dict[str, Any] = {}
    expr_to_config(expr, None, hps)
    choices = {one.name for entry in hps.values() for conjunction in entry["conditions"] for one in conjunction}
    choices |= {label for label in map(option_label, _switches(expr)) if label is not None}
    sizes: dict[str, int] = {}
    found = {}
    for label, entry in hps.items():
        try:
            parameter, drawn, q, by_index = _parameters(entry["node"], label in choices)
        except (SpaceError, OverflowError) as error:
            raise BadSearchSpace(f"{label!r}: {error}") from error
        sizes[label] = int(parameter.n_values) if label in choices else 0
        found[label] = (parameter, drawn, q, by_index)
    dimensions = {}
    for label, (parameter, drawn, q, by_index) in found.items():
        condition = condition_of(hps[label]["conditions"], sizes)
        dimensions[label] = Dimension(
            label, parameter.with_condition(condition), drawn.with_condition(condition), q, by_index,
            hps[label]["conditions"],
        )  # fmt: skip
    return dimensions


def active_values(dimensions: Mapping[str, Dimension], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a searched point as Hyperopt has it.

    Args:
        params: searched values by label, of all parameters that may be active.

    Returns:
        the values of the active parameters by label.
    """
    values = {label: x if (one := dimensions[label]).q is None else one.value(x) for label, x in params.items()}
    return {
        label: x
        for label, x in values.items()
        if () in (conditions := dimensions[label].conditions) or is_active(conditions, values)  # (): always active
    }


def condition_of(conditions: Iterable[tuple[Any, ...]], sizes: Mapping[str, int]) -> Condition | None:
    """Return alternatives of conditions as one condition of ours, which is a list of clauses that must all hold.

    Alternatives that differ in one choice are put together. What cannot be written so is active more often than
    Hyperopt's parameter; its values are dropped where it is not needed.

    Args:
        conditions: tuples of conditions, one of which must hold as a whole.
        sizes: how many options each choice has.

    Returns:
        the condition; None: always active.
    """
    alternatives: list[Clauses] = []
    for conjunction in conditions:
        clauses: Clauses = {}
        for one in conjunction:
            clauses[one.name] = clauses[one.name] & {one.val} if one.name in clauses else {one.val}
        if all(clauses.values()):
            alternatives.append(clauses)
    while len(alternatives) > 1 and (pair := _mergeable(alternatives)) is not None:
        i, j, name = pair
        alternatives[i][name] |= alternatives[j][name]
        if len(alternatives[i][name]) == sizes[name]:
            del alternatives[i][name]
        del alternatives[j]
    if not alternatives:
        return None
    first, *others = alternatives
    shared = {name: set.union(*(one[name] for one in alternatives)) for name in first if all(name in o for o in others)}
    kept = [(name, sorted(values)) for name, values in shared.items() if len(values) < sizes[name]]
    return Condition(kept) if kept else None


def _mergeable(alternatives: list[Clauses]) -> tuple[int, int, str] | None:
    """Return two alternatives that differ in the values of one choice alone, and the choice."""
    for i, one in enumerate(alternatives):
        for j in range(i + 1, len(alternatives)):
            other = alternatives[j]
            differing = [name for name in one if one[name] != other.get(name)]
            if one.keys() == other.keys() and len(differing) == 1:
                return i, j, differing[0]
    return None


def _switches(expr: Apply) -> list[Apply]:
    return [node for node in dfs(expr) if node.name == "switch"]


def _parameters(node: Apply, is_choice: bool) -> tuple[Parameter, Parameter, float | None, bool]:
    """Return the parameter of a distribution, the one for random search, its q, and whether the index is searched."""
    given = {name: one for name, one in node.arg.items() if name not in ("rng", "size") and one is not MissingArgument}
    try:
        a = {name: rec_eval(one) for name, one in given.items()}
    except AttributeError:  # a draw without a generator: what the range depends on is drawn itself
        raise BadSearchSpace(
            f"the range of {node.name} depends on another parameter; give numbers, and compute with the values in the "
            "space's expression or in the objective"
        ) from None
    q = float(a["q"]) if "q" in a else None
    by_index = False
    drawn: Parameter | None = None
    parameter: Parameter
    if node.name == "categorical":
        parameter, drawn = _weighted_choice(a["p"])
    elif node.name == "randint":
        low, high = (0, a["low"]) if a.get("high") is None else (a["low"], a["high"])
        parameter = Categorical(range(int(low), int(high))) if is_choice else Int(int(low), int(high) - 1)
    elif node.name == "uniform":
        parameter = Float(float(a["low"]), float(a["high"]))
    elif node.name == "loguniform":
        parameter = Float(math.exp(a["low"]), math.exp(a["high"]), log=True)
    elif node.name in ("quniform", "qloguniform") and q is not None:
        log = node.name == "qloguniform"
        low, high = (math.exp(a["low"]), math.exp(a["high"])) if log else (float(a["low"]), float(a["high"]))
        parameter, by_index = _multiples(low, high, q, log)
    elif node.name in ("normal", "qnormal", "lognormal", "qlognormal"):
        parameter = _normal(float(a["mu"]), float(a["sigma"]), log="log" in node.name)
    else:
        raise BadSearchSpace(f"a parameter of the distribution {node.name!r} cannot be searched; use one of hp.*")
    return parameter, parameter if drawn is None else drawn, q, by_index


def _multiples(low: float, high: float, q: float, log: bool) -> tuple[Parameter, bool]:
    """Return the parameter of multiples of q, and whether k is searched in place of k * q."""
    first, last = round(low / q), round(high / q)
    if (
        last - first < MAX_STEPS
        and max(abs(first), abs(last)) <= 2**53
        and (not log or 1 <= first <= last <= MAX_LOG_INT)
    ):
        return Int(first, last, log=log), True
    return Float(low, high, log=log), False


def _normal(mu: float, sigma: float, log: bool) -> Parameter:
    from scipy import stats

    from tunesmith.space.distributions import from_scipy

    return from_scipy(stats.lognorm(sigma, scale=math.exp(mu)) if log else stats.norm(mu, sigma))


def _weighted_choice(p: Any) -> tuple[Parameter, Parameter]:
    """Return a choice with probabilities: with a prior for models, and distributed so for random search."""
    weights = np.asarray(p, dtype=float)
    if weights.ndim != 1 or not len(weights) or (weights < 0).any() or not weights.sum() > 0:
        raise BadSearchSpace(f"the probabilities of a choice must be numbers >= 0, not all 0; got {p!r}")
    weights = weights / weights.sum()
    parameter = Categorical(range(len(weights)), prior={i: float(w) for i, w in enumerate(weights)})
    if (weights == 0).any():
        return parameter, parameter  # a distribution would not know the options that are never drawn
    from scipy import stats

    from tunesmith.space.distributions import from_scipy

    return parameter, from_scipy(stats.rv_discrete(values=(np.arange(len(weights)), weights)))
