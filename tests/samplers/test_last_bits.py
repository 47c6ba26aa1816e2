"""The last bits of a float64 differ from one processor to the next: they lead to no other search."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Categorical, Float, Int, Space

SPACE = Space(
    lr=Float(1e-5, 1e-1, log=True),
    x=Float(-5, 10),
    n=Int(1, 64, log=True),
    c=Categorical(["a", "b"]),
    momentum=Float(0, 1).when(c="b"),
)
DISPATCHED = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # instruction sets beyond the least
OTHER_KERNELS = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": " ".join(DISPATCHED)}


def loss(params: dict[str, float]) -> float:
    value = (np.log10(params["lr"]) + 3) ** 2 + (params["x"] - 1) ** 2 / 10 + abs(params["n"] - 20) / 20
    return float(value + (params["momentum"] - 0.9) ** 2 if params["c"] == "b" else value + 0.1)


def proposals(sampler: str, bits: int = 0) -> list[dict[str, object]]:
    """The trials of a search whose values are off by so many last bits, up or down."""
    rng = np.random.default_rng(1)
    study = ts.create_study(space=SPACE, sampler=sampler, seed=0)
    for _ in range(30):
        trial = study.ask()
        study.tell(trial, loss(trial.params) * (1 + bits * float(rng.integers(-1, 2)) * 2.0**-52))
    return [t.params for t in study.trials]


@pytest.mark.parametrize("sampler", ["auto", "tpe", "evolution", "nsga2"])
def test_last_bits_of_results_lead_to_no_other_search(sampler: str) -> None:
    assert proposals(sampler, bits=4) == proposals(sampler)


def test_last_bits_of_several_results_lead_to_no_other_search() -> None:
    def objectives(bits: int) -> list[dict[str, object]]:
        rng = np.random.default_rng(1)
        study = ts.create_study(space=SPACE, sampler="nsga3", seed=0, directions=["minimize"] * 3)
        for _ in range(100):
            trial = study.ask()
            x, lr = trial.params["x"], np.log10(trial.params["lr"])
            first = loss(
                trial.params
            )  # a part of all: where two are equal but for the last bits, these decide who wins
            values = np.array([first, (x - 3) ** 2 + abs(lr + 2) + first / 9, (x + 2) ** 2 + abs(lr + 4) + first / 9])
            study.tell(trial, (values * (1 + bits * rng.integers(-1, 2, 3) * 2.0**-52)).tolist())
        return [t.params for t in study.trials]

    assert objectives(bits=4) == objectives(bits=0)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_other_kernels_lead_to_no_other_search(sampler: str) -> None:
    code = (
        f"import json; from tests.samplers.test_last_bits import proposals; print(json.dumps(proposals({sampler!r})))"
    )
    env = {**os.environ, **OTHER_KERNELS}
    found = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert json.loads(found.stdout) == proposals(sampler)
