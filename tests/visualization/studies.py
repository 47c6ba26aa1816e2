"""Small studies with known answers, and large ones, for the tests of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import tunesmith
from tunesmith import Categorical, Float, Int, Space, Study, TrialState
from tunesmith.scaling import ScalingLaw
from tunesmith.selection import Estimate, HonestScore, Report
from tunesmith.trial.record import TrialRecord

SPACE = Space(
    {
        "model": ["svm", "forest"],
        "C": Float(1e-2, 1e2, log=True).when(model="svm"),
        "depth": Int(1, 9).when(model="forest"),
        "scale": Categorical([True, False, None]),
    }
)
VALUES = [5.0, 3.0, 4.0, 2.0, 6.0, 2.5]
POINTS = [
    {"model": "svm", "C": 0.01, "scale": True},
    {"model": "forest", "depth": 3, "scale": None},
    {"model": "svm", "C": 1.0, "scale": False},
    {"model": "forest", "depth": 9, "scale": True},
    {"model": "svm", "C": 100.0, "scale": True},
    {"model": "svm", "C": 10.0, "scale": True},
]

if TYPE_CHECKING:
    from tunesmith.tables import TableTuner


def record(
    point: dict[str, object] | None,
    value: float | Sequence[float] | None,
    state: TrialState = TrialState.COMPLETE,
    *,
    space: Space | None = SPACE,
    started: float = math.nan,
    seconds: float = 1.0,
    **more: object,
) -> TrialRecord:
    x = None if point is None or space is None else space.encode([point])[0].tolist()
    values = None if value is None else tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)
    return TrialRecord(
        -1,
        state,
        space=space,
        x=x,
        values=values,
        started=started,
        finished=started + seconds,
        **more,  # type: ignore[arg-type]
    )


def conditional(direction: str = "minimize", name: str = "small") -> Study:
    """Six complete trials, then one that was pruned after two reports and one that failed."""
    study = tunesmith.create_study(space=SPACE, direction=direction, study_name=name, seed=0)
    sign = 1.0 if direction == "minimize" else -1.0
    records = [
        record(
            p, sign * v, reports={1: sign * (v + 1), 2: sign * v}, user={"seconds": 10.0 * i, "host": f"node{i % 2}"}
        )
        for i, (p, v) in enumerate(zip(POINTS, VALUES, strict=True))
    ]
    records.append(record(POINTS[0], sign * 8.0, TrialState.PRUNED, reports={1: sign * 9.0, 3: sign * 8.0}))
    records.append(record(POINTS[1], None, TrialState.FAIL))
    study.add_trials(records)
    return study


def logging(n: int = 3) -> Study:
    """Trials that log two metrics each, one of which has NaN and a name like markup."""
    study = tunesmith.create_study(study_name="logged", seed=0, sampler="random")

    def objective(trial: tunesmith.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(4):
            trial.log({"<b>loss</b>": np.nan if step == 1 else x / (step + 1), "rate": x * step}, step)
        return x

    study.optimize(objective, n_trials=n)
    return study


def many(n: int = 20_000, d: int = 3, m: int = 1, seed: int = 0) -> Study:
    """n complete trials of a smooth function with noise; every parameter logarithmic in turn."""
    space = Space({f"x{j}": Float(1e-3, 1.0, log=True) if j % 2 else Float(0.0, 1.0) for j in range(d)})
    study = tunesmith.create_study(space=space, directions=["minimize"] * m, seed=0)
    rng = np.random.default_rng(seed)
    u = rng.random((n, d))
    x = space.from_unit(u)
    y = np.column_stack([((u - 0.3 - 0.4 * k) ** 2).sum(axis=1) + 0.02 * rng.standard_normal(n) for k in range(m)])
    study.add_trials(
        [
            TrialRecord(
                -1, TrialState.COMPLETE, space=space, x=x[i].tolist(), values=tuple(y[i].tolist()), started=1e9 + i,
                finished=1e9 + i + 0.5,
            )
            for i in range(n)
        ]
    )  # fmt: skip
    return study


def ran(n: int = 8) -> Study:
    """Trials that ran here, so that it is known when each began and ended."""
    study = tunesmith.create_study(sampler="random", seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=n)
    return study


def trade_off() -> Study:
    """A cost that is minimised and a gain that is maximised; the fourth trial is infeasible."""
    study = tunesmith.create_study(directions=["minimize", "maximize"], study_name="trade-off", seed=0)
    values = [(1, 1), (2, 3), (3, 2), (0.5, 9), (4, 4)]
    study.add_trials(
        [record(None, list(v), space=None, constraints={"size": 1.0} if v[1] == 9 else None) for v in values]
    )
    return study


@cache
def scaling_law(name: str = "lr", transfer: str | None = None) -> ScalingLaw:
    """A law of 180 runs at nine scales: lr = 0.3 · params^-0.5, batch = 0.01 · tokens^0.4; three runs failed."""
    rng = np.random.default_rng(0)
    rows = []
    for params in (1e6, 4e6, 16e6):
        for tokens in (1e8, 5e8, 25e8):
            for _ in range(20):
                lr, batch = (
                    0.3 * params**-0.5 * np.exp(rng.uniform(-2, 2)),
                    0.01 * tokens**0.4 * np.exp(rng.uniform(-2, 2)),
                )
                off = np.log(lr / 0.3 * params**0.5) ** 2 + 0.5 * np.log(batch / 0.01 / tokens**0.4) ** 2
                loss = 1.5 + 40 * params**-0.3 + 90 * tokens**-0.3 + 0.02 * off + 0.001 * rng.standard_normal()
                rows.append({"params": params, "tokens": tokens, name: lr, "batch": batch, "loss": loss})
    for first in range(0, 60, 20):  # the fastest ones diverged
        max(rows[first : first + 20], key=lambda row: row[name])["loss"] = math.nan
    return ScalingLaw(["params", "tokens"], [name, "batch"], transfer=transfer).fit(rows)


def report(sign: float = 1.0, metric: str = "accuracy") -> Report:
    """The report of a search whose score of 0.9 is too good by 0.05."""
    ends = sorted([sign * 0.8, sign * 0.9])
    score = HonestScore(
        sign * 0.85, (ends[0], ends[1]), sign * 0.9, 0.05, "a method", Estimate(0.05, (0.01, 0.09)), True, 0.01,
        metric=metric,
    )  # fmt: skip
    return Report(score, {"C": 1.0}, {"C": 2.0}, sign * 0.8, n_candidates=4)


class FakeSearch:
    """What figures read of a fitted search: four candidates on three folds, two of them given up."""

    best_index_ = 2
    report_ = report()

    def __init__(self) -> None:
        nan = float("nan")
        self.cv_results_ = {
            "params": [{"C": k} for k in range(4)],
            "split0_test_score": [0.8, 0.5, 0.9, nan],
            "split1_test_score": [0.8, nan, 0.9, 0.6],
            "split2_test_score": [0.8, nan, 0.9, 0.7],
            "n_splits_run": [3, 1, 3, 2],
        }


@cache
def tuned(classes: bool = True) -> TableTuner:
    """What `tunesmith.tune` returns for a small table with a column of categories, whose name is markup."""
    import pandas as pd

    from tunesmith import tune

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"<b>size</b> $x_1": rng.normal(size=240), "kind": rng.choice(["svm", "forest"], 240)})
    y = 3.0 * rows.iloc[:, 0] + (rows["kind"] == "svm") + rng.normal(0, 0.3, 240)
    target = np.where(y > 0.5, "small", "lambda") if classes else y.to_numpy()
    return tune(["linear", "tree"], rows, target, n_trials=4, timeout=None, random_state=0, verbose=False)
