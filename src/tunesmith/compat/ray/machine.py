"""``ray.init`` and its like: trials run on this machine, with the numbers of cores and GPUs that it was given."""

from __future__ import annotations

from typing import Any

from tunesmith.executors.resources import cpu_count, visible_gpus

_given: dict[str, float] = {}
_state = {"is_initialized": False}
HERE = (None, "auto", "local")


def init(
    address: str | None = None, *, num_cpus: float | None = None, num_gpus: float | None = None, **options: Any
) -> None:
    """Take how many cores and GPUs trials may use; there is no cluster to be started.

    Args:
        address: None, "auto" or "local".
        num_cpus: cores that trials share; None: those of the machine. More than there are lets more trials run at once.
        num_gpus: GPUs, likewise.
        **options: without effect.

    Raises:
        ValueError: the address is that of a cluster.
    """
    if address not in HERE:
        raise ValueError(
            f"init(address={address!r}): trials run on this machine. On a cluster of Ray, give "
            "study.optimize(executor='ray') an objective of tunesmith's own, or several machines one study; see "
            "docs/parallel.md"
        )
    _given.clear()
    _given.update({name: n for name, n in (("cpu", num_cpus), ("gpu", num_gpus)) if n is not None})
    _state["is_initialized"] = True


def shutdown() -> None:
    """Forget what `init` was given."""
    _given.clear()
    _state["is_initialized"] = False


def is_initialized() -> bool:
    """Tell whether `init` was called."""
    return _state["is_initialized"]


def cluster_resources() -> dict[str, float]:
    """Return how many cores and GPUs trials share, by Ray's names "CPU" and "GPU"."""
    return {"CPU": _given.get("cpu", cpu_count()), "GPU": _given.get("gpu", len(visible_gpus()[1]))}


def places(needs: dict[str, float]) -> int:
    """Return how many trials run at once that need so many cores and GPUs each, by the names "cpu" and "gpu".

    Raises:
        ValueError: there are not enough for one.
    """
    has = cluster_resources()
    room = []
    for name, need in needs.items():
        there = has[name.upper()]
        if need > there:
            raise ValueError(
                f"a trial needs {need:g} {name}, and there are {there:g}; ask for less in tune.with_resources, or say "
                f"with init(num_{name}s=...) how many there are"
            )
        if need > 0:
            room.append(int(there / need + 1e-9))
    return min(room, default=int(has["CPU"]))
