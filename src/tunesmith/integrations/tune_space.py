"""Converts a search space of Ray Tune to one of ours."""

from __future__ import annotations

import math
from typing import Any

from ray.tune.search import sample
from ray.tune.search.variant_generator import parse_spec_vars
from ray.tune.utils.util import flatten_dict

from tunesmith.space import Categorical, Float, Int, Parameter, Space


def has_domains(config: dict[str, Any]) -> bool:
    """Tell whether anything in a ``param_space`` is to be searched."""
    _, domains, grids = parse_spec_vars(config)
    return bool(domains or grids)


def constants_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what is the same in all trials, by path: ``"model/layers"``."""
    return {
        name: value for name, value in flatten_dict(config, prevent_delimiter=True).items() if not _is_domain(value)
    }


def space_of(config: dict[str, Any]) -> Space:
    """Return the space of a ``param_space``; parameters of nested dicts are named by their path.

    Raises:
        ValueError: something in it has no counterpart: ``grid_search``, ``sample_from``, ``randn``.
    """
    _, domains, grids = parse_spec_vars(config)
    if grids:
        raise ValueError(
            f"grid_search of {'/'.join(map(str, grids[0][0]))!r}: write tune.choice([...]) instead; "
            "TunesmithSearch(sampler='grid') runs all combinations"
        )
    return Space({"/".join(map(str, path)): _parameter("/".join(map(str, path)), domain) for path, domain in domains})


def _is_domain(value: Any) -> bool:
    return isinstance(value, sample.Domain)


def _parameter(name: str, domain: Any) -> Parameter:
    sampler, step = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.get_sampler(), sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(domain, sample.Categorical):
        return Categorical(list(domain.categories))
    if not log and not isinstance(sampler, sample.Uniform):
        raise ValueError(
            f"{name!r}: TunesmithSearch knows uniform, randint and choice, with log and with steps; got {domain}"
        )
    whole = isinstance(domain, sample.Integer)
    low, high = domain.lower, domain.upper
    if whole and step in (None, 1):
        return Int(low, high - 1, log=log)  # Tune's upper end is no value
    if step is None:
        return Float(low, high, log=log)
    if log:
        raise ValueError(f"{name!r}: a parameter has log or steps, not both; leave out the q of {domain}")
    low, high = math.ceil(low / step) * step, math.floor(high / step) * step  # Tune's values are multiples of the step
    return Int(low, high, step=step) if whole else Float(low, high, step=step)
