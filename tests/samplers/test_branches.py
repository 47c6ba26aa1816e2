"""TPE in conditional spaces: no branch is given up for a lucky start of another, and none is searched in vain."""

from __future__ import annotations

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.samplers import TPESampler
from tunesmith.samplers.tpe.branches import Branches
from tunesmith.space import Categorical, Float, Int, Space

NAN = float("nan")
TREE = Space(
    model=Categorical(["a", "b"]),
    x=Float(0, 1).when(model="a"),
    kind=Categorical(["p", "q"]).when(model="b"),
    y=Float(0, 1).when(kind="p"),
    z=Categorical([1, 2]).when(kind="q"),
)
A, B_P, B_Q = [0, 0.5, NAN, NAN, NAN], [1, NAN, 0, 0.5, NAN], [1, NAN, 1, NAN, 0]
NONE = np.empty((0, 5))


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def branches(*rows: list[float]) -> tuple[Branches, np.ndarray, np.ndarray]:
    """Branches, the trials, and the ranking: trials are given the best first."""
    made, x = Branches(TREE), np.array(rows, float)
    made.add(x[:2])
    made.add(x[2:])
    return made, x, np.arange(len(x))


def test_gates_are_the_categories_that_others_depend_on() -> None:
    assert Branches(TREE).gates == [0, 2]
    assert Branches(Space(x=Float(0, 1), c=Categorical([1, 2]))).gates == []
    assert Branches(Space(n=Int(1, 3), x=Float(0, 1).when(n=[2, 3]))).gates == []
    below = Space(n=Int(1, 2), c=Categorical([1, 2]).when(n=2), x=Float(0, 1).when(c=1))
    assert Branches(below).gates == []  # a category below a number is left to the mixtures


def test_the_better_branch_is_chosen_until_it_has_many_trials() -> None:
    made, x, ranking = branches(A, B_P, B_Q, A)
    branch = made.choose(x, ranking, NONE, rng())
    assert branch is not None
    assert branch.category == {0: 0}
    assert branch.inside.tolist() == [True, False, False, True]
    assert made.unit_of(branch) == {0: 0.25}
    made, x, ranking = branches(*[A] * 20, B_P, B_Q)
    branch = made.choose(x, ranking, NONE, rng())
    assert branch is not None
    assert branch.category[0] == 1


def test_running_trials_count() -> None:
    made, x, ranking = branches(A, B_P, B_Q, A)
    branch = made.choose(x, ranking, np.array([A] * 20), rng())
    assert branch is not None
    assert branch.category[0] == 1


def test_a_branch_whose_points_were_all_tried_is_not_chosen() -> None:
    rows = [[1, NAN, 1, NAN, 0], [1, NAN, 1, NAN, 1], *[A] * 9]
    for seed in range(5):
        made, x, ranking = branches(*rows)
        branch = made.choose(x, ranking, NONE, rng(seed))
        assert branch is not None
        assert branch.category == {0: 1, 2: 0}


def test_of_an_exhausted_space_some_branch_is_chosen() -> None:
    space = Space(a=Categorical([1, 2]), b=Categorical([1, 2]).when(a=1))
    made, x = Branches(space), np.array([[0, 0], [0, 1], [1, NAN]])
    made.add(x)
    branch = made.choose(x, np.arange(3), np.empty((0, 2)), rng())
    assert branch is not None
    assert branch.category in ({0: 0}, {0: 1})


def test_a_branch_with_a_bad_start_is_found_nevertheless() -> None:
    """Few points of the second branch are better than all of the first, and none of them is among the first trials."""
    space = Space(case=Categorical([1, 2]), c1=Float(1.0, 9.0).when(case=1), c2=Float(-10.0, 10.0).when(case=2))
    best = []
    for seed in range(6):
        study = ts.minimize(
            lambda case, c1=0.0, c2=0.0: c1 if case == 1 else c2**2,
            space,
            sampler=TPESampler(),
            n_trials=100,
            seed=seed,
        )
        best.append(study.best_value)
    assert sum(value < 0.1 for value in best) >= 5, best


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_a_finite_space_is_tried_again_when_nothing_else_is_left(seed: int) -> None:
    study = ts.create_study(sampler=TPESampler(), seed=seed)
    study.optimize(lambda c: float(c != 3), n_trials=60, space=Space(c=Categorical([0, 1, 2, 3])))
    assert sum(trial.params["c"] == 3 for trial in study.trials) > 30
