"""Search spaces of Ray Tune: ``tune.uniform`` and its like in a ``param_space``, as a space of this library."""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tunesmith.compat.ray.names import check_ours
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import listing, shown
from tunesmith.space import Categorical, Distribution, Float, Int, Parameter, Space
from tunesmith.trial import FrozenTrial, Trial

DRAWN = "sample_from"  # the user attribute with what `sample_from` gave
GRID = "grid_search"


class Domain:
    """What stands in a ``param_space`` for values that differ from trial to trial.

    Args:
        text: how it is written.
        parameter: what is searched; None: a function gives the value.
        q: values are rounded to multiples of it; None: they are not.
        function: of `sample_from`.
    """

    def __init__(
        self,
        text: str,
        parameter: Parameter | None = None,
        q: float | None = None,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.text, self.parameter, self.q, self.function = text, parameter, q, function

    def value(self, searched: Any) -> Any:
        """Return a searched value as the trial gets it."""
        if self.q is None:
            return searched
        rounded = round(searched / self.q) * self.q
        return int(rounded) if isinstance(self.parameter, Int) else float(rounded)

    def sample(self) -> Any:
        """Return a random value, by NumPy's global generator."""
        if self.parameter is None:
            return _called(self.function, Spec())
        return self.value(self.parameter.to_external(float(self.parameter.from_unit(np.random.random(1))[0])))

    def __repr__(self) -> str:
        return self.text


def uniform(lower: float, upper: float) -> Domain:
    """Search a number from lower to upper."""
    return Domain(f"uniform({lower}, {upper})", Float(lower, upper))


def quniform(lower: float, upper: float, q: float) -> Domain:
    """Search a multiple of q from lower to upper."""
    return Domain(f"quniform({lower}, {upper}, {q})", Float(*_multiples(lower, upper, q), step=q))


def loguniform(lower: float, upper: float) -> Domain:
    """Search a number from lower to upper on the logarithmic scale."""
    return Domain(f"loguniform({lower}, {upper})", Float(lower, upper, log=True))


def qloguniform(lower: float, upper: float, q: float) -> Domain:
    """Search a number on the logarithmic scale, and round it to a multiple of q."""
    return Domain(f"qloguniform({lower}, {upper}, {q})", Float(lower, upper, log=True), q)


def randint(lower: int, upper: int) -> Domain:
    """Search an integer from lower to upper - 1."""
    return Domain(f"randint({lower}, {upper})", Int(lower, upper - 1))


def qrandint(lower: int, upper: int, q: int = 1) -> Domain:
    """Search a multiple of q from lower to upper; with q = 1, to upper - 1."""
    low, high = (lower, upper - 1) if q == 1 else _multiples(lower, upper, q)
    return Domain(f"qrandint({lower}, {upper}, {q})", Int(int(low), int(high), step=q))


def lograndint(lower: int, upper: int) -> Domain:
    """Search an integer from lower to upper - 1 on the logarithmic scale."""
    return Domain(f"lograndint({lower}, {upper})", Int(lower, upper - 1, log=True))


def qlograndint(lower: int, upper: int, q: int) -> Domain:
    """Search an integer on the logarithmic scale, and round it to a multiple of q."""
    return Domain(f"qlograndint({lower}, {upper}, {q})", Int(lower, upper - (q == 1), log=True), q)


def randn(mean: float = 0.0, sd: float = 1.0) -> Domain:
    """Search a number that is normally distributed."""
    return Domain(f"randn({mean}, {sd})", _normal(mean, sd))


def qrandn(mean: float, sd: float, q: float) -> Domain:
    """Search a number that is normally distributed, and round it to a multiple of q."""
    return Domain(f"qrandn({mean}, {sd}, {q})", _normal(mean, sd), q)


def choice(categories: Sequence[Any]) -> Domain:
    """Search one of several values, which have no order."""
    return Domain(f"choice({shown(list(categories))})", _categorical("tune.choice", categories))


def sample_from(func: Callable[..., Any]) -> Domain:
    """Let a function give the value of each trial.

    Args:
        func: gets nothing, or the config so far, also as ``spec.config``. What it returns is a number, a text, or lists
            and dicts of these. Its random numbers come from `random` or from NumPy's global generator, which are seeded
            for each trial.
    """
    return Domain("sample_from(...)", function=func)


def grid_search(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Try each of several values, ``num_samples`` times."""
    return {GRID: list(values)}


def _multiples(lower: float, upper: float, q: float) -> tuple[float, float]:
    return math.ceil(round(lower / q, 9)) * q, math.floor(round(upper / q, 9)) * q


def _normal(mean: float, sd: float) -> Distribution:
    from scipy.stats import norm

    return Distribution(norm(mean, sd))


def _categorical(where: str, values: Sequence[Any]) -> Parameter:
    if any(_has_domain(value) for value in values):
        raise ValueError(
            f"{where}: values with tune.uniform(...) and the like inside are not searched; give the inner parameters "
            "names of their own, or use HyperOptSearch(space=) or OptunaSearch(space=function), which know conditions"
        )
    parameter: Parameter = Categorical(list(values))
    return parameter


def _has_domain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_domain, value.values()))
    return isinstance(value, Domain) or (isinstance(value, list | tuple) and any(map(_has_domain, value)))


# -- what `sample_from` is given ------------------------------------------------------------------------------------


class Spec(dict[Any, Any]):
    """The config so far: ``spec["lr"]``, ``spec.lr`` and ``spec.config.lr`` are the same."""

    def __getitem__(self, key: Any) -> Any:
        value = self if key == "config" and key not in self else super().__getitem__(key)
        if isinstance(value, Domain):
            raise KeyError(key)  # another function, which was not called yet
        return Spec(value) if type(value) is dict else value

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _called(function: Any, spec: Spec) -> Any:
    try:
        inspect.signature(function).bind(spec)
    except TypeError:
        return function()
    return function(spec)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy, and give them back as they were."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


# -- the whole -----------------------------------------------------------------------------------------------------


class ParamSpace:
    """A ``param_space``: its parameters by their paths, and the config of a trial.

    Args:
        given: nested dicts and lists, with domains, `grid_search` and constants in them.
        grids_allowed: whether `grid_search` may stand there.

    Raises:
        ValueError: it may not, and does.
    """

    def __init__(self, given: Mapping[str, Any] | None, grids_allowed: bool = True) -> None:
        if not isinstance(given, Mapping | None):
            raise TypeError(f"param_space is a dict of names; got {shown(given)}")
        self.given = dict(given or {})
        self.domains: dict[str, Domain] = {}
        self.grids: dict[str, list[Any]] = {}
        for path, node in _leaves(self.given):
            check_ours(node)
            if isinstance(node, Domain):
                self.domains[path] = node
            elif isinstance(node, Mapping):
                self.grids[path] = node[GRID]
        if self.grids and not grids_allowed:
            raise ValueError(
                f"grid_search of {listing(self.grids)}: search algorithms and PopulationBasedTraining take tune.choice "
                "in its place; a grid needs BasicVariantGenerator, the default"
            )

    def space(self) -> Space | None:
        """Return what is searched; None: nothing is."""
        params = {path: d.parameter for path, d in self.domains.items() if d.parameter is not None}
        params |= {path: _categorical(GRID, values) for path, values in self.grids.items()}
        return Space(params) if params else None

    def cells(self) -> list[dict[str, Any]]:
        """Return the combinations of all grids, the first grid's values varying fastest; one if there are no grids."""
        names = list(self.grids)[::-1]
        return [dict(zip(names, cell, strict=True)) for cell in itertools.product(*(self.grids[n] for n in names))]

    def point(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the searched values of a config, by path; constants are left out.

        Raises:
            ValueError: it names something that is not searched.
        """
        flat = {path: config[path] for path in config if path in self.domains}
        flat |= {path: value for path, value in flattened(config).items() if path in self.domains}
        return flat

    def config(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the config of a trial, running or read."""
        params = trial.take_whole() if isinstance(trial, Trial) else trial.params
        values = {path: d.value(params[path]) for path, d in self.domains.items() if path in params}
        values |= {path: params[path] for path in self.grids if path in params}
        config: dict[str, Any] = _filled(self.given, (), values)
        functions = {path: d.function for path, d in self.domains.items() if d.function is not None}
        if not functions:
            return config
        drawn = trial.user_attrs.get(DRAWN)
        if drawn is None and isinstance(trial, Trial):
            with _seeded(trial.seed):
                drawn = _drawn(functions, config)
            trial.set_user_attr(DRAWN, drawn)
        return _filled(config, (), drawn or {})  # type: ignore[no-any-return]  # as the config before


def flattened(nested: Mapping[Any, Any], above: str = "") -> dict[str, Any]:
    """Return the leaves of nested dicts by path: ``{"a/b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{above}{key}/")
        else:
            flat[f"{above}{key}"] = value
    return flat


def unflattened(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested dicts from leaves by path."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *above, last = path.split("/")
        into = nested
        for key in above:
            into = into.setdefault(key, {})
        into[last] = value
    return nested


def _inside(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Domain) or (isinstance(node, Mapping) and set(node) == {GRID}):
        yield "/".join(map(str, path)), node
        return
    if not isinstance(node, Mapping | list):
        yield "/".join(map(str, path)), node
    for key, value in _inside(node):
        yield from _leaves(value, (*path, key))


def _filled(node: Any, path: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
    """Return a copy of nested dicts and lists, with values by path."""
    name = "/".join(map(str, path))
    if name in values:
        return values[name]
    if isinstance(node, Mapping):
        return {key: _filled(value, (*path, key), values) for key, value in node.items()}
    return [_filled(v, (*path, k), values) for k, v in enumerate(node)] if isinstance(node, list) else node


def _drawn(functions: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return what the functions give; one that reads what another gives is called after that."""
    drawn: dict[str, Any] = {}
    left = dict(functions)
    while left:
        before = len(left)
        for path, function in list(left.items()):
            try:
                drawn[path] = storable(DRAWN, _called(function, Spec(_filled(config, (), drawn))))
                del left[path]
            except (KeyError, AttributeError):
                if len(left) == before and path == list(left)[-1]:
                    raise
    return drawn
