"""The default configuration, which the gains of tuning are measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.importance.base import Evaluator, ImportanceData
from tunesmith.importance.model import check_enough
from tunesmith.numerics.arrays import Floats
from tunesmith.text import did_you_mean, listing, shown


class FromDefault(Evaluator):
    """Measures from the default configuration on, by a model.

    Args:
        default: the default configuration by name. Where it has no value, that of the prior declared in the space
            counts, else that of the first complete trial (enqueue the configuration of today), else the middle.
    """

    def __init__(self, default: Mapping[str, Any] | None = None) -> None:
        self.default = default

    def check(self, data: ImportanceData) -> None:
        check_enough(data, self.name)
        default_point(data, self.default)


def default_point(data: ImportanceData, given: Mapping[str, Any] | None) -> tuple[Floats, str]:
    """Return the default configuration as unit coordinates [d], and where it comes from, in words.

    Each parameter takes the value that is given, else that of its declared prior, else that of the first trial, else
    the middle of its range. No coordinate is NaN: a parameter that is not active in the default has a value for the
    case that another one's change makes it active.

    Args:
        data: the trials.
        given: values by name.

    Raises:
        TypeError: what is given is no mapping.
        ValueError: a name or a value is not of the space.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"default must be a dict of values by name; got {shown(given)}")
    known = dict(given or {})
    u = np.full(len(data.space), 0.5)
    used = set()
    for j, (name, param) in enumerate(data.space.params.items()):
        prior = param.unit_prior()
        if name in known:
            x, where = param.to_internal(known.pop(name)), "given"
        elif prior is not None:
            x, where = float(prior.best), "of the priors of the space"
        elif not np.isnan(data.first[j]):
            x, where = float(data.first[j]), "of the first trial"
        else:
            x, where = float(param.from_unit(np.array(0.5))), "of the middle of the range"
        used.add(where)
        u[j] = float(param.to_unit(np.array(x)))
    if known:
        name = next(iter(known))
        raise ValueError(
            f"default= has no parameter of the study named {shown(name)}{did_you_mean(name, data.space.names)} "
            f"(parameters: {listing(data.space.names)})"
        )
    order = ("given", "of the priors of the space", "of the first trial", "of the middle of the range")
    return u, "The default configuration has the values " + ", then ".join(w for w in order if w in used) + "."


def mixed(data: ImportanceData, base: Floats, other: Floats, taken: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    """Return unit coordinates [q, d], NaN where inactive: of `other` where taken, else of `base`.

    Args:
        data: has the space.
        base: unit coordinates [d] or [q, d], without NaN.
        other: the same.
        taken: where to take `other` [q, d].
    """
    space = data.space
    return space.to_unit(space.from_unit(np.where(taken, other, base)))
