"""Colours can be read, and colour-blind people tell states apart; small drawings stay in their width."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from tunesmith.foundation import look
from tunesmith.foundation.look.drawn import interval_text, spark_text

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
    found = {}
    for name, digits in re.findall(r"--([\w-]+):#([0-9a-f]{6})", look.declarations(dark=scheme == "dark")):
        share = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        found[name] = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return found


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    light, dark = sorted((float(TO_XYZ[1] @ c) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(linear: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_states_are_readable_and_differ_for_every_sight(scheme: str) -> None:
    known = colours(scheme)
    for name in (*STATES, "ink", "muted", "link", "accent"):
        for ground in ("bg", "card", "raised", "hover"):
            assert contrast(known[name], known[ground]) >= 4.5, (name, ground)
    assert contrast(known["on-accent"], known["accent"]) >= 4.5
    assert contrast(known["ink"], known["soft"]) >= 4.5
    assert min(contrast(known["edge"], known[ground]) for ground in ("bg", "card", "raised")) >= 3
    for sight, matrix in SIGHT.items():
        seen = {name: lab(matrix @ known[name]) for name in STATES}
        for one, other in combinations(STATES, 2):
            assert np.linalg.norm(seen[one] - seen[other]) > 20, (sight, one, other)


def test_every_icon_that_a_page_names_is_there() -> None:
    names = re.findall(r'id="([\w-]+)"', look.icons())
    assert len(names) <= 40
    templates = files("tunesmith.dashboard") / "templates"
    used = {name for t in templates.iterdir() for name in re.findall(r"""icon\(["']([\w-]+)""", t.read_text("utf-8"))}
    assert used | {icon for _, icon, _ in look.STATES.values()} <= set(names)


def test_small_drawings() -> None:
    assert spark_text([3.0, 2.0, math.nan, 1.0]) == "█▅▁"
    assert spark_text([1.0]) == "" == look.sparkline([math.inf, 1.0])
    assert len(spark_text(list(range(1000)), 24)) == 24
    assert interval_text(0.2, 0.5, 0.8, ends=(0.0, 1.0), columns=11) == "  ├──●──┤  "
    assert interval_text(-5.0, 0.5, math.inf, ends=(0.0, 1.0)) == ""
    assert look.interval(0.2, 0.5, 0.8, ends=(0.0, 1.0)).count("<path") == 2
    assert "NaN" not in look.sparkline([1e308, -1e308, 1.0])
