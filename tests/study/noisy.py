"""Objectives with noise from `trial.seed`, and what they are without it."""

from __future__ import annotations

import math

import numpy as np

import tunesmith as ts

SPACE = ts.Space(x=ts.Float(-5, 10), y=ts.Float(0, 15))


def branin(x: float, y: float) -> float:
    """Minima of 0.398 at (-π, 12.275), (π, 2.275) and (9.42, 2.475); up to 300 elsewhere."""
    a = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def noise(trial: ts.Trial, sd: float) -> float:
    """Noise of the point and the seed: paired runs have the seed in common, not all of the noise."""
    point = [round(1e6 * (v + 10)) for v in trial.params.values() if isinstance(v, float)]
    return sd * float(np.random.default_rng([trial.seed, *point]).normal())


def noisy_branin(trial: ts.Trial) -> float:
    return branin(trial.params["x"], trial.params["y"]) + noise(trial, 5.0)
