"""The colours of states can be read, and colour-blind people tell them apart."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tunesmith import dashboard

CSS = (Path(dashboard.__file__).parent / "static" / "dashboard.css").read_text(encoding="utf-8")
STATES = ("complete", "pruned", "fail", "running")
# How people without one kind of cones see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHT = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def colours(scheme: str) -> dict[str, np.ndarray]:
    """The variables of a scheme as linear RGB."""
    block = next(b for b in re.findall(r"\{(--bg:[^}]*)\}", CSS) if f"color-scheme:{scheme}" in b)
    found = {}
    for name, digits in re.findall(r"--([\w-]+):#([0-9a-f]{3,6})", block):
        whole = digits if len(digits) == 6 else "".join(2 * d for d in digits)
        share = np.array([int(whole[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        found[name] = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return found


def lab(linear: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_states_are_readable_and_differ_for_every_sight(scheme: str) -> None:
    known = colours(scheme)
    for name in (*STATES, "ink", "muted", "link"):
        for ground in ("bg", "card", "hover"):
            light, dark = sorted((float(TO_XYZ[1] @ known[c]) for c in (name, ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)
    for sight, matrix in SIGHT.items():
        seen = {name: lab(matrix @ known[name]) for name in STATES}
        for one, other in combinations(STATES, 2):
            assert np.linalg.norm(seen[one] - seen[other]) > 20, (sight, one, other)
