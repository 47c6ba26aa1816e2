"""What searches meet besides smooth functions of few numbers: one small task for each regime, made anew for each seed.

A task says what a trial is told and what it was worth, which differ where values are noisy. Optima lie elsewhere for
each seed, so that nothing can be gained by looking in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from _score import Floats

from tunesmith import Categorical, Float, Int, Ordinal, Space

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What becomes of a trial.

    Attributes:
        values: what the search is told, one for each objective; None: the trial failed.
        worth: what the trial is really worth; None: its values.
        constraints: met where they are 0 or less.
    """

    values: tuple[float, ...] | None
    worth: float | None = None
    constraints: tuple[float, ...] = ()


@dataclass(frozen=True)
class Regime:
    """A task.

    Attributes:
        space: of its parameters.
        run: runs a trial.
        n_trials: of a search.
        batch: how many trials run at once.
        worst: what a search has that has nothing yet; of several objectives, the point that volumes are measured from.
        best: the best value there is; of several objectives, the largest volume.
        begin: points that are tried first.
    """

    space: Space
    run: Callable[[Params], Told]
    n_trials: int
    worst: tuple[float, ...]
    best: float = 0.0
    batch: int = 1
    begin: tuple[Params, ...] = ()


def _floats(d: int, low: float = 0.0, high: float = 1.0) -> Space:
    return Space({f"x{i}": Float(low, high) for i in range(d)})


def _vector(p: Params) -> Floats:
    return np.array([value for name, value in p.items() if name.startswith("x")], float)


def _bowl(d: int, seed: int) -> Callable[[Floats], float]:
    """A bowl whose axes are of unequal width, 1 on average at its rim."""
    rng = np.random.default_rng(seed)
    centre, weight = rng.uniform(0.15, 0.85, d), rng.uniform(0.3, 3.0, d)
    return lambda x: float((weight * (x - centre) ** 2).sum() / (0.2 * d))


def _of(
    f: Callable[[Floats], float], d: int, n: int, tell: Callable[[Floats, float], Told] | None = None, **more: Any
) -> Regime:
    def run(p: Params) -> Told:
        x = _vector(p)
        return Told((f(x),)) if tell is None else tell(x, f(x))

    return Regime(_floats(d), run, n, (1.0,), **more)


def outliers(seed: int) -> Regime:
    axes = np.random.default_rng(seed).permutation(5)[:2]
    return _of(_bowl(5, seed), 5, 40, lambda x, y: Told((1e9 if (x[axes] > 0.55).all() else y,), worth=y))


def outliers_everywhere(seed: int) -> Regime:
    """In half of the space, and of all sizes."""
    axis = int(np.random.default_rng(seed).integers(5))

    def tell(x: Floats, y: float) -> Told:
        return Told((10.0 ** (4 + 8 * abs(math.sin(37 * x.sum()))) if x[axis] > 0.5 else y,), worth=y)

    return _of(_bowl(5, seed), 5, 40, tell)


def orders_of_magnitude(seed: int) -> Regime:
    """Rosenbrock's function as it is, of which the valley is a millionth of the rim; its regret is that of a log."""
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 5)

    def run(p: Params) -> Told:
        x = 10 * _vector(p) - 5 - shift
        y = float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())
        return Told((y,), worth=math.log1p(y) / math.log1p(1e5))

    return Regime(_floats(5), run, 60, (1.0,))


def crashes(seed: int) -> Regime:
    normal = np.random.default_rng(seed).normal(size=4)
    bound = 0.5 * float(normal.sum())
    return _of(_bowl(4, seed), 4, 40, lambda x, y: Told(None if x @ normal > bound else (y,)))


def crashes_at_random(seed: int) -> Regime:
    rng = np.random.default_rng(seed)
    return _of(_bowl(4, seed), 4, 40, lambda x, y: Told(None if rng.random() < 0.3 else (y,)))


def ties(seed: int) -> Regime:
    return _of(_bowl(5, seed), 5, 60, lambda x, y: Told((math.ceil(10 * y) / 10,), worth=y))


def noise(seed: int) -> Regime:
    rng = np.random.default_rng(seed)
    return _of(_bowl(4, seed), 4, 60, lambda x, y: Told((y + 0.3 * rng.normal(),), worth=y))


def dimensions(d: int) -> Callable[[int], Regime]:
    """Six parameters matter, and the others not at all."""

    def make(seed: int) -> Regime:
        axes, f = np.random.default_rng(seed).permutation(d)[:6], _bowl(6, seed)
        return _of(lambda x: f(x[axes]), d, 100)

    return make


def all_dimensions(seed: int) -> Regime:
    return _of(_bowl(40, seed), 40, 150)


def categories(seed: int) -> Regime:
    """Fifty categories, five of which are good."""
    rng, f = np.random.default_rng(seed), _bowl(3, seed)
    offset = np.where(rng.permutation(50) < 5, rng.uniform(0.0, 0.2, 50), rng.uniform(0.3, 1.0, 50))
    offset -= offset.min()
    space = Space({"kind": Categorical([f"k{i}" for i in range(50)]), **_floats(3).params})
    return Regime(space, lambda p: Told((float(offset[int(p["kind"][1:])]) + 0.5 * f(_vector(p)),)), 80, (1.0,))


def permutation(seed: int) -> Regime:
    """The shortest tour of nine towns, by the order of nine numbers."""
    towns = np.random.default_rng(seed).random((9, 2))

    def run(p: Params) -> Told:
        path = towns[np.argsort(_vector(p), kind="stable")]
        return Told((float(np.linalg.norm(path - np.roll(path, 1, axis=0), axis=1).sum()) / 5.0,))

    return Regime(_floats(9), run, 100, (1.0,), best=0.4)


def wrong_scale(seed: int) -> Regime:
    """Two ranges that should have been logarithmic."""
    rng = np.random.default_rng(seed)
    best, f = rng.uniform(-4.0, -1.0, 2), _bowl(2, seed)
    space = Space({"rate": Float(1e-5, 1.0), "decay": Float(1e-5, 1.0), **_floats(2).params})

    def run(p: Params) -> Told:
        off = np.log10([p["rate"], p["decay"]]) - best
        return Told((float((off**2).sum()) / 4.0 + 0.3 * f(_vector(p)),))

    return Regime(space, run, 40, (1.0,))


def corner(seed: int) -> Regime:
    side = np.random.default_rng(seed).integers(0, 2, 5)
    return _of(lambda x: float(np.abs(x - side).mean()), 5, 30)


def multimodal(seed: int) -> Regime:
    centre = np.random.default_rng(seed).uniform(0.2, 0.8, 4)

    def f(x: Floats) -> float:
        z = 8 * (x - centre)
        return float((z**2 - 5 * np.cos(2 * np.pi * z) + 5).sum()) / 60.0

    return _of(f, 4, 80)


def steps(seed: int) -> Regime:
    """Integers and ordinals of few values beside numbers."""
    rng, f = np.random.default_rng(seed), _bowl(2, seed)
    best = rng.integers(0, 6, 3)
    space = Space({"a": Int(0, 5), "b": Int(1, 32, log=True), "c": Ordinal(list("stuvwx")), **_floats(2).params})

    def run(p: Params) -> Told:
        place = np.array([p["a"], math.log2(p["b"]), "stuvwx".index(p["c"])])
        return Told((float(np.abs(place - best).sum()) / 12.0 + 0.5 * f(_vector(p)),))

    return Regime(space, run, 40, (1.0,))


def nested(seed: int) -> Regime:
    """Three models, one of them with a choice of its own; the best one begins badly."""
    rng = np.random.default_rng(seed)
    f = [_bowl(2, seed + i) for i in range(4)]
    space = Space(
        {
            "model": Categorical(["a", "b", "c"]),
            "xa0": Float(0, 1).when(model="a"),
            "xa1": Float(0, 1).when(model="a"),
            "xb0": Float(0, 1).when(model="b"),
            "xb1": Float(0, 1).when(model="b"),
            "kind": Categorical(["u", "v"]).when(model="c"),
            "xu0": Float(0, 1).when(kind="u"),
            "xu1": Float(0, 1).when(kind="u"),
            "xv0": Float(0, 1).when(kind="v"),
            "xv1": Float(0, 1).when(kind="v"),
        }
    )
    order = rng.permutation(4)
    low, steep = np.array([0.0, 0.15, 0.3, 0.4])[order], np.array([2.0, 0.4, 0.4, 0.4])[order]

    def run(p: Params) -> Told:
        which = {"a": 0, "b": 1, "u": 2, "v": 3}[p.get("kind", p["model"])]
        return Told((float(low[which] + steep[which] * f[which](_vector(p))),))

    return Regime(space, run, 60, (1.0,))


def batches(size: int) -> Callable[[int], Regime]:
    def make(seed: int) -> Regime:
        return _of(_bowl(5, seed), 5, max(64, 4 * size), batch=size)

    return make


def constraints(seed: int) -> Regime:
    """The optimum lies at the edge of what two constraints admit."""
    f = _bowl(4, seed)
    normal = np.random.default_rng(seed).uniform(0.2, 1.0, (2, 4))
    bound = normal.sum(axis=1) * 0.35

    def tell(x: Floats, y: float) -> Told:
        return Told((y,), constraints=tuple((normal @ x - bound).tolist()))

    return _of(f, 4, 50, tell)


def two_objectives(seed: int) -> Regime:
    """ZDT2 of six numbers, whose front is concave, about an optimum elsewhere than at the bounds."""
    best = np.random.default_rng(seed).uniform(0.2, 0.8, 5)

    def run(p: Params) -> Told:
        x = _vector(p)
        g = 1.0 + 9.0 * float(np.abs(x[1:] - best).mean())
        return Told((float(x[0]), g * (1.0 - (float(x[0]) / g) ** 2)))

    return Regime(_floats(6), run, 60, (1.1, 6.0), best=5.733)


def three_objectives(seed: int) -> Regime:
    """DTLZ2 of six numbers."""
    best = np.random.default_rng(seed).uniform(0.2, 0.8, 4)

    def run(p: Params) -> Told:
        x = _vector(p)
        g, (a, b) = 1.0 + float(((x[2:] - best) ** 2).sum()), x[:2] * math.pi / 2
        return Told((g * math.cos(a) * math.cos(b), g * math.cos(a) * math.sin(b), g * math.sin(a)))

    return Regime(_floats(6), run, 60, (1.3, 1.3, 1.3), best=1.3**3 - math.pi / 6)


def begun(good: bool) -> Callable[[int], Regime]:
    """Five points that are known: near the optimum, or as far from it as can be."""

    def make(seed: int) -> Regime:
        rng, f = np.random.default_rng(seed), _bowl(5, seed)
        points = rng.random((400, 5))
        order = np.argsort([f(x) for x in points])
        chosen = points[order[:5] if good else order[-5:]]
        begin = tuple({f"x{i}": float(v) for i, v in enumerate(x)} for x in chosen)
        return _of(f, 5, 30, begin=begin)

    return make


REGIMES: dict[str, Callable[[int], Regime]] = {
    "outliers": outliers,
    "outliers of all sizes": outliers_everywhere,
    "orders of magnitude": orders_of_magnitude,
    "crashes in a region": crashes,
    "crashes at random": crashes_at_random,
    "ties": ties,
    "noise": noise,
    "multimodal": multimodal,
    "corner": corner,
    "wrong scale": wrong_scale,
    "steps": steps,
    "nested": nested,
    "50 categories": categories,
    "permutation": permutation,
    "6 of 40 dimensions": dimensions(40),
    "6 of 100 dimensions": dimensions(100),
    "40 dimensions": all_dimensions,
    "batches of 8": batches(8),
    "batches of 64": batches(64),
    "constraints": constraints,
    "two objectives": two_objectives,
    "three objectives": three_objectives,
    "begun well": begun(good=True),
    "begun badly": begun(good=False),
}
