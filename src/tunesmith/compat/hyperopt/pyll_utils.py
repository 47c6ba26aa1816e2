"""The parameters of a space, `hp.*`, as expressions; and which parameters an expression has, under what conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from tunesmith.compat.hyperopt.exceptions import DuplicateLabel
from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, MissingArgument, as_apply, rec_eval, scope

CHOICE_DISTRIBUTIONS = ("randint", "categorical")  # the distributions of indices of options


def validate_label(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes a label first, which must be a text; a decorator."""

    @wraps(f)
    def checked(label: Any, *args: Any, **named: Any) -> Any:
        text = label.obj if isinstance(label, Literal) else label
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"require string label: the first argument names the parameter; got {label!r}")
        return f(text, *args, **named)

    return checked


def validate_distribution_range(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of (label, low, high, ...) that wants low < high; a decorator."""

    @wraps(f)
    def checked(label: Any, *args: Any, **named: Any) -> Any:
        low = args[0] if args else named.get("low")
        high = args[1] if len(args) > 1 else named.get("high")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and not low < high:
            raise ValueError(f"low must be below high; got low={low} and high={high}")
        return f(label, *args, **named)

    return checked


def _param(label: str, node: Apply, kind: str) -> Apply:
    return scope.call_later(kind, scope.hyperopt_param(label, node))


@validate_label
def hp_choice(label: str, options: Any) -> Apply:
    """Return one of some options, which may be spaces.

    Args:
        label: names the parameter; its value is the index of the option.
        options: a list.
    """
    index = scope.hyperopt_param(label, scope.randint(len(options)))
    return scope.call_later("switch", index, *options)


@validate_label
def hp_pchoice(label: str, p_options: Any) -> Apply:
    """Return one of some options, with probabilities.

    Args:
        label: names the parameter; its value is the index of the option.
        p_options: pairs (probability, option).
    """
    p = tuple(float(one) for one, _ in p_options)
    options = [option for _, option in p_options]
    return scope.call_later("switch", scope.hyperopt_param(label, scope.categorical(p)), *options)


@validate_label
def hp_randint(label: str, low: Any, high: Any = None) -> Apply:
    """Return a whole number.

    Args:
        low: the lowest number; without `high` the numbers are 0 to low - 1.
        high: one more than the highest number.
    """
    node = scope.randint(low) if high is None else scope.randint(low, high)
    return _param(label, node, "int")


@validate_label
@validate_distribution_range
def hp_uniform(label: str, low: Any, high: Any) -> Apply:
    """Return a number."""
    return _param(label, scope.uniform(low, high), "float")


@validate_label
@validate_distribution_range
def hp_quniform(label: str, low: Any, high: Any, q: Any) -> Apply:
    """Return a multiple of q.

    Args:
        low: the lowest value before rounding.
        high: the highest value before rounding.
    """
    return _param(label, scope.quniform(low, high, q), "float")


@validate_label
@validate_distribution_range
def hp_uniformint(label: str, low: Any, high: Any, q: Any = 1.0) -> Apply:
    """Return a whole number from low to high, both included.

    Args:
        q: 1, as in Hyperopt whatever is given.
    """
    return scope.call_later("int", hp_quniform(label, low, high, 1.0))


@validate_label
@validate_distribution_range
def hp_loguniform(label: str, low: Any, high: Any) -> Apply:
    """Return a number that is uniform in the logarithm.

    Args:
        low: the logarithm of the lowest value.
        high: the logarithm of the highest value.
    """
    return _param(label, scope.loguniform(low, high), "float")


@validate_label
@validate_distribution_range
def hp_qloguniform(label: str, low: Any, high: Any, q: Any) -> Apply:
    """Return a multiple of q that is uniform in the logarithm before rounding.

    Args:
        low: the logarithm of the lowest value.
        high: the logarithm of the highest value.
    """
    return _param(label, scope.qloguniform(low, high, q), "float")


@validate_label
def hp_normal(label: str, mu: Any, sigma: Any) -> Apply:
    """Return a number that is normally distributed."""
    return _param(label, scope.normal(mu, sigma), "float")


@validate_label
def hp_qnormal(label: str, mu: Any, sigma: Any, q: Any) -> Apply:
    """Return a multiple of q that is normally distributed before rounding."""
    return _param(label, scope.qnormal(mu, sigma, q), "float")


@validate_label
def hp_lognormal(label: str, mu: Any, sigma: Any) -> Apply:
    """Return a number whose logarithm is normally distributed.

    Args:
        mu: the mean of the logarithm.
        sigma: the standard deviation of the logarithm.
    """
    return _param(label, scope.lognormal(mu, sigma), "float")


@validate_label
def hp_qlognormal(label: str, mu: Any, sigma: Any, q: Any) -> Apply:
    """Return a multiple of q whose logarithm is normally distributed before rounding.

    Args:
        mu: the mean of the logarithm.
        sigma: the standard deviation of the logarithm.
    """
    return _param(label, scope.qlognormal(mu, sigma, q), "float")


@dataclass(frozen=True)
class Cond:
    """A choice has a value.

    Attributes:
        name: the choice's label.
        val: the index of its option.
        op: "=".
    """

    name: str
    val: int
    op: str = "="

    def __repr__(self) -> str:
        return f"Cond{{{self.name} {self.op} {self.val}}}"


def EQ(name: str, val: int) -> Cond:
    """Return the condition that a choice has a value.

    Args:
        name: the choice's label.
    """
    return Cond(name, val)


def expr_to_config(expr: Any, conditions: tuple[Any, ...] | None, hps: dict[str, Any]) -> None:
    """Find the parameters of a space, and when each is active.

    Args:
        expr: the space.
        conditions: what must hold for the space itself to be active.
        hps: gets an entry a label: its "node" (the distribution), its "conditions" (a set of tuples of conditions, one
            of which must hold as a whole), and its "label".

    Raises:
        DuplicateLabel: two parameters have one label.
    """
    above = conditions or ()
    _collect(as_apply(expr), above, hps, set())
    for entry in hps.values():
        entry["conditions"] = _merged_paths(entry["conditions"], above, hps)


def option_label(node: Apply) -> str | None:
    """Return the label of the choice whose index chooses the option of a switch; None: something else chooses."""
    index = node.pos_args[0]
    if index.name == "hyperopt_param" and index.arg["obj"].name in CHOICE_DISTRIBUTIONS:
        return str(rec_eval(index.arg["label"]))
    return None


def _collect(node: Apply, conditions: tuple[Any, ...], hps: dict[str, Any], seen: set[Any]) -> None:
    if (node, conditions) in seen:
        return  # what several expressions share would be walked again and again
    seen.add((node, conditions))
    if node.name == "switch" and (label := option_label(node)) is not None:
        _collect(node.pos_args[0], conditions, hps, seen)
        for i, option in enumerate(node.pos_args[1:]):
            _collect(option, (*conditions, EQ(label, i)), hps, seen)
    elif node.name == "hyperopt_param":
        label = str(rec_eval(node.arg["label"]))
        entry = hps.setdefault(label, {"node": node.arg["obj"], "conditions": set(), "label": label})
        if entry["node"] is not node.arg["obj"]:
            raise DuplicateLabel(f"two parameters of the space have the label {label!r}; give each its own")
        entry["conditions"].add(conditions)
    else:
        for one in node.inputs():
            _collect(one, conditions, hps, seen)


def _merged_paths(found: set[tuple[Any, ...]], above: tuple[Any, ...], hps: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """Return the conditions without dependence on a choice all of whose options need the parameter."""
    if len(found) > 1 and all(len(one) == len(above) + 1 for one in found):
        last = {one[-1] for one in found}
        names = {one.name for one in last}
        if len(names) == 1 and len(last) == n_options(hps[names.pop()]["node"]):
            return {above}
    return found


def n_options(node: Apply) -> int:
    """Return how many values the index of a choice has."""
    arguments = node.arg
    if node.name == "categorical":
        return len(rec_eval(arguments["p"]))
    low = int(rec_eval(arguments["low"]))
    high = arguments["high"]
    return low if high is MissingArgument else int(rec_eval(high)) - low


def is_active(conditions: Iterable[tuple[Any, ...]], values: Mapping[str, Any]) -> bool:
    """Return whether one of the conditions holds.

    Args:
        conditions: as `expr_to_config` returns them.
        values: the indices of choices by label.
    """
    return any(all(c is True or values.get(c.name) == c.val for c in one) for one in conditions)


__getattr__ = refuser(__name__)
