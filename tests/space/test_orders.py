"""Permutations and subsets: ranks, rows, moves, kernels, priors, growth of spaces, errors, text."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith import Float, Permutation, Space, SpaceError, Subset, create_study, minimize
from tunesmith.space import Combinatorial, merge
from tunesmith.space.feature_map import FeatureMap
from tunesmith.space.parse import parse_parameter
from tunesmith.testing.histories import arrangements

SMALL = [Permutation(["a"]), Permutation(["a", "b", "c", "d"]), Subset(list("abcde"), 1, 3), Subset(list("abc"), 2, 2)]
LARGE = [Permutation(range(17)), Subset(range(49)), Subset(range(100), 0, 6), Subset(range(100), 96)]


def every(param: Combinatorial) -> np.ndarray:
    return param.rows(np.arange(int(param.n_values)))


def test_ranks_of_permutations_are_in_the_usual_order():
    assert [tuple(row) for row in every(Permutation(range(4))).tolist()] == list(itertools.permutations(range(4)))


def test_subsets_are_all_there_once_with_the_sizes_allowed():
    found = {Subset(list("abcde"), 1, 3).to_external(float(x)) for x in range(25)}
    assert found == {c for size in (1, 2, 3) for c in itertools.combinations("abcde", size)}


@pytest.mark.parametrize("param", LARGE, ids=repr)
def test_ranks_are_exact_however_many_there_are(param):
    ranks = np.random.default_rng(0).integers(int(param.n_values), size=500)
    ranks[:2] = 0, int(param.n_values) - 1
    assert (param.ranks(param.rows(ranks)) == ranks).all()
    assert (param.from_unit(param.to_unit(ranks.astype(float))) == ranks).all()
    assert (param.rows_at(param.to_unit(ranks.astype(float))) == param.rows(ranks)).all()


@given(param=arrangements(), seed=st.integers(0, 2**32 - 1))
def test_values_have_two_forms(param, seed):
    x = float(np.random.default_rng(seed).integers(int(param.n_values)))
    assert param.to_internal(param.to_external(x)) == x
    assert param.to_internal(list(param.to_label(x))) == x
    again = Space.from_json(Space(p=param).to_json())
    assert again == Space(p=param)
    assert again["p"].prior == param.prior


@given(param=arrangements(), seed=st.integers(0, 2**32 - 1))
def test_moves_and_crossings_stay_among_the_arrangements(param, seed):
    rng = np.random.default_rng(seed)
    rows = param.rows(rng.integers(int(param.n_values), size=6))
    moved = param.moved(rows, rng)
    crossed = np.array([param.crossed(a, b, rng) for a, b in itertools.pairwise(rows)])
    for found in (moved, crossed, param.neighbours(rows[0])):
        if len(found):
            assert (param.rows(param.ranks(found)) == found).all()
    if param.n_values > 1:
        assert (moved != rows).any(axis=1).all()
        assert moved[0].tolist() in param.neighbours(rows[0]).tolist()


def test_a_crossing_keeps_what_both_have():
    rng, param = np.random.default_rng(0), Subset(range(8), 2, 4)
    a, b = np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 0, 0, 1, 0, 0, 0])
    for _ in range(50):
        child = param.crossed(a, b, rng)
        assert child[:2].all()
        assert not child[5:].any()
        assert 2 <= child.sum() <= 4


@pytest.mark.parametrize("param", SMALL, ids=repr)
@pytest.mark.parametrize("rate", [0.0, 0.4, 2.0])
def test_masses_and_draws_are_those_of_the_distance(param, rate):
    rows = every(param)
    centre = rows[-1:]
    weight = np.exp(-rate * param.distances(rows, centre)[:, 0])
    assert param.log_masses(centre, rate)[0] == pytest.approx(math.log(weight.mean()))
    drawn = param.drawn(np.repeat(centre, 4000, axis=0), rate, np.random.default_rng(1))
    share = np.bincount(param.ranks(drawn), minlength=len(rows)) / 4000
    assert np.abs(share - weight / weight.sum()).max() < 0.04


def test_features_tell_rows_apart_and_lead_back():
    for param in SMALL:
        z = np.concatenate(param.features(every(param)), axis=1)
        assert (param.rows_of(z) == every(param)).all()


def test_a_tour_has_the_same_neighbours_from_each_start_and_both_ways():
    param = Permutation(range(6))
    row = np.array([2, 0, 5, 1, 4, 3])
    beside = [param.features(r[None])[-1] for r in (row, np.roll(row, 2), row[::-1])]
    assert (beside[0] == beside[1]).all()
    assert (beside[0] == beside[2]).all()


def test_inactive_ones_have_features_of_their_own():
    space = Space(kind=["a", "b"], order=Permutation([1, 2, 3]).when(kind="a"), some=Subset([1, 2]).when(kind="b"))
    z = FeatureMap(space)(space.to_unit(space.encode([{"kind": "a", "order": (2, 1, 3)}, {"kind": "b", "some": ()}])))
    assert np.isfinite(z).all()
    assert not np.array_equal(z[0], z[1])


def test_a_prior_is_drawn_most_often_and_tried_first():
    prior = ("c", "a", "d", "b")
    param = Permutation(["a", "b", "c", "d"], prior=prior)
    density = param.unit_prior()
    u = (np.arange(24) + 0.5) / 24
    p = np.exp(density.log_density(u))
    assert p.mean() == pytest.approx(1.0)
    assert param.to_external(float(np.argmax(p))) == prior
    drawn = param.from_unit(density.draw(np.random.default_rng(0).random(4000))).astype(int)
    assert np.abs(np.bincount(drawn, minlength=24) / 4000 - p / 24).max() < 0.03
    study = minimize(lambda o: o.index("a"), {"o": param}, n_trials=3, seed=0)
    assert study.trials[0].params["o"] == prior


def test_the_given_order_is_tried_first_by_a_model():
    study = minimize(lambda o, x: x, {"o": Permutation(["p", "q", "r"]), "x": Float(0, 1)}, n_trials=1, seed=3)
    assert study.trials[0].params["o"] == ("p", "q", "r")


def test_growing_spaces_keep_arrangements_of_the_same_items():
    declared = Space(o=Permutation(["a", "b"], prior=["b", "a"]))
    assert merge(declared, {"o": Permutation(["a", "b"])}) is declared
    assert merge(declared, {"o": Permutation(["a", "c"])})["o"] == Permutation(["a", "c"])


def test_other_items_are_another_parameter():
    study = create_study(seed=0)
    for items in (["a", "b", "c"], ["c", "b", "d"]):
        for _ in range(4):
            trial = study.ask()
            study.tell(trial, float(trial.suggest_permutation("o", items).index("b")))
    assert {frozenset(t.params["o"]) for t in study.trials} == {frozenset("abc"), frozenset("bcd")}
    assert [set(t.distributions["o"].items) for t in study.trials[:1]] == [{"a", "b", "c"}]


def test_named_objects_are_items():
    param = Permutation({"low": min, "high": max})
    assert param.to_external(1.0) == (max, min)
    assert param.to_label(1.0) == ("high", "low")
    again = Space.from_json(Space(o=param).to_json(), objects={"o": {"low": min, "high": max}})
    assert again["o"].to_external(1.0) == (max, min)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Permutation([]), "items are empty"),
        (lambda: Permutation("abc"), "must be a list"),
        (lambda: Permutation(3), "must be a list"),
        (lambda: Permutation({1, 2}), "a set has no order"),
        (lambda: Permutation(["a", "a"]), "more than once"),
        (lambda: Permutation(range(18)), "at most 17 items"),
        (lambda: Permutation([Float(0, 1), 2]), "holds parameters"),
        (lambda: Permutation([1, 2], prior=[1, 1]), "stands there twice"),
        (lambda: Permutation([1, 2, 3], prior=[1, 2]), "lacks 3"),
        (lambda: Permutation([1, 2]).with_prior([2, 1], 0.5), "no prior_width"),
        (lambda: Subset(range(60)), "too many"),
        (lambda: Subset([1, 2], 3), "0 <= min <= max <= 2"),
        (lambda: Subset([1, 2], 1.5), "whole numbers"),
        (lambda: Subset([1, 2, 3], 1, 2, prior=[]), "has 0 items"),
        (lambda: Space(o=Permutation([1, 2])).validate({"o": "12"}), "is no list of items"),
        (lambda: Space(o=Permutation([1, 2])).validate({"o": (1, 3)}), "3 is not among the items"),
        (lambda: Space(o=Permutation([1, 2])).validate({"o": None}), "is no list of items"),
    ],
)
def test_errors_say_what_is_wrong(make, says):
    with pytest.raises(SpaceError, match=says.replace("(", r"\(")):
        make()


def test_text_describes_them():
    assert parse_parameter("permutation(a, b, 3)") == Permutation(["a", "b", 3])
    assert parse_parameter("permutation(a, b, prior=(b, a)) if x == 1").prior == ("b", "a")
    assert parse_parameter("subset(a, b, c, min=1, max=2)") == Subset(["a", "b", "c"], 1, 2)
    for wrong in ("permutation()", "subset(a, b, least=1)", "permutation(a, a)", "permutations(a, b)", "subset(a"):
        with pytest.raises(SpaceError, match="column"):
            parse_parameter(wrong)


@pytest.mark.parametrize(
    ("sampler", "trials"), [("gp", 40), ("tpe", 60), ("evolution", 100), ("nsga2", 200), ("cmaes", 400)]
)
def test_samplers_learn_an_order(sampler, trials):
    def far(order, some):
        return sum(abs(i - j) for i, j in enumerate(order)) + len({*some} ^ {1, 4})

    space = {"order": Permutation(range(7)), "some": Subset(range(6), 1, 4)}
    best = {
        name: [minimize(far, space, sampler=name, n_trials=trials, seed=seed).best_value for seed in range(4)]
        for name in (sampler, "random")
    }
    assert np.mean(best[sampler]) < np.mean(best["random"])
