"""Room for trials on the machines of a cluster: how many fit, and whether one can ever run there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tunesmith.caution import caution

Resources = Mapping[str, float]
ROUNDING = 1e-9  # 0.3 / 0.1 is 2.9999999999999996


def places(has: Resources, needs: Resources, cores: float) -> int:
    """Return how many trials fit into a machine at once.

    Args:
        has: its resources by name.
        needs: those of a trial; one of which it needs 0 does not count.
        cores: how many fit if a trial needs nothing.
    """
    counts = [int(has.get(name, 0) / need + ROUNDING) for name, need in needs.items() if need > 0]
    return min(counts, default=max(1, int(cores)))


def check_room(needs: Resources, machines: Iterable[Resources], where: str, may_grow: bool) -> None:
    """Check that a trial can ever run on a cluster: one of its machines has all that the trial needs.

    Args:
        needs: the resources of a trial by name.
        machines: what each machine has.
        where: what the machines are, such as "worker of the Dask cluster".
        may_grow: whether more machines may join: then this only warns.

    Raises:
        ValueError: no machine has it, and none will join.
    """
    known = list(machines)
    if any(places(has, needs, 1) for has in known):
        return
    missing = []
    for name, need in needs.items():
        most = max((has.get(name, 0) for has in known), default=0)
        if most + ROUNDING < need:
            missing.append(f"{name}: {need:g} (the most that one has is {most:g})")
    lacks = ", ".join(missing) or f"{', '.join(f'{name}: {need:g}' for name, need in needs.items())} in one place"
    words = f"resources: no {where} has what a trial needs: {lacks}"
    if not known:
        words = f"there is no {where} at the moment"
    if not may_grow:
        raise ValueError(f"{words}. Ask for less, or give jobs= where such a machine will join")
    caution(f"{words}. The trials wait until one joins; timeout= ends the waiting")
