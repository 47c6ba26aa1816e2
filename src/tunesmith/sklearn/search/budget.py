"""How many candidates a search tries, and with which sampler. Each point of a small space is tried once."""

from __future__ import annotations

from typing import Any

from tunesmith import registry
from tunesmith.caution import caution
from tunesmith.samplers import GridSampler, Sampler
from tunesmith.samplers.without_duplicates import WithoutDuplicates
from tunesmith.space import Space

N_TRIALS = 50  # by default


def budget(n_trials: int | str | None, timeout: float | None, sampler: Any, space: Space) -> tuple[int | None, Any]:
    """Return the number of candidates to try, None for no limit, and the sampler to make the study with.

    Cross-validation on the same splits gives the same scores again, so that no point of a finite space is worth a
    second candidate.

    Args:
        n_trials: as SearchCV has it.
        timeout: seconds, or None.
        sampler: a name of the registry, "auto" or an object.
        space: what is searched.

    Raises:
        ValueError: the search would never end.
    """
    if isinstance(sampler, str):
        name = "random" if sampler == "auto" and "auto" not in registry.names("samplers") else sampler
        made: Any = registry.load("samplers", name)()
    else:
        made = sampler
    whole = isinstance(made, GridSampler)
    most = None if whole and n_trials == "auto" else N_TRIALS if isinstance(n_trials, str) else n_trials
    if most is None and timeout is None and not whole and not space.is_finite:
        raise ValueError(
            "SearchCV needs n_trials or timeout, or it would never end: both are None, and the space has no finite "
            "number of points"
        )
    if not len(space):
        return 1, made  # the estimator as it is
    if not space.is_finite or not isinstance(made, Sampler):
        return most, made
    cells = space.n_cells
    if not whole and isinstance(n_trials, int) and cells < n_trials:
        points = "1 point" if cells == 1 else f"{cells} points"
        caution(f"the space has {points}, fewer than n_trials={n_trials}: each is tried once, and the search ends then")
    if sampler == "auto" and (cells <= most if most is not None else timeout is None):
        made = GridSampler(order="sequential" if timeout is None else "random")
    return most, WithoutDuplicates(made)
