"""Leases GPUs to worker processes: each sees its own alone, from before anything is imported in it until it ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tunesmith.text import listing

# What says which devices a process may see, by maker; the first one that is set says which there are.
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
NVIDIA = Path("/proc/driver/nvidia/gpus")
AMD = Path("/sys/class/kfd/kfd/topology/nodes")


def visible_gpus() -> tuple[str, list[str]]:
    """Return the variable that says which GPUs a process sees, and the GPUs that this one sees, as that names them."""
    for variable in VISIBLE:
        if (given := os.environ.get(variable)) is not None:
            names = [name.strip() for name in given.split(",")]
            # As CUDA reads it: what stands behind an invalid entry does not count.
            ends = next((i for i, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
            return variable, names[:ends]
    if NVIDIA.is_dir():
        return VISIBLE[0], [str(k) for k in range(len(list(NVIDIA.iterdir())))]
    if AMD.is_dir():  # processors are nodes, too; they have no SIMD units
        nodes = [p for p in AMD.iterdir() if "simd_count 0\n" not in (p / "properties").read_text()]
        return VISIBLE[1], [str(k) for k in range(len(nodes))]
    return VISIBLE[0], []


class GpuLeases:
    """Which worker has which GPUs.

    Args:
        each: how many a worker needs; a half, say, means that two workers share one.

    Attributes:
        places: how many workers there are GPUs for.

    Raises:
        ValueError: there are not enough for one worker, or the number is none.
    """

    def __init__(self, each: float) -> None:
        self._variable, names = visible_gpus()
        whole = float(each).is_integer()
        if not each > 0 or (each > 1 and not whole):
            raise ValueError(f"resources: 'gpus' must be a whole number or a part of one GPU; got {each!r}")
        if each > len(names):
            seen = f"it sees {listing(names)}" if names else "it sees none"
            raise ValueError(
                f"resources: a trial needs {each:g} GPUs, and this process has {len(names)} ({seen}; "
                f"{self._variable} says which ones a process may use)"
            )
        if whole:
            count = int(each)
            self._free = [names[k : k + count] for k in range(0, len(names) - count + 1, count)]
        else:
            self._free = [[name] for _ in range(int(1 / each + 1e-9)) for name in names]
        self.places = len(self._free)

    def take(self) -> list[str]:
        """Return the GPUs of a new worker.

        Raises:
            IndexError: all have been taken.
        """
        return self._free.pop(0)

    def give_back(self, lease: list[str]) -> None:
        """Take back the GPUs of a worker that ended."""
        self._free.append(lease)

    def environment(self, lease: list[str]) -> Mapping[str, str]:
        """Return the variables by which a worker sees its GPUs alone."""
        return {self._variable: ",".join(lease)}
