from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.errors import SelectionError
from tunesmith.selection.choice import Rule, choose_by_rule


def coins(seed: int, n: int, rates: list[float]) -> np.ndarray:
    """Return 0/1 losses [n, C] of candidates with these error rates, one hard or easy draw a row."""
    return (np.random.default_rng(seed).random((n, 1)) < np.array(rates)).astype(float)


def noisy(seed: int, n: int, rates: list[float]) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, len(rates))) < np.array(rates)).astype(float)


def test_the_smallest_mean_wins_without_a_default():
    assert choose_by_rule(coins(0, 200, [0.3, 0.1, 0.2])).index == 1


def test_a_candidate_that_is_plainly_better_replaces_the_default():
    choice = choose_by_rule(noisy(0, 300, [0.4, 0.1, 0.4]), Rule(default=0))
    assert (choice.index, choice.kept_default, choice.challenger) == (1, False, 1)
    assert choice.gain == pytest.approx(0.3, abs=0.08)


def test_luck_does_not_replace_the_default():
    replaced = sum(
        choose_by_rule(noisy(seed, 80, [0.3] * 31), Rule(default=30), n_resamples=200).index != 30 for seed in range(40)
    )
    lucky = sum(int(noisy(seed, 80, [0.3] * 31).mean(axis=0).argmin() != 30) for seed in range(40))
    assert lucky >= 36
    assert replaced < lucky / 2


def test_the_default_can_be_given_up_on_request():
    losses = noisy(3, 80, [0.3] * 31)
    choice = choose_by_rule(losses, Rule(default=30, prefer_default=False))
    assert choice.index == losses.mean(axis=0).argmin()
    assert not choice.kept_default


def test_equals_of_the_default_do_not_replace_it():
    losses = np.repeat(coins(0, 50, [0.2]), 4, axis=1)
    choice = choose_by_rule(losses, Rule(default=2))
    assert (choice.index, choice.kept_default, choice.gain) == (2, True, 0.0)


def test_dropped_candidates_are_not_chosen_and_untested_units_do_not_count():
    losses = coins(0, 100, [0.5, 0.05, 0.2])
    losses[60:, 1] = np.nan  # dropped after three of five folds
    losses[:10] = np.nan  # never tested
    assert choose_by_rule(losses).index == 2
    assert choose_by_rule(losses, Rule(default=0)).index == 2


def test_weights_decide():
    losses = np.array([[0.0, 1.0]] * 10 + [[1.0, 0.0]] * 10)
    assert choose_by_rule(losses, weights=[1.0] * 10 + [3.0] * 10).index == 1
    assert choose_by_rule(losses, weights=[3.0] * 10 + [1.0] * 10).index == 0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_units_are_enough_to_run(n: int):
    losses = np.arange(2.0 * n).reshape(n, 2)
    assert choose_by_rule(losses).index == 0
    assert choose_by_rule(losses, Rule(default=1)).challenger == 0


def test_one_candidate_is_chosen_whatever_it_is():
    choice = choose_by_rule(np.ones((5, 1)), Rule(default=0))
    assert (choice.index, choice.kept_default) == (0, False)


@given(st.integers(0, 1000), st.permutations(range(6)))
@settings(max_examples=settings().max_examples // 3)
def test_the_order_of_candidates_does_not_matter(seed: int, order: list[int]):
    losses = np.random.default_rng(seed).normal(size=(40, 6))
    losses[:, 0] += 0.3
    before = choose_by_rule(losses, Rule(default=0), n_resamples=100)
    after = choose_by_rule(losses[:, order], Rule(default=order.index(0)), n_resamples=100)
    assert order[after.index] == before.index
    assert order[after.challenger] == before.challenger


@given(st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
@settings(max_examples=settings().max_examples // 3)
def test_the_unit_of_the_loss_does_not_matter(seed: int, scale: float, shift: float):
    losses = np.random.default_rng(seed).normal(size=(40, 5)) - 0.5 * (np.arange(5) == 3)
    rule = Rule(default=0, usual=0.0)  # a usual gain is a part of the default's loss, which a shift changes
    before = choose_by_rule(losses, rule, n_resamples=100)
    after = choose_by_rule(scale * (losses + shift), rule, n_resamples=100)
    assert (after.index, after.challenger) == (before.index, before.challenger)
    assert after.gain == pytest.approx(scale * before.gain, rel=1e-6)


def test_strata_and_seeds_are_taken():
    losses = noisy(1, 60, [0.3] * 10)
    labels = ["a"] * 20 + ["b"] * 40
    one, other = (choose_by_rule(losses, Rule(0), strata=labels, seed=5) for _ in range(2))
    assert (one.index, one.regret) == (other.index, other.regret)


@pytest.mark.parametrize(
    ("losses", "arguments", "message"),
    [
        (np.zeros(3), {}, r"shape \(3,\)"),
        (np.zeros((0, 3)), {}, "at least one"),
        (np.full((4, 2), np.nan), {}, "none to choose"),
        (np.zeros((4, 2)), {"rule": Rule(default=2)}, "default=2 is no column"),
        (np.array([[np.nan, 0.0], [0.0, 0.0]]), {"rule": Rule(default=0)}, "default has no finite loss"),
        (np.zeros((4, 2)), {"weights": [1.0, 2.0]}, "4 finite numbers"),
        (np.zeros((4, 2)), {"weights": [1.0, 2.0, -1.0, 0.0]}, "4 finite numbers"),
        (np.zeros((4, 2)), {"strata": [0, 1]}, "a label for each of 4"),
    ],
)
def test_bad_input_is_named(losses: np.ndarray, arguments: dict, message: str):
    with pytest.raises(SelectionError, match=message):
        choose_by_rule(losses, **arguments)


def test_what_few_units_show_has_to_be_more() -> None:
    """A gain of two standard errors counts where it is a usual one, and not where it would be a wonder."""
    rng = np.random.default_rng(0)
    for n, kept in ((10, True), (4000, False)):
        noise = rng.normal(size=n)
        noise = (noise - noise.mean()) / noise.std()
        losses = np.column_stack([np.ones(n), 1.0 - 2.0 / np.sqrt(n) + noise])
        assert choose_by_rule(losses, Rule(default=0)).kept_default is kept
        assert choose_by_rule(losses, Rule(default=0, usual=0.0)).kept_default is False


def test_the_simplest_within_one_standard_error_leads() -> None:
    losses = np.random.default_rng(0).normal(size=(100, 1)) + np.array([0.0, 0.03, 0.02, 3.0])
    assert choose_by_rule(losses, Rule(complexity=(3.0, 1.0, 2.0, 0.0))).index == 1
    assert choose_by_rule(losses, Rule(complexity=(1.0, 1.0, 1.0, 0.0))).index == 0
    with pytest.raises(SelectionError, match="one for each candidate"):
        choose_by_rule(losses, Rule(complexity=(1.0, 2.0)))


def test_what_is_simpler_than_the_default_has_to_be_as_good_and_no_better() -> None:
    losses = np.random.default_rng(0).normal(size=(100, 4)) * 0.3 + np.array([0.0, 0.0, 0.02, 3.0])
    simplest = np.array([4.0, 2.0, 1.0, 0.0])
    found = choose_by_rule(losses, Rule(default=0, complexity=tuple(simplest)))
    assert (found.index, found.kept_default) == (2, False)
    assert choose_by_rule(
        losses, Rule(default=0, complexity=tuple(-simplest))
    ).kept_default  # a more complex one has to be better
    assert choose_by_rule(losses, Rule(default=0)).kept_default
