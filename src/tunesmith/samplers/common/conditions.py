"""Conditions that a define-by-run objective follows without declaring them, inferred from the parameters of its trials.

A parameter that was used in exactly the trials in which a categorical one had some of its values is taken to be
conditional on it. Model-based samplers then search the tree that the objective walks, not a box around it.
"""

from __future__ import annotations

import numpy as np

from tunesmith.numerics.arrays import Floats, Mask
from tunesmith.space import Categorical, Space

MIN_USES = 2  # of a value with which the parameter is used, and of one without it, before a rule is inferred


def infer_conditions(space: Space, x: Floats) -> Space:
    """Return the space with conditions for those parameters whose use another parameter's value explains.

    Args:
        space: a space without conditions; one that has any is returned as it is.
        x: internal values [n, d] of the trials so far, NaN where a parameter was not used.

    Returns:
        The space with the conditions, or the given one.
    """
    missing = np.isnan(x)
    if space.is_conditional or not missing.any():
        return space
    names = space.names
    parents = [j for j, n in enumerate(names) if isinstance(space[n], Categorical)]
    conditional = {}
    for j, name in enumerate(names):
        if not missing[:, j].any() or missing[:, j].all():
            continue
        rule = _explain(x, missing, j, [p for p in parents if p != j], space)
        if rule is not None:
            parent, values = rule
            conditional[name] = space[name].when({names[parent]: values})
    if not conditional:
        return space
    try:
        return Space.from_columns({**space.params, **conditional}, space.constraints, space.external)
    except ValueError:  # two parameters that explain one another: take neither
        return space


def _explain(x: Floats, missing: Mask, j: int, parents: list[int], space: Space) -> tuple[int, list[object]] | None:
    """Return the parent and its values that go with parameter j, preferring parents that are used most often."""
    used = ~missing[:, j]
    for p in sorted(parents, key=lambda p: (int(missing[:, p].sum()), p)):
        known = ~missing[:, p]
        if np.any(used & ~known):
            continue
        label = x[known, p].astype(np.intp)
        count = np.bincount(label)
        on = np.bincount(label, weights=used[known].astype(float))
        often = count >= MIN_USES
        if np.any((on > 0) & (on < count)) or not (np.any(often & (on > 0)) and np.any(often & (on == 0))):
            continue
        parent = space[space.names[p]]
        return p, [parent.to_external(float(k)) for k in np.flatnonzero(on > 0)]
    return None
