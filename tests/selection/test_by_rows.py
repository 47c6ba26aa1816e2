from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from tunesmith.errors import SelectionError
from tunesmith.selection import LossTable, Rule, select_by_rows
from tunesmith.selection.by_rows import full_fit_gain, repeat_may_decide
from tunesmith.selection.intervals import EffectiveSample


def searches(n_searches: int, n: int, rates: list[float]) -> list[np.ndarray]:
    """Return losses of independent searches; rows differ in how hard they are, so candidates are correlated."""
    out = []
    for seed in range(n_searches):
        rng = np.random.default_rng(seed)
        rate = np.clip(np.array(rates) + rng.normal(0, 0.15, (n, 1)), 0, 1)
        out.append((rng.random((n, len(rates))) < rate).astype(float))
    return out


def test_one_candidate_has_no_optimism():
    h = select_by_rows((np.arange(50) % 5 == 0).astype(float)[:, None], bounds=(0, 1))
    assert h.optimism == 0.0
    assert h.value == pytest.approx(0.2)
    assert h.interval[0] < 0.2 < h.interval[1]
    assert (h.gain, h.p_value) == (None, None)


def test_a_candidate_that_always_wins_has_no_optimism():
    losses = np.column_stack([np.arange(60) % 4 == 0, np.ones(60)]).astype(float)
    h = select_by_rows(losses)
    assert h.optimism == 0.0


def test_the_best_of_equals_is_corrected_for_being_the_best():
    truth = 0.3
    naive, corrected, held = [], [], 0
    for losses in searches(60, 100, [truth] * 20):
        h = select_by_rows(losses, bounds=(0, 1), n_resamples=200)
        naive.append(h.naive)
        corrected.append(h.value)
        held += h.interval[0] <= truth <= h.interval[1]
    # The mixture leaves about a third of the optimism where all candidates are equal, the worst case for it.
    assert np.mean(naive) < truth - 0.05
    assert abs(np.mean(corrected) - truth) < 0.45 * abs(np.mean(naive) - truth)
    assert held >= 55  # of 60


def test_the_naive_score_is_left_alone_where_the_choice_is_clear():
    for losses in searches(5, 300, [0.1] + [0.5] * 10):
        h = select_by_rows(losses, bounds=(0, 1))
        assert h.optimism < 0.002
        assert h.value == pytest.approx(0.1, abs=0.08)


def climbed(seed: int, n: int = 80) -> np.ndarray:
    """Losses of a search on labels that nothing predicts; it goes where they are small, the first one is the default.

    A configuration is a point of the plane, and what it predicts of a row changes with it smoothly.
    """
    rng = np.random.default_rng(seed)
    frequency, phase, row = rng.normal(size=(2, 40)) * 4.0, rng.uniform(0.0, 6.3, 40), rng.normal(size=(40, n))
    points = list(rng.random((12, 2)))
    losses = [(np.cos(point @ frequency + phase) @ row > 0.0).astype(float) for point in points]
    while len(points) < 50:
        best = points[int(np.argmin([own.mean() for own in losses]))]
        points.append(best + 0.1 * rng.normal(size=2))
        losses.append((np.cos(points[-1] @ frequency + phase) @ row > 0.0).astype(float))
    return np.stack(losses, axis=1)


def test_a_search_that_adapted_to_noise_is_told_to_be_no_better_than_chance():
    rule, tables = Rule(default=0), [climbed(seed) for seed in range(100)]
    found = [select_by_rows(t, rule, no_skill=0.5, n_resamples=200, seed=seed) for seed, t in enumerate(tables)]
    too_good = np.mean([t[:, 0].mean() - one.value for one, t in zip(found, tables, strict=True)])
    assert too_good < 0.01  # the best mean is 0.12 too good, BBC-CV alone 0.014
    assert np.mean([one.interval[0] <= 0.5 <= one.interval[1] for one in found]) > 0.9


def test_a_default_that_fits_noise_gives_way_to_one_that_predicts_the_frequent_class():
    """Nothing can be predicted: the default predicts a class as often as it occurs, the others nearly one alone."""
    returned = dict.fromkeys((0.25, 0.375), 0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rare, predicted = rng.random((150, 1)) < 0.25, rng.random((150, 4)) < [0.25, 0.02, 0.03, 0.04]
        for at_random in returned:
            losses = (rare != predicted).astype(float)
            found = select_by_rows(losses, Rule(default=0), no_skill=0.25, at_random=at_random, bounds=(0.0, 1.0))
            returned[at_random] += found.index != 0
    assert returned[0.25] < 20 < 30 < returned[0.375], returned


def test_without_a_default_a_winner_is_never_better_than_it_looked():
    for losses in searches(60, 40, [0.3, 0.3, 0.35]):
        for rule in (Rule(), Rule(complexity=(2.0, 1.0, 0.0))):  # the simplest one may do better elsewhere
            found = select_by_rows(losses, rule, n_resamples=50)
            assert found.value >= found.naive


def test_the_score_is_that_of_the_default_and_the_gain_told():
    losses = np.stack([np.tile([1.0, 0.0], 100), np.tile([1.0, 0.0, 0.0, 0.0], 50)], axis=1)
    found = select_by_rows(losses, Rule(default=0), no_skill=0.9, bounds=(0.0, 1.0))
    assert found.gain is not None
    assert 0.15 < found.gain.value < 0.25
    assert found.value == pytest.approx(0.5 - found.gain.value, abs=0.01)  # both vary alike
    kept = select_by_rows(losses[:, ::-1], Rule(default=0), no_skill=0.9, bounds=(0.0, 1.0))
    assert kept.naive == pytest.approx(0.25)
    assert 0.25 < kept.value < 0.26  # it looks good beside the other one, so it was lucky


def wild(seed: int, n: int = 80) -> np.ndarray:
    """Losses without an upper bound: of a default that is very wrong on some rows, and of five that are not."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0.0, 1.0, (n, 1)) ** 2 * rng.uniform(0.9, 1.1, (n, 5))
    return np.hstack([own[:, :1] * rng.pareto(1.1, (n, 1)) ** 2 + 0.5, own])


UNBOUNDED = (0.0, math.inf)


def test_a_wild_default_is_no_shield_and_says_nothing_of_the_winner_s_level():
    """Its luck is not the winner's: the level is that of the winner's own rows."""
    found = [select_by_rows(wild(s), Rule(default=0), bounds=UNBOUNDED, n_resamples=200, seed=s) for s in range(60)]
    assert np.mean([f.kept_default for f in found]) < 0.1
    won = [f for f in found if not f.kept_default]
    assert np.mean([f.value for f in won]) == pytest.approx(1.0, abs=0.08)
    assert np.mean([f.interval[0] <= 1.0 <= f.interval[1] for f in won]) > 0.88
    assert all(f.gain is not None and f.gain.interval[0] < f.gain.value < f.gain.interval[1] for f in won)


def test_the_unit_of_a_loss_without_bound_makes_no_difference():
    one, other = (select_by_rows(k * wild(3), Rule(default=0), bounds=UNBOUNDED, no_skill=k * 2.0) for k in (1.0, 1e9))
    assert one.index == other.index
    assert other.value == pytest.approx(1e9 * one.value, rel=1e-4)
    assert other.interval == pytest.approx(tuple(1e9 * end for end in one.interval), rel=1e-4)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-3)


def test_a_default_without_skill_is_not_kept_against_a_candidate_that_has_some():
    rng = np.random.default_rng(0)
    losses = rng.uniform(0.3, 0.7, (100, 2))
    losses[0, 0] = 60.0  # so noisy that no gain over it is credible
    assert select_by_rows(losses, Rule(default=0, caution=3.0), bounds=UNBOUNDED).kept_default
    found = select_by_rows(losses, Rule(default=0, caution=3.0), bounds=UNBOUNDED, no_skill=0.7)
    assert found.index == 1
    useless = select_by_rows(losses, Rule(default=0, caution=3.0), bounds=UNBOUNDED, no_skill=0.4)
    assert useless.kept_default  # neither has any


def test_few_rows_that_make_up_a_loss_make_a_long_interval():
    """Of log-normal losses, whose mean is known roughly, 0.95 intervals hold the truth about as often."""
    truth, held, widths = math.exp(1.5**2 / 2), 0, []
    for seed in range(200):
        losses = np.random.default_rng(seed).lognormal(0.0, 1.5, (100, 1))
        low, high = select_by_rows(losses, bounds=UNBOUNDED).interval
        held += low <= truth <= high
        widths.append(high / low)
    assert held >= 180
    assert np.median(widths) < 4.0


def test_what_was_not_seen_makes_the_worse_end_worse():
    losses = np.random.default_rng(1).uniform(0.2, 0.6, (100, 1))
    plain = select_by_rows(losses, bounds=UNBOUNDED)
    doubtful = EffectiveSample(math.inf, unseen=0.5)
    found = select_by_rows(losses, bounds=UNBOUNDED, effective_sample=lambda _: doubtful)
    assert (found.value, found.interval[0]) == (plain.value, plain.interval[0])
    assert found.interval[1] > plain.interval[1] + 0.4


def test_rows_that_the_folds_did_not_train_on_make_up_for_luck_and_for_no_more():
    rng = np.random.default_rng(3)
    losses = (rng.random((100, 30)) < np.linspace(0.4, 0.2, 30)).astype(float)
    rule = Rule(default=0, prefer_default=False)
    plain = select_by_rows(losses, rule, no_skill=0.8)
    some = select_by_rows(losses, rule, no_skill=0.8, full_fit_gain=0.02)
    assert plain.naive < some.value < plain.value
    assert select_by_rows(losses, rule, no_skill=0.8, full_fit_gain=0.9).value == plain.naive
    much = select_by_rows(losses, rule, no_skill=0.8, full_fit_gain=0.5)
    assert much.value == plain.naive
    # What is left over is told, and the better end of the interval reaches further by it. The curve sets its limit.
    left = plain.value * 1.25 / 2.25 - (plain.value - plain.naive)
    assert plain.last_fit == some.last_fit == 0.0
    assert much.last_fit == pytest.approx(left)
    assert much.interval[0] < plain.interval[0] - 0.5 * left
    good = select_by_rows(losses[:, -1:], no_skill=0.99, full_fit_gain=full_fit_gain(100, 0.25))
    assert 0.0 < good.last_fit < good.naive * (1.0 - 1.25**-0.5)
    assert full_fit_gain(100, 0.25) == pytest.approx(2 * full_fit_gain(400, 0.25))


def test_no_gain_is_claimed_where_there_is_none():
    claimed = 0
    for losses in searches(60, 80, [0.3] * 20):
        h = select_by_rows(losses, Rule(default=7), n_resamples=200)
        claimed += bool(h.as_score().beats_default)
        assert h.p_value is not None
        if h.kept_default:
            assert h.gain is not None
            assert (h.gain.value, h.gain.interval) == (0.0, (0.0, 0.0))
    assert claimed <= 3  # 5 % of 60


def test_a_real_gain_is_found_and_measured():
    gains, found = [], 0
    for losses in searches(20, 300, [0.4] * 5 + [0.2] * 3):
        h = select_by_rows(losses, Rule(default=0), n_resamples=200)
        assert h.gain is not None
        found += bool(h.as_score().beats_default)
        gains.append(h.gain.value)
        assert h.gain.interval[0] < h.gain.value < h.gain.interval[1]
    assert found >= 18
    assert np.mean(gains) == pytest.approx(0.19, abs=0.03)


@pytest.mark.parametrize("n", [100, 2000, 5000, 20_000, 200_000])
@pytest.mark.parametrize("positive", [0.5, 0.1])
def test_the_interval_of_an_accuracy_goes_on_shrinking_with_the_rows(n: int, positive: float):
    wide = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = rng.random(n) < positive
        table = LossTable(n, strata=y)
        table.add(0, rng.random(n) < np.where(y, 0.3, 0.05))  # one class is harder than the other
        h = select_by_rows(table.losses(), weights=table.weights, strata=table.strata, bounds=(0, 1))
        binomial = 1.96 * math.sqrt(h.value * (1 - h.value) / n)
        wide.append((h.interval[1] - h.interval[0]) / 2 / binomial)
    assert 1.05 < np.mean(wide) < 1.25


@pytest.mark.parametrize("n", [100, 2000, 200_000])
def test_a_perfect_score_rests_on_all_rows_and_not_on_blocks_of_them(n: int):
    table = LossTable(n)
    table.add(0, np.zeros(n))
    h = select_by_rows(table.losses(), weights=table.weights, bounds=(0, 1), observations=table.observations)
    assert h.interval == pytest.approx((0.0, 3.84 / (n + 3.84)), rel=1e-3)  # Wilson's of 0 out of n


def test_the_rows_that_decide_make_the_interval():
    losses = np.zeros((500, 1))
    assert select_by_rows(losses, bounds=(0, 1)).interval[1] < 0.01
    few = select_by_rows(losses, bounds=(0, 1), effective_sample=lambda c: EffectiveSample(5.0))
    assert few.interval[1] == pytest.approx(0.434, abs=1e-3)
    ends = select_by_rows(losses, bounds=(0, 1), effective_sample=lambda c: EffectiveSample(5.0, 0.0, 0.43))
    assert ends.interval == pytest.approx((0.0, math.sqrt(1.2) * 0.43), abs=1e-3)


def test_a_small_gain_is_certain_where_there_are_many_rows():
    n, certain = 200_000, 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = rng.random(n) < 0.3
        table = LossTable(n, strata=y)
        luck = rng.random(n)
        table.add(0, luck < np.where(y, 0.27, 0.05))
        table.add(1, luck < np.where(y, 0.20, 0.0757))  # better for one class, worse for the other: 0.003 in all
        h = select_by_rows(table.losses(), Rule(0), weights=table.weights, strata=table.strata, n_resamples=200)
        certain += bool(h.as_score().beats_default)
    assert certain == 10


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_a_gain_has_one_test_and_one_interval(level: float):
    told = 0
    for losses in searches(60, 200, [0.45] * 5 + [0.27] * 2):
        h = select_by_rows(losses, Rule(default=0), n_resamples=100, level=level)
        assert h.gain is not None
        assert h.p_value is not None
        if not h.kept_default:
            told += h.gain.interval[0] > 0.0
            assert (h.p_value < (1 - level) / 2) == (h.gain.interval[0] > 0.0)
    assert 5 < told < 55


def test_repeats_lengthen_the_interval_by_what_they_averaged_away():
    losses = np.random.default_rng(0).normal(size=(100, 3))
    short, long = select_by_rows(losses), select_by_rows(losses, between_repeats=[3.0, 3.0, 3.0])
    assert long.value == short.value
    assert long.interval[0] < short.interval[0] < short.interval[1] < long.interval[1]


def test_a_perfect_score_has_an_interval_that_says_how_few_rows_it_saw():
    h = select_by_rows(np.zeros((30, 4)), Rule(default=0), bounds=(0, 1))
    assert (h.value, h.interval[0]) == (0.0, 0.0)
    assert 0.05 < h.interval[1] < 0.2
    assert h.kept_default


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_units_give_wide_intervals_and_no_error(n: int):
    h = select_by_rows(np.eye(3)[:n], Rule(default=1), bounds=(0, 1))
    assert 0 <= h.interval[0] <= h.value <= h.interval[1] <= 1


def test_the_order_of_rows_matters_no_more_than_the_draws_do():
    losses = np.random.default_rng(1).normal(size=(80, 12))
    order = np.random.default_rng(2).permutation(80)
    one, other = select_by_rows(losses, n_resamples=2000), select_by_rows(losses[order], n_resamples=2000)
    assert one.index == other.index
    assert one.naive == pytest.approx(other.naive)
    assert one.value == pytest.approx(other.value, abs=0.02)


def test_the_same_seed_gives_the_same_figures():
    losses = np.random.default_rng(1).normal(size=(80, 12))
    assert select_by_rows(losses, Rule(0), seed=3) == select_by_rows(losses, Rule(0), seed=3)


def test_a_large_offset_of_the_loss_costs_no_digits():
    losses = np.random.default_rng(1).normal(size=(80, 12))
    near, far = select_by_rows(losses), select_by_rows(losses + 1e9)
    assert far.optimism == pytest.approx(near.optimism, abs=1e-5)


def test_strata_are_drawn_as_they_are():
    labels = np.repeat([0, 1], [90, 10])
    losses = np.column_stack([labels, 1 - labels]).astype(float)  # each candidate knows one class
    h = select_by_rows(losses, strata=labels, n_resamples=200)
    assert (h.index, h.optimism) == (0, 0.0)


def test_scores_have_the_metric_s_unit_and_direction():
    losses = (np.random.default_rng(0).random((100, 10)) < 0.3).astype(float)
    h = select_by_rows(losses, Rule(default=0, prefer_default=False), bounds=(0, 1))
    accuracy = h.as_score(offset=1.0, metric="accuracy", n_candidates=60)
    assert accuracy.value == 1 - h.value
    assert accuracy.interval == (1 - h.interval[1], 1 - h.interval[0])
    assert accuracy.optimism == pytest.approx(h.optimism)
    assert accuracy.naive == 1 - h.naive
    assert (accuracy.n_rows, accuracy.n_candidates) == (None, 60)
    error = h.as_score(greater_is_better=False)
    assert (error.value, error.interval, error.greater_is_better) == (h.value, h.interval, False)
    assert h.optimism > 0
    assert error.optimism == pytest.approx(h.optimism)
    assert h.as_score(offset=1.0, naive=0.9).optimism == pytest.approx(0.9 - (1 - h.value))


def test_losses_that_are_all_the_same_say_nothing_of_how_far_they_vary():
    flat = select_by_rows(np.zeros((20, 2)), bounds=(0.0, math.inf))
    assert flat.value == 0.0
    assert all(map(math.isnan, flat.interval))
    assert any("no interval" in note for note in flat.notes)
    share = select_by_rows(np.zeros((20, 2)), bounds=(0.0, 1.0))
    assert share.interval[1] > 0.1  # of 0 out of 20


def test_a_score_stays_between_its_bounds():
    weights = np.full(7, 0.1)
    worst = select_by_rows(np.ones((7, 1)), weights=weights, bounds=(0.0, 1.0))
    assert worst.value <= 1.0
    assert worst.interval[0] <= worst.value <= worst.interval[1]


def test_a_level_has_to_be_one():
    with pytest.raises(SelectionError, match="between 0 and 1"):
        select_by_rows(np.zeros((3, 1)), level=95)


def test_a_repeat_of_the_folds_may_decide_only_what_is_close():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=(200, 1))

    def losses(*rates: float) -> np.ndarray:
        return (hard + 0.3 * rng.normal(size=(200, len(rates))) < norm.ppf(rates)).astype(float)

    assert not repeat_may_decide(losses(0.5, 0.1, 0.2), Rule(default=0))  # far better
    assert not repeat_may_decide(losses(0.2, 0.4, 0.5), Rule(default=0))  # far worse
    assert not repeat_may_decide(losses(0.2), Rule(default=0))
    close = losses(0.3, 0.28)
    close[:, 1] = close[:, 0]
    close[:10, 0] = np.arange(10) < 7
    close[:10, 1] = 1.0 - close[:10, 0]
    assert repeat_may_decide(close, Rule(default=0))
    assert not repeat_may_decide(close, Rule(default=0), unsteadiness=0.0)  # each run says the same
    assert not repeat_may_decide(close, Rule(default=0), n_runs=[10_000, 10_000])
