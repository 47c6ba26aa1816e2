"""Samplers as modules of OptunaHub write them: loaded from a folder under ``install()``, on this library's studies."""

from __future__ import annotations

import importlib.util
import pickle
import sys
import types
from pathlib import Path

import pytest

import tunesmith.compat.optuna as ours

# The interface of the hub's package, which is a library that imports optuna: its base class, in our own words.
HUB = """
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace


class SimpleBaseSampler(BaseSampler):
    def __init__(self, search_space=None, seed=None):
        self.search_space = search_space
        self._common = IntersectionSearchSpace()
        self._random_sampler = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study, trial):
        if self.search_space is not None:
            return self.search_space
        return {name: d for name, d in self._common.calculate(study).items() if not d.single()}

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self._random_sampler.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self):
        self._random_sampler.reseed_rng()
"""
HEAD = """
import numpy as np
import optuna
import optunahub
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseGASampler, BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.samplers._ga import BaseGASampler as SameBase
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.search_space import intersection_search_space
from optuna.study import Study
from optuna.study._study_direction import StudyDirection
from optuna.trial import FrozenTrial, TrialState

assert SameBase is BaseGASampler
"""
# The means by which such samplers work, one each.
SAMPLERS = {
    "around the best, by transformed points": """
class Sampler(optunahub.samplers.SimpleBaseSampler):
    def sample_relative(self, study, trial, search_space):
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not search_space or not done:
            return {}
        space = _SearchSpaceTransform(search_space, transform_0_1=True)
        best = space.transform(study.best_trial.params)
        moved = best + 0.1 * self._random_sampler._rng.normal(size=len(best))
        return space.untransform(np.clip(moved, space.bounds[:, 0], space.bounds[:, 1]))
""",
    "differential evolution, by numbers of trials": """
class Sampler(optunahub.samplers.SimpleBaseSampler):
    def __init__(self):
        super().__init__({"x": FloatDistribution(-3, 3), "n": IntDistribution(1, 9)}, seed=0)
        self._rng = LazyRandomState(0)

    def sample_relative(self, study, trial, search_space):
        generation = trial.number // 5
        study._storage.set_trial_system_attr(trial._trial_id, "de:generation", generation)
        if not generation:
            return {}
        found = []
        for number in range((generation - 1) * 5, generation * 5):
            place = study._storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
            one = study._storage.get_trial(place)
            assert one.system_attrs["de:generation"] == generation - 1
            found.append([one.params[name] for name in search_space])
        a, b, c = np.array(found)[self._rng.rng.choice(5, 3, replace=False)]
        values = {}
        for (name, d), v in zip(search_space.items(), a + 0.8 * (b - c)):
            values[name] = type(d.low)(np.clip(round(v) if isinstance(d, IntDistribution) else v, d.low, d.high))
        return values
""",
    "bisection, by attributes of the study": """
class Sampler(BaseSampler):
    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, d):
        if not isinstance(d, FloatDistribution):
            return d.to_external_repr(1)
        known = study._storage.get_study_system_attrs(study._study_id)
        return (known.get(f"left_{name}", d.low) + known.get(f"right_{name}", d.high)) / 2

    def after_trial(self, study, trial, state, values):
        side = "right" if trial.params["x"] > 0 else "left"
        study._storage.set_study_system_attr(study._study_id, f"{side}_x", trial.params["x"])
        if abs(trial.params["x"]) < 1e-3:
            study.stop()
""",
    "an ensemble of Optuna's own": """
class Sampler(BaseSampler):
    def __init__(self):
        self._samplers = [TPESampler(seed=0), RandomSampler(seed=0), CmaEsSampler(seed=0)]

    def _get(self, trial):
        return self._samplers[trial.number % 3]

    def infer_relative_search_space(self, study, trial):
        return self._get(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        return self._get(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, name, d):
        return self._get(trial).sample_independent(study, trial, name, d)

    def after_trial(self, study, trial, state, values):
        self._get(trial).after_trial(study, trial, state, values)
""",
    "a genetic algorithm": """
class Sampler(BaseGASampler):
    def __init__(self):
        super().__init__(population_size=5)
        self._random, self._rng = RandomSampler(seed=0), LazyRandomState(0)
        self.asked = []

    def infer_relative_search_space(self, study, trial):
        return intersection_search_space(study.get_trials(deepcopy=False))

    def select_parent(self, study, generation):
        self.asked.append(generation)
        assert len(self.get_population(study, generation - 1)) >= 5
        pool = self.get_population(study, generation - 1) + self.get_parent_population(study, generation - 1)
        return sorted(pool, key=lambda one: one.value)[:4]

    def sample_relative(self, study, trial, search_space):
        generation = self.get_trial_generation(study, trial)
        parents = self.get_parent_population(study, generation)
        assert len(parents) == (4 if generation else 0)
        if not parents:
            return {}
        return {name: parents[self._rng.rng.randint(4)].params[name] for name in search_space}

    def sample_independent(self, study, trial, name, d):
        return self._random.sample_independent(study, trial, name, d)

    def check(self, study):
        assert self.asked == [1, 2, 3]  # each once
        key = self._get_generation_key()
        assert key == "Sampler:generation"
        assert [one.system_attrs[key] for one in study.trials] == [number // 5 for number in range(20)]
""",
    "Thompson sampling of a choice": """
class Sampler(BaseSampler):
    def __init__(self):
        self.base_sampler = TPESampler(seed=0)
        self._rng = LazyRandomState(0)

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, d):
        if not isinstance(d, CategoricalDistribution):
            return self.base_sampler.sample_independent(study, trial, name, d)
        seen = getattr(study, "samples", {})
        if len(seen) < len(d.choices):
            return d.choices[len(study.trials) % len(d.choices)]
        return min(seen, key=lambda choice: self._rng.rng.choice(seen[choice]))

    def after_trial(self, study, trial, state, values):
        study.samples = getattr(study, "samples", {})
        study.samples.setdefault(trial.params["kind"], []).append(values[0])
""",
    "values that are written into the storage": """
class Sampler(optunahub.samplers.SimpleBaseSampler):
    def sample_relative(self, study, trial, search_space):
        return {}

    def before_trial(self, study, trial):
        d = FloatDistribution(-3, 3)
        self.at = 0.1 * trial.number
        self.storage, self.id = study._storage, trial._trial_id

    def sample_independent(self, study, trial, name, d):
        if name == "n":
            study._storage.set_trial_param(
                trial_id=trial._trial_id, param_name="extra", param_value_internal=0.25,
                distribution=FloatDistribution(0, 1),
            )
        return super().sample_independent(study, trial, name, d)

    def check(self, study):
        assert all(one.params["extra"] == 0.25 for one in study.trials)
""",
    "a subclass of TPE": """
class Sampler(TPESampler):
    def __init__(self):
        super().__init__(seed=0, multivariate=True)

    def sample_relative(self, study, trial, search_space):
        found = super().sample_relative(study, trial, search_space)
        return {**found, "n": 5} if "n" in found else found
""",
    "a wrapper of a wrapper": """
class Inner(optunahub.samplers.SimpleBaseSampler):
    def sample_relative(self, study, trial, search_space):
        return {}


class Sampler(optuna.samplers.PartialFixedSampler):
    def __init__(self):
        super().__init__({"kind": "a"}, Inner(seed=0))
""",
    "a grid by the directions of a study": """
class Sampler(optunahub.samplers.SimpleBaseSampler):
    def sample_relative(self, study: Study, trial: FrozenTrial, search_space):
        assert study.directions == [StudyDirection.MINIMIZE] == [study.direction]
        if not search_space:
            return {}
        d = search_space["x"]
        return {"x": d.low + (d.high - d.low) * (trial.number % 7) / 6}
""",
}


def load_local_module(name: str, folder: Path) -> types.ModuleType:
    """Load a package from its folder, as the hub's package does."""
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::tunesmith.compat.optuna.exceptions.ExperimentalWarning")
@pytest.mark.filterwarnings("ignore:optuna .* is imported already")
@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("storage", ["memory", "file"])
def test_a_sampler_of_the_hub_searches(kind: str, storage: str, tmp_path: Path, monkeypatch) -> None:
    for folder, text in {"samplers": HUB, "hub_sampler": HEAD + SAMPLERS[kind]}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text(text)
    names = ("optunahub", "optunahub.samplers", "hub_sampler")
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    with ours.install():
        sys.modules["optunahub"].samplers = load_local_module("optunahub.samplers", tmp_path / "samplers")
        sampler = load_local_module("hub_sampler", tmp_path / "hub_sampler").Sampler()

    def objective(trial) -> float:
        x, n = trial.suggest_float("x", -3, 3), trial.suggest_int("n", 1, 9)
        return x**2 + n + 3 * (trial.suggest_categorical("kind", ["a", "b"]) == "b")

    url = f"sqlite:///{tmp_path / 'tune.db'}" if storage == "file" else None
    study = ours.create_study(sampler=sampler, storage=url)
    study.optimize(objective, n_trials=20)
    assert study.best_value < 9
    assert all(set(trial.params) >= {"x", "n", "kind"} for trial in study.trials)
    getattr(sampler, "check", lambda study: None)(study)


def test_a_population_without_a_size_is_refused() -> None:
    class Sampler(ours.samplers.BaseGASampler):
        def select_parent(self, study, generation):
            return []

        def infer_relative_search_space(self, study, trial):
            return {}

        def sample_relative(self, study, trial, search_space):
            self.get_trial_generation(study, trial)
            return {}

        def sample_independent(self, study, trial, name, distribution):
            return distribution.low

    sampler = Sampler(None)
    study = ours.create_study(sampler=sampler)
    with pytest.raises(ValueError, match="population_size has to be set"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    sampler.population_size = 3
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=7)
    assert [trial.system_attrs.get("Sampler:generation") for trial in study.trials[1:]] == [0, 0, 0, 1, 1, 1, 2]


def test_lazy_random_numbers() -> None:
    module = importlib.import_module("tunesmith.compat.optuna.samplers._lazy_random_state")
    one, other = module.LazyRandomState(3), pickle.loads(pickle.dumps(module.LazyRandomState(3)))
    assert one.rng is one.rng
    assert one.rng.rand() == other.rng.rand()
