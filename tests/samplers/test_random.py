"""Random search is uniform in the unit cube: in each kind of parameter, in pairs, and down every branch.

Seeds are fixed, so nothing here depends on luck. Each test rejects a correct sampler for one seed in 1000.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import tunesmith as ts
from tunesmith.history import History
from tunesmith.samplers import RandomSampler
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space

N = 4000
ALPHA = 0.001


def draw(space: Space, n: int = N, seed: int = 7) -> NDArray[np.float64]:
    """One point a trial, each from the generator of its own trial, as a study draws them."""
    sampler, history = RandomSampler(), History(space)
    return np.vstack([sampler.ask(history, space, np.random.default_rng([seed, k]), 1)[0] for k in range(n)])


def assert_frequencies(found: NDArray[np.float64], expected: dict[float, float]) -> None:
    counts = Counter(found.tolist())
    assert set(counts) <= set(expected)
    observed = [counts[v] for v in expected]
    assert stats.chisquare(observed, np.array(list(expected.values())) * len(found)).pvalue > ALPHA


@pytest.mark.parametrize(
    ("parameter", "distribution"),
    [
        (Float(-3, 5), stats.uniform(-3, 8)),
        (Float(1e-5, 1e-1, log=True), stats.loguniform(1e-5, 1e-1)),
        (Float(1, 1.5, log=True), stats.loguniform(1, 1.5)),
    ],
    ids=["linear", "log", "narrow-log"],
)
def test_continuous(parameter: Parameter, distribution: object) -> None:
    x = draw(Space(p=parameter))[:, 0]
    assert stats.kstest(x, distribution.cdf).pvalue > ALPHA  # type: ignore[attr-defined]  # scipy has no stubs


@pytest.mark.parametrize(
    "parameter",
    [
        Float(0, 1, step=0.1),
        Int(1, 6),
        Int(-10, 20, step=5),
        Categorical(["a", None, 3, True]),
        Ordinal(["small", "medium", "large"]),
    ],
    ids=repr,
)
def test_lattices_and_choices(parameter: Parameter) -> None:
    n = int(parameter.n_values)
    values = parameter.from_unit((np.arange(n) + 0.5) / n)
    assert_frequencies(draw(Space(p=parameter))[:, 0], dict.fromkeys(values.tolist(), 1 / n))


def test_integers_on_the_log_scale() -> None:
    # The share of k is the length of [k - 1/2, k + 1/2] in the logarithm.
    edges = np.log(np.arange(0.5, 17))
    shares = np.diff(edges) / (edges[-1] - edges[0])
    assert_frequencies(draw(Space(k=Int(1, 16, log=True)))[:, 0], dict(zip(range(1, 17), shares.tolist(), strict=True)))


def test_pairs_are_independent() -> None:
    x = draw(Space(x=Float(0, 1), k=Int(1, 4), c=Categorical(["a", "b", "c"])))
    cells = np.column_stack([np.floor(4 * x[:, 0]), x[:, 1], x[:, 2]])
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        table = stats.contingency.crosstab(cells[:, i], cells[:, j]).count
        assert stats.chi2_contingency(table).pvalue > ALPHA


def test_trials_are_independent_of_one_another() -> None:
    x = draw(Space(x=Float(0, 1)))[:, 0]
    for lag in (1, 2, 10):
        assert stats.pearsonr(x[:-lag], x[lag:]).pvalue > ALPHA


def test_shares_of_conditional_branches() -> None:
    space = Space(
        model=["svm", "tree", "net"],
        kernel=Categorical(["linear", "rbf"]).when(model="svm"),
        gamma=Float(0, 1).when(kernel="rbf"),
        depth=Int(1, 8).when(model=["tree", "net"]),
    )
    x = draw(space)
    on = ~np.isnan(x)
    assert_frequencies(x[:, 0], dict.fromkeys((0.0, 1.0, 2.0), 1 / 3))
    np.testing.assert_array_equal(on[:, 1], x[:, 0] == 0)
    np.testing.assert_array_equal(on[:, 2], x[:, 1] == 1)
    np.testing.assert_array_equal(on[:, 3], x[:, 0] > 0)
    assert_frequencies(on[:, 2].astype(float), {1.0: 1 / 6, 0.0: 5 / 6})
    assert stats.kstest(x[on[:, 2], 2], stats.uniform.cdf).pvalue > ALPHA
    assert_frequencies(x[on[:, 3], 3], dict.fromkeys(np.arange(1.0, 9), 1 / 8))


def test_uniform_among_the_feasible_points() -> None:
    space = Space(low=Int(0, 4), high=Int(0, 4), constraints=lambda low, high: low < high)
    x = draw(space)
    assert_frequencies(x[:, 0] * 10 + x[:, 1], {10.0 * a + b: 0.1 for a in range(5) for b in range(a + 1, 5)})


def test_a_batch_is_uniform_too() -> None:
    x, states = RandomSampler().ask(History(), Space(x=Float(0, 1)), np.random.default_rng(0), N)
    assert stats.kstest(x[:, 0], stats.uniform.cdf).pvalue > ALPHA
    assert not states.any()


def test_define_by_run_is_uniform_from_the_first_trial_on() -> None:
    """Trial 0 of a study draws each name by itself, later ones together: both from the whole range."""

    def objective(trial: ts.Trial) -> float:
        return trial.suggest_float("x", 1e-3, 1e3, log=True) + trial.suggest_int("k", 1, 4)

    first, second = [], []
    for seed in range(600):
        study = ts.create_study(sampler="random", seed=seed)
        study.optimize(objective, n_trials=2)
        first.append(study.trials[0].params)
        second.append(study.trials[1].params)
    for found in (first, second):
        assert stats.kstest([p["x"] for p in found], stats.loguniform(1e-3, 1e3).cdf).pvalue > ALPHA
        assert_frequencies(np.array([p["k"] for p in found], float), dict.fromkeys((1.0, 2.0, 3.0, 4.0), 0.25))
