"""Laws of a search of `tune`, part by part: folds, who leads, what there is time for, and going on after a kill."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import Ridge

import tunesmith
from tunesmith.foundation.states import TrialState
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.tables import TableTuner, budget, engine, final, judge, responses, rounds
from tunesmith.tables import tune as tune_module
from tunesmith.tables.budget import LAST_FITS_SHARE, Budget, Clock
from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.engine import TableSearch
from tunesmith.tables.families import Family, given_family
from tunesmith.tables.folds import FEWEST_TRAINED, GROWTH_OF_LEVELS, MOST_DEALT, deal_again, levels_of, make_folds
from tunesmith.tables.store import FIT

# -- folds and levels --------------------------------------------------------------------------------------------------


@given(st.integers(4, 60), st.integers(0, 5), st.sampled_from(["classes", "numbers", "groups"]))
def test_each_row_is_tested_once_and_groups_stay_together(n: int, seed: int, kind: str) -> None:
    y = np.arange(n) % 2 if kind == "classes" else np.arange(n) / n
    groups = np.arange(n) // 2 if kind == "groups" else None
    folds = make_folds(None, y, groups, kind == "classes", seed)
    assert 2 <= len(folds) <= 5
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(n))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(n))
        if groups is not None:
            assert not set(groups[train]) & set(groups[test])
    again = make_folds(None, y, groups, kind == "classes", seed)
    assert all(
        np.array_equal(a, b) for one, two in zip(folds, again, strict=True) for a, b in zip(one, two, strict=True)
    )


def test_folds_are_dealt_anew_where_there_are_few_rows_and_the_folds_are_ours() -> None:
    y = np.arange(100) % 2
    dealt = deal_again(None, y, None, True, 0)
    assert len(dealt) == MOST_DEALT
    first = {tuple(test) for _, test in make_folds(None, y, None, True, 0)}
    every = [tuple(test) for folds in dealt for _, test in folds]
    assert len(set(every) | first) == len(every) + len(first)
    assert len(deal_again(3, np.arange(5000) % 2, None, True, 0)) == 2
    assert deal_again(None, np.arange(9000) % 2, None, True, 0) == []
    assert deal_again([(np.arange(50), np.arange(50, 100))], y, None, True, 0) == []


@given(st.integers(3, 30_000), st.booleans())
def test_levels_are_parts_of_one_another_each_three_times_as_large(n: int, ordered: bool) -> None:
    train, test = np.arange(n), np.arange(n, n + n // 4 + 1)
    levels = levels_of(train, test, ordered, 0)
    sizes = [len(rows) for rows, _ in levels]
    assert all(size >= FEWEST_TRAINED for size in sizes)
    assert bool(levels) == (n / GROWTH_OF_LEVELS >= FEWEST_TRAINED)
    larger_ones = [*(rows for rows, _ in levels[1:]), train]
    for (few, tested), larger in zip(levels, larger_ones[: len(levels)], strict=True):
        assert set(few) < set(larger)
        assert len(larger) / len(few) == pytest.approx(GROWTH_OF_LEVELS, rel=0.01)
        assert set(tested) <= set(test)
        assert len(tested) <= 5000
        if ordered:
            assert few[-1] == n - 1, "the last rows are nearest to those to come"


# -- who leads, and what there is time for -----------------------------------------------------------------------------


def families() -> list[Family]:
    rows, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    return [given_family(name, Ridge(), rows, y, 0) for name in ("a", "b")]


def standings(n_levels: int = 1) -> Standings:
    """Return standings of 3,000 rows in three folds, with levels of 500 rows and more."""
    rows = np.arange(3000)
    levels = [(rows[: 500 * 2**i], rows[2000:]) for i in range(n_levels)]
    folds = [(np.setdiff1d(rows, rows[k::3]), rows[k::3]) for k in range(3)]
    return Standings(families(), levels, folds, [], len(rows))


def candidate(of: Standings, family: int = 0, scores: tuple[float, ...] = (), **known: Any) -> Candidate:
    trial: Any = None
    state = TrialState.COMPLETE if len(scores) == 3 else TrialState.PRUNED
    made = Candidate(len(of.candidates), trial, of.families[family], {}, state=state, **known)
    made.scores = dict(enumerate(scores))
    of.candidates.append(made)
    return made


class Workers:
    n_workers, inline, under_way = 1, False, 0


def test_the_best_of_those_that_came_furthest_leads() -> None:
    own = standings()
    assert own.leader() is None
    screened = candidate(own, screens={0: 0.9})
    assert own.leader() is screened
    on_a_fold = candidate(own, 1, scores=(0.2,))
    assert own.leader() is on_a_fold
    assert [family.name for family in own.ranked()] == ["b", "a"]
    assert own.complete() == []
    best = candidate(own, scores=(0.5, 0.6, 0.7))
    assert own.leader() is best
    assert own.complete() == [best]
    assert best.mean == pytest.approx(0.6)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=2), st.floats(-5, 5))
def test_who_was_given_up_is_never_taken_for_better_than_the_best(scores: list[float], screen: float) -> None:
    own = standings()
    best = candidate(own, scores=(0.5, 0.6, 0.7), screens={0: 0.4})
    for given_up in (candidate(own, scores=tuple(scores)), candidate(own, screens={0: screen})):
        assert own.estimate(given_up) <= best.mean + 1e-12
    assert own.estimate(candidate(own, screens={0: 0.3})) == pytest.approx(0.5), "as far behind as on few rows"


def test_more_rows_let_expect_more_and_a_falling_score_nothing() -> None:
    own = standings(n_levels=2)
    rising, falling = candidate(own, screens={0: 0.5, 1: 0.6}), candidate(own, screens={0: 0.6, 1: 0.5})
    assert 0.6 < own.expected(rising) < 0.7
    assert own.expected(falling) == 0.5
    assert own.expected(candidate(own)) == -math.inf


def test_a_fit_takes_as_long_as_fewer_rows_let_expect() -> None:
    own = standings()
    one = candidate(own, seconds=[(100, 1.0), (1000, 2.0), (1000, 4.0)])
    assert own.predicted(one.family, 1000, one) == 3.0
    assert own.predicted(one.family, 4000, one) == pytest.approx(3.0 * 4**one.family.kind.power)
    assert own.predicted(own.families[0], 1000) == 3.0, "a family by its candidates"
    assert own.predicted(own.families[1], 1000) == 0.0


def test_without_a_limit_everything_has_time() -> None:
    own = standings()
    slow = candidate(own, seconds=[(500, 1e9)], scores=(0.5, 0.5, 0.5))
    free = Budget(own, Clock(time.monotonic(), math.inf), Workers())  # type: ignore[arg-type]
    assert free.reserve() == 0.0
    assert free.has_time(slow, [1, 2])
    assert free.affordable(slow.family, 0)
    assert not free.too_slow(slow)
    assert free.ends(slow, 1, 1) is None
    free.settle_folds(enough=1)
    assert own.used == 3


@given(st.floats(1, 1000), st.floats(0.001, 100), st.floats(0, 1))
def test_the_more_time_is_left_the_more_is_begun_and_some_is_kept_back(total: float, fit: float, part: float) -> None:
    own = standings()
    candidate(own, scores=(0.5, 0.5, 0.5), seconds=[(2000, fit)])
    second = candidate(own, 1, seconds=[(2000, fit)], stage=1)
    clock = Clock(0.0, total, reading=(part * total, 1.0))
    limited = Budget(own, clock, Workers())  # type: ignore[arg-type]
    assert 0.0 <= limited.reserve() <= LAST_FITS_SHARE * total + 1e-9
    began = limited.has_time(second, [1, 2, 3])
    clock.reading = (0.5 * part * total, 1.0)
    assert limited.has_time(second, [1, 2, 3]) >= began
    clock.reading = (total, 1.0)
    assert not limited.has_time(second, [1, 2, 3])
    assert not limited.affordable(second.family, 0)


def test_there_are_as_many_folds_as_ten_candidates_have_time_for() -> None:
    used = []
    for fit in (0.01, 1.0, 3.0, 50.0):
        own = standings()
        candidate(own, screens={0: 0.5}, seconds=[(2000, fit)])
        limited = Budget(own, Clock(0.0, 60.0, reading=(0.0, 1.0)), Workers())  # type: ignore[arg-type]
        limited.settle_folds(enough=9)
        used.append(own.used)
    assert used == sorted(used, reverse=True)
    assert (used[0], used[-1]) == (3, 1)


# -- a search on a clock of its own: a fit takes what its rows say, whatever the machine does --------------------------


class VirtualTime:
    """The module `time` of a search, which stands still but for fits.

    Attributes:
        steps: seconds that pass when the clock is read, as on a busy machine.
    """

    now = 1000.0
    steps: Iterator[float] = itertools.repeat(0.0)

    def monotonic(self) -> float:
        self.now += next(self.steps)
        return self.now

    process_time = perf_counter = monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    virtual = VirtualTime()
    for module in (budget, final, judge, responses, rounds, tune_module):
        monkeypatch.setattr(module, "time", virtual)
    monkeypatch.setattr(Clock, "__init__", _at_virtual_time(virtual, Clock.__init__))
    ended = TableSearch.ended

    def timed(self: TableSearch, events: list[list[Outcome]]) -> BaseException | None:
        taken = []
        for outcome in [one for batch in events for one in batch]:
            if self.kept.when(outcome) is None:
                outcome = outcome._replace(fit_seconds=1e-3 * self.standings.rows(outcome.split), score_seconds=0.0)
                virtual.now += outcome.fit_seconds
            taken.append(outcome)
        return ended(self, [taken])

    monkeypatch.setattr(TableSearch, "ended", timed)
    return virtual


def _at_virtual_time(virtual: VirtualTime, made: Any) -> Any:
    def init(self: Clock, start: float, seconds: float, computed: float | None = None, reading: Any = None) -> None:
        made(self, start, seconds, virtual.now if computed is None else computed, reading)

    return init


CLASSES = make_classification(180, 4, random_state=0)
NUMBERS = make_regression(180, 4, noise=9.0, random_state=0)
KINDS = ["linear", "tree", "neighbours"]


def facts(search: TableTuner) -> dict[str, Any]:
    found = {name: np.asarray(column).astype(str).tolist() for name, column in search.cv_results_.items()}
    trials = [(t.number, t.state.name, repr(t.values), repr(t.params)) for t in search.study_.trials]
    return found | {"trials": trials, "honest": repr(search.honest_score_), "board": str(search.leaderboard_.places[0])}


@pytest.mark.parametrize("timeout", [0.3, 3.0])
def test_a_search_keeps_to_its_time_and_is_the_same_again(clock: VirtualTime, timeout: float) -> None:
    found = []
    for _ in range(2):
        start = clock.now
        search = TableTuner(KINDS, timeout=timeout, random_state=0).fit(*CLASSES)
        assert clock.now - start <= max(timeout, 0.5)
        found.append(facts(search))
    assert found[0] == found[1]


@pytest.mark.parametrize("timeout", [1.0, 2.0])
def test_what_was_done_in_time_is_known_to_the_next_call(clock: VirtualTime, tmp_path: Path, timeout: float) -> None:
    given: dict[str, Any] = {"random_state": 0, "storage": str(tmp_path / "t.db")}
    first = facts(TableTuner(KINDS, timeout=timeout, **given).fit(*CLASSES))
    start = clock.now
    again = TableTuner(KINDS, timeout=0.001, **given).fit(*CLASSES)
    assert clock.now == start, "no fit is made twice"
    assert facts(again)["mean_test_score"] == first["mean_test_score"]
    more = TableTuner(KINDS, timeout=timeout, **given).fit(*CLASSES)
    assert facts(more)["params"][: len(first["params"])] == first["params"]
    assert len(facts(more)["params"]) >= len(first["params"])


@pytest.mark.parametrize("seed", range(8))
def test_on_a_busy_machine_all_that_was_done_is_used_again(clock: VirtualTime, tmp_path: Path, seed: int) -> None:
    """The next call decides by the times at which fits ended, however long it took to decide."""
    given: dict[str, Any] = {"cv": 3, "random_state": 0, "storage": str(tmp_path / "t.db")}
    rng = np.random.default_rng(seed)
    clock.steps = (float(rng.exponential(0.3) * (rng.random() < 0.01)) for _ in itertools.count())
    for timeout in (1.0, 2.0, 3.0, 2.0, 4.0, 0.001):
        search = TableTuner(KINDS, timeout=timeout, **given).fit(*CLASSES)
        stored = sum(name.startswith(FIT) for trial in search.study_.trials for name in trial.system_attrs)
        assert 0 <= search.report_.n_fits - stored <= final.HALVED_FOLDS


@pytest.mark.parametrize("killed", [2, 7])
@pytest.mark.parametrize(
    "settings", [{}, {"sampler": "random", "ensemble": False}, {"fidelity": None, "sampler": "gp", "data": NUMBERS}],
    ids=["tpe", "random", "gp"],
)  # fmt: skip
def test_a_search_that_was_killed_and_run_again_is_the_one_that_was_not(
    clock: VirtualTime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int, settings: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"timeout": None, "n_trials": 6, "cv": 2, "random_state": 0, **settings}
    rows = given.pop("data", CLASSES)
    whole = facts(TableTuner(KINDS, storage=str(tmp_path / "whole.db"), **given).fit(*rows))
    note, n = engine.Kept.note, 0

    def killing(self: Any, outcome: Outcome, reading: Any) -> None:
        nonlocal n
        note(self, outcome, reading)
        n += 1
        if n == killed:
            raise KeyboardInterrupt

    tuner = TableTuner(KINDS, storage=str(tmp_path / "t.db"), **given)
    monkeypatch.setattr(engine.Kept, "note", killing)
    with pytest.raises(KeyboardInterrupt):
        tuner.fit(*rows)
    assert tunesmith.load_study(study_name="tune", storage=str(tmp_path / "t.db")).trials
    assert facts(TableTuner(KINDS, storage=str(tmp_path / "t.db"), **given).fit(*rows)) == whole


# -- what a search says, held against rows that it has not seen --------------------------------------------------------


def held(seed: int, signal: float, ensemble: bool) -> tuple[bool, bool, float]:
    """Return whether the two ends of a search's interval hold on new rows, and how much too good its figure was."""
    rng = np.random.default_rng(seed)

    def draw(n: int) -> tuple[Any, Any]:
        rows = rng.normal(size=(n, 3))
        return rows, signal * (rows[:, 0] + np.abs(rows[:, 1])) + rng.normal(size=n)

    search = TableTuner(["linear", "tree"], timeout=None, n_trials=5, cv=3, random_state=seed, ensemble=ensemble)
    search.fit(*draw(90))
    score, truth = search.honest_score_, search.score(*draw(20_000))
    assert score is not None
    return score.interval[0] <= truth, truth <= score.interval[1], score.value - truth


def test_the_interval_mostly_has_the_score_on_new_rows() -> None:
    found = [held(seed, 1.0, ensemble=False) for seed in range(5)]
    assert sum(low and high for low, high, _ in found) >= 3  # fewer has a probability below 1 in 100 with 90 %


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_intervals_cover_over_many_tables(signal: float, ensemble: bool) -> None:
    """Where there is nothing to learn, folds of few rows do worse than new rows: an interval promises too little."""
    found = np.array([held(seed, signal, ensemble) for seed in range(40)])
    low, high, too_good = found.T
    assert low.mean() >= 0.9
    if signal:
        assert (low * high).mean() >= 0.85
    assert too_good.mean() <= 0.02 + 2.0 * too_good.std() / math.sqrt(len(found))
