"""Programs of Optuna's kind, with the one import changed: samplers, their own and ours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


def mixed(trial):
    x = trial.suggest_float("x", -1, 1)
    n = trial.suggest_int("n", 1, 64, log=True)
    return x**2 + n if trial.suggest_categorical("kind", ["a", None, True]) == "a" else x**2 + n + 1


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: optuna.samplers.RandomSampler(seed=1),
        lambda: optuna.samplers.TPESampler(seed=1, n_startup_trials=3, multivariate=True),
        lambda: optuna.samplers.GPSampler(seed=1, n_startup_trials=3),
        lambda: optuna.samplers.CmaEsSampler(seed=1, x0={"x": 0.5, "n": 2}),
        lambda: optuna.samplers.QMCSampler(seed=1),
        lambda: optuna.samplers.NSGAIISampler(seed=1, population_size=5),
    ],
)
def test_a_seed_makes_a_search_that_can_be_repeated(sampler):
    def run():
        study = optuna.create_study(sampler=sampler())
        study.optimize(mixed, n_trials=8)
        return [t.params for t in study.trials]

    assert run() == run()


def test_arguments_that_are_not_followed_are_named_once():
    with pytest.warns(UserWarning, match="gamma=.* is not followed"):
        optuna.samplers.TPESampler(gamma=lambda n: 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        optuna.samplers.TPESampler(gamma=lambda n: 2)
        optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True)


def test_constraints_func_is_followed():
    sampler = optuna.samplers.TPESampler(seed=0, constraints_func=lambda t: (0.5 - t.params["x"], t.user_attrs["c"]))

    def objective(trial):
        trial.set_user_attr("c", -1.0)
        return trial.suggest_float("x", 0, 1)

    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=12)
    assert study.best_value >= 0.5
    assert study.best_trial.constraints == {"0": 0.5 - study.best_value, "1": -1.0}
    assert study.best_trial.system_attrs["constraints"] == [0.5 - study.best_value, -1.0]


class Annealing(optuna.samplers.BaseSampler):
    """Moves from the last trial; the first values are random."""

    def __init__(self):
        self._random = optuna.samplers.RandomSampler(seed=3)
        self.calls = []

    def infer_relative_search_space(self, study, trial):
        return optuna.search_space.IntersectionSearchSpace().calculate(study)

    def sample_relative(self, study, trial, search_space):
        self.calls.append("relative")
        if not search_space:
            return {}
        last = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])[-1]
        return {name: max(d.low, last.params[name] * 0.9) for name, d in search_space.items()}

    def sample_independent(self, study, trial, param_name, param_distribution):
        self.calls.append("independent")
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study, trial):
        assert trial.state is TrialState.RUNNING
        self.calls.append("before")

    def after_trial(self, study, trial, state, values):
        study._storage.set_trial_system_attr(trial._trial_id, "seen", [state.name, values])
        self.calls.append("after")


def test_a_sampler_of_the_programs_own_proposes_each_value():
    sampler = Annealing()
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2 + t.suggest_float("y", 0, 1), n_trials=3)
    first, second, third = study.trials
    assert second.params["y"] == pytest.approx(first.params["y"] * 0.9)
    assert third.params["y"] == pytest.approx(first.params["y"] * 0.81)
    assert sampler.calls == [
        *("before", "relative", "independent", "independent", "after"),
        *("before", "relative", "after"),
        *("before", "relative", "after"),
    ]
    assert third.system_attrs["seen"] == ["COMPLETE", third.values]


def test_ask_and_tell_call_a_sampler_of_the_programs_own_once():
    sampler = Annealing()
    study = optuna.create_study(sampler=sampler)
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    study.tell(trial, 1.0)
    with pytest.warns(UserWarning, match="failed"):
        study.tell(study.ask().number, "no number")
    assert sampler.calls == ["before", "relative", "independent", "after", "before", "after"]
    assert [t.system_attrs["seen"] for t in study.trials] == [["COMPLETE", [1.0]], ["FAIL", None]]


def test_a_subclass_of_a_sampler_is_asked_too():
    class Half(optuna.samplers.TPESampler):
        def sample_relative(self, study, trial, search_space):
            return {}

        def sample_independent(self, study, trial, param_name, param_distribution):
            return 0.5

    study = optuna.create_study(sampler=Half())
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    assert [t.params for t in study.trials] == [{"x": 0.5}] * 3


def test_partial_fixed_parameters():
    base = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(sampler=base)
    study.optimize(lambda t: t.suggest_float("x", -1, 1) + t.suggest_int("y", -5, 5), n_trials=6)
    study.sampler = optuna.samplers.PartialFixedSampler({"y": 3}, base)
    study.optimize(lambda t: t.suggest_float("x", -1, 1) + t.suggest_int("y", -5, 5), n_trials=6)
    assert [t.params["y"] for t in study.trials[6:]] == [3] * 6
    assert len({t.params["x"] for t in study.trials}) == 12


def test_a_grid_ends_the_search():
    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"x": [-50, 0, 50], "y": [-99, 0, 99]}))
    study.optimize(lambda t: t.suggest_float("x", -100, 100) ** 2 + t.suggest_int("y", -100, 100) ** 2)
    assert len(study.trials) == 9
    assert study.best_params == {"x": 0, "y": 0}


def test_a_grid_can_be_built_on():
    class Noting(optuna.samplers.GridSampler):
        def before_trial(self, study, trial):
            super().before_trial(study, trial)
            seen.append(trial.number)

    def objective(trial):
        return (
            trial.suggest_int("x", 0, 9)
            + len(trial.suggest_categorical("c", ["a", "b"]))
            + trial.suggest_float("y", 0, 1)
        )

    seen = []
    grid = {"x": [1, 2, 3], "c": ["a", "b"]}
    study = optuna.create_study(sampler=Noting(grid, seed=0))
    study.optimize(objective, n_trials=50)
    assert seen == list(range(6))
    assert len({(t.params["x"], t.params["c"]) for t in study.trials}) == 6
    held = optuna.samplers.PartialFixedSampler({"c": "a"}, optuna.samplers.GridSampler(grid, seed=0))
    study = optuna.create_study(sampler=held)
    study.optimize(objective, n_trials=3)
    assert all(t.params["x"] in grid["x"] and t.params["c"] == "a" for t in study.trials)


def test_brute_force_tries_each_combination_once_in_a_conditional_space():
    def objective(trial):
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.suggest_float("rate", 0.1, 0.3, step=0.1)
        else:
            trial.suggest_int("n", 1, 2)
            trial.suggest_categorical("on", [True, False])
        return 0.0

    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))
    study.optimize(objective)
    tried = [tuple(sorted(t.params.items())) for t in study.trials]
    assert len(tried) == len(set(tried)) == 3 + 4


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0.0), ("maximize", 100.0)])
def test_cma_es_starts_at_the_best_source_trial(direction, best):
    def total(trial):
        return trial.suggest_float("x", 0, 100) + trial.suggest_float("y", 0, 100)

    source = optuna.create_study(direction=direction)
    for value in (0.0, 50.0, 100.0):
        source.enqueue_trial({"x": value, "y": value})
    source.optimize(total, n_trials=3)
    sampler = optuna.samplers.CmaEsSampler(source_trials=source.trials, seed=0)
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.optimize(total, n_trials=12)
    away = sorted(abs(t.params["x"] - best) for t in study.trials[1:])  # of the first, nothing is known yet
    assert away[len(away) // 2] < 25


@pytest.mark.parametrize("sampler", [None, optuna.samplers.TPESampler()])
def test_no_bound_of_a_continuous_range_is_proposed(sampler):
    def objective(trial):
        share = trial.suggest_float("share", 0, 1)  # its low bound is best, and an error, as in scikit-learn
        rate = trial.suggest_float("rate", 0.1, 1.0)
        if share == 0.0 or rate == 1.0:
            raise ZeroDivisionError
        return share - rate

    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({"share": 1.0})  # a bound that the program asks for is taken
    study.optimize(objective, n_trials=40)
    assert study.trials[0].params["share"] == 1.0
    assert study.best_value < -0.99


class Watched(optuna.samplers.QMCSampler):
    """A sampler that does nothing but look on, as many programs have one."""

    def sample_independent(self, study, trial, param_name, param_distribution):
        return super().sample_independent(study, trial, param_name, param_distribution)


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: optuna.samplers.QMCSampler(seed=1),
        lambda: Watched(seed=1),
        lambda: optuna.samplers.PartialFixedSampler({"x": 0.5}, optuna.samplers.QMCSampler(seed=1)),
    ],
    ids=["whole", "subclassed", "wrapped"],
)
def test_a_sequence_goes_on_in_a_subclass_and_inside_of_another_sampler(sampler, tmp_path):
    url, sampler = f"sqlite:///{tmp_path / 'tune.db'}", sampler()
    study = optuna.create_study(storage=url, study_name="s", sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=4)
    again = optuna.load_study(storage=url, study_name="s", sampler=sampler)  # the index is in the storage
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=4)
    points = [trial.params["y"] for trial in again.trials[1:]]  # the first one is drawn: no parameter is known
    assert len({round(point, 6) for point in points}) == 7


def test_a_subclass_reads_each_finished_trial_once():
    class Counted(optuna.samplers.TPESampler):
        def sample_independent(self, study, trial, param_name, param_distribution):
            return super().sample_independent(study, trial, param_name, param_distribution)

    study, reads = optuna.create_study(sampler=Counted(seed=0)), []
    engine = study.native.engine.study
    read = engine.trials
    engine.trials = lambda numbers=None, states=None: [reads.append(t.number) or t for t in read(numbers, states)]
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=60)
    finished = [number for number in reads if number < 10]
    assert len(finished) <= 10 * 12  # not once for each later trial


@pytest.mark.parametrize("make", [optuna.samplers.RandomSampler, optuna.samplers.TPESampler, Watched])
def test_reseeding_changes_what_is_drawn(make):
    def points(reseeds):
        sampler = make(seed=3)
        study = optuna.create_study(sampler=sampler)
        if reseeds:
            sampler.reseed_rng()
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
        return study.trials[0].params["x"]

    assert points(False) == points(False) != points(True)


def test_what_optuna_refuses_of_a_population_is_refused():
    nsgaii = optuna.samplers.nsgaii
    for wrong in ({"population_size": 1}, {"population_size": 2, "crossover": nsgaii.SPXCrossover()}, {"crossover": 3}):
        with pytest.raises(ValueError, match=r"population_size|crossover"):
            optuna.samplers.NSGAIISampler(**wrong)
    with pytest.raises(ValueError, match="eta"):
        nsgaii.PolynomialMutation(eta=-1.0)


@pytest.mark.parametrize(
    ("value", "drawn", "expected"),
    [
        (5.0, 0.0, 0.0),
        (5.0, 0.5, 5.0),
        (5.0, 1.0, 10.0),
        (2.0, 0.25, 2.0 - 10 * (1 - 0.82**0.5)),
        (2.0, 0.75, 4.788897),
    ],
)
def test_polynomial_mutation(value, drawn, expected):
    class Drawn:
        def rand(self):
            return drawn

    mutated = optuna.samplers.nsgaii.PolynomialMutation(eta=1.0).mutation(value, Drawn(), None, np.array([0.0, 10.0]))
    assert mutated == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:.*experimental in Optuna")
def test_reference_points_of_nsga_iii_are_followed():
    def front(**options):
        sampler = optuna.samplers.NSGAIIISampler(population_size=12, seed=0, **options)
        study = optuna.create_study(directions=["minimize"] * 3, sampler=sampler)
        study.optimize(
            lambda trial: [
                sum((trial.suggest_float(f"x{i}", 0, 1) - (i == k)) ** 2 for i in range(3)) for k in range(3)
            ],
            n_trials=150,
        )
        return np.array([trial.values for trial in study.trials[100:]])

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        middle, first = front(), front(reference_points=np.array([[0.1, 1.0, 1.0]]))
    assert np.median(first[:, 0]) < 0.5 * np.median(middle[:, 0])
    assert not (front(dividing_parameter=1) == middle).all()
    for wrong in ({"reference_points": [1.0]}, {"dividing_parameter": 0}, {"population_size": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            optuna.samplers.NSGAIIISampler(**wrong)


def test_a_constraint_that_is_nan_is_refused():
    sampler = optuna.samplers.NSGAIISampler(constraints_func=lambda trial: (float("nan"),))
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    with pytest.raises(ValueError, match="NaN"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=2)


def test_a_method_put_into_a_sampler_object_or_its_class_is_called(monkeypatch):
    sampler = optuna.samplers.RandomSampler()
    monkeypatch.setattr(sampler, "sample_independent", lambda study, trial, name, distribution: distribution.high)
    assert optuna.create_study(sampler=sampler).ask().suggest_float("x", 0, 3) == 3
    monkeypatch.setattr(
        optuna.samplers.TPESampler, "sample_independent", lambda self, study, trial, name, distribution: 0.25
    )
    assert optuna.create_study(sampler=optuna.samplers.TPESampler()).ask().suggest_float("x", 0, 3) == 0.25


@pytest.mark.parametrize(("n_jobs", "calls"), [(1, 0), (2, 1)])
def test_several_jobs_reseed_a_sampler_of_the_program(n_jobs, calls):
    class Reseeded(optuna.samplers.RandomSampler):
        def reseed_rng(self):
            called.append(self)

    called = []
    optuna.create_study(sampler=Reseeded(seed=0)).optimize(
        lambda trial: trial.suggest_float("x", 0, 1), n_trials=2, n_jobs=n_jobs
    )
    assert len(called) == calls


def test_an_error_of_after_trial_ends_the_search_and_keeps_the_result():
    class Failing(optuna.samplers.RandomSampler):
        def after_trial(self, study, trial, state, values):
            raise LookupError("a fault of the sampler")

    study = optuna.create_study(sampler=Failing(seed=0))
    with pytest.raises(LookupError):
        study.optimize(lambda trial: trial.suggest_int("x", 1, 1), n_trials=3, catch=LookupError)
    with pytest.raises(LookupError):
        study.tell(study.ask(), 2.0)
    assert [(t.state, t.value) for t in study.trials] == [(TrialState.COMPLETE, 1.0), (TrialState.COMPLETE, 2.0)]


def test_brute_force_refuses_a_space_that_changes_after_the_same_values():
    def searched(objective, *done, high=1):
        study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler())
        for params in done:
            distributions = {name: optuna.distributions.IntDistribution(0, high) for name in params}
            study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=0.0))
        study.optimize(objective, n_trials=9)

    with pytest.raises(ValueError, match="same range of 'x'"):
        searched(lambda trial: trial.suggest_int("x", 0, trial.number + 1))
    with pytest.raises(ValueError, match="complete without 'y'"):
        searched(lambda t: t.suggest_int("x", 0, 1) + t.suggest_int("y", 0, 1), {"x": 0}, {"x": 1})
    with pytest.raises(ValueError, match="only one asked for \\['y'\\]"):
        searched(lambda trial: trial.suggest_int("x", 0, 1), {"x": 0, "y": 0}, {"x": 1, "y": 0})
    with pytest.raises(ValueError, match="only one asked for \\['y'\\]"):
        searched(lambda t: t.suggest_int("x", 0, 0) + t.suggest_int("y", 0, 0), {"x": 0}, high=0)


@pytest.mark.parametrize(
    ("make", "n_alone"),
    [
        (lambda other: optuna.samplers.GPSampler(seed=0, independent_sampler=other), 1),
        (lambda other: optuna.samplers.QMCSampler(seed=0, independent_sampler=other), 1),
        (lambda other: optuna.samplers.CmaEsSampler(seed=0, independent_sampler=other), 1),
        (lambda other: optuna.samplers.CmaEsSampler(seed=0, independent_sampler=other, n_startup_trials=3), 3),
    ],
)
def test_an_independent_sampler_proposes_what_is_not_in_all_trials(make, n_alone):
    class Lowest(optuna.samplers.RandomSampler):
        def before_trial(self, study, trial):
            calls.append(("before", trial.number))

        def after_trial(self, study, trial, state, values):
            calls.append(("after", trial.number))

        def sample_independent(self, study, trial, param_name, param_distribution):
            calls.append((param_name, trial.number))
            return param_distribution.low

    def objective(trial):
        x, y = trial.suggest_float("x", 0.1, 1), trial.suggest_int("y", 1, 9)
        return x * y + (trial.suggest_float("z", 0.2, 1) if trial.number >= 4 else 0.0)

    calls = []
    study = optuna.create_study(sampler=make(Lowest()))
    study.optimize(objective, n_trials=6)
    expected = []
    for number in range(6):
        names = ["x", "y"] if number < n_alone else ["z"] if number >= 4 else []
        expected += [(name, number) for name in ("before", *names, "after")]
    assert calls == expected
    assert {t.params["x"] for t in study.trials[:n_alone]} == {0.1}
    assert {t.params["z"] for t in study.trials[4:]} == {0.2}


def test_cmaes_refuses_several_objectives():
    study = optuna.create_study(directions=["minimize"] * 2, sampler=optuna.samplers.CmaEsSampler())
    for run in (study.ask, lambda: study.optimize(lambda trial: (0.0, 0.0), n_trials=1)):
        with pytest.raises(ValueError, match="one objective, and this one has 2"):
            run()
    assert study.trials == []


def test_cmaes_inside_of_another_sampler_refuses_several_objectives_too():
    held = optuna.samplers.PartialFixedSampler({"x": 0.5}, optuna.samplers.CmaEsSampler())
    study = optuna.create_study(directions=["minimize"] * 2, sampler=held)
    with pytest.raises(ValueError, match="one objective, and this one has 2"):
        study.ask().suggest_float("y", 0, 1)


def test_a_subclass_of_tpe_that_is_not_multivariate_is_asked_for_each_value():
    class Asked(optuna.samplers.TPESampler):
        def sample_independent(self, study, trial, param_name, param_distribution):
            asked.append((trial.number, param_name))
            return super().sample_independent(study, trial, param_name, param_distribution)

    asked = []
    study = optuna.create_study(sampler=Asked(multivariate=False, seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 1), n_trials=8)
    assert asked == [(number, name) for number in range(8) for name in "xy"]


def test_quasi_random_trials_that_run_at_once_take_the_space_of_the_running_ones():
    sampler = optuna.samplers.QMCSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    assert sampler.infer_relative_search_space(study, None) == {}
    study.ask().suggest_float("x", 0, 1)
    study.ask().suggest_int("n", 1, 3)
    assert list(sampler.infer_relative_search_space(study, None)) == ["x", "n"]


def test_brute_force_by_ask_and_tell_ends_quietly():
    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))
    for _ in range(2):
        trial = study.ask()
        study.tell(trial, trial.suggest_int("x", 0, 1))
    assert sorted(t.value for t in study.trials) == [0.0, 1.0]
