"""Small studies of every kind, which the suite of samplers runs, stops and resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunesmith.samplers.base import Sampler
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.storage.base import Storage
from tunesmith.study import Study, create_study, load_study
from tunesmith.trial import Trial

NAME = "course"


@dataclass(frozen=True)
class Course:
    """An objective and its space.

    Attributes:
        name: what it is an example of.
        objective: takes a trial, or the parameters as a dict if a space is declared.
        directions: one for each objective.
        space: the declared space; None: the objective defines it as it runs.
        searched: the space that a sampler sees in the end.
    """

    name: str
    objective: Callable[[Any], Any]
    searched: Space
    directions: tuple[str, ...] = ("minimize",)
    space: Space | None = None

    def start(self, sampler: Sampler, storage: Storage | None, seed: int) -> Study:
        """Create the study."""
        return create_study(
            storage=storage,
            sampler=sampler,
            study_name=NAME,
            directions=list(self.directions),
            seed=seed,
            space=self.space,
        )

    def load(self, sampler: Sampler, storage: Storage) -> Study:
        """Load the study from a storage that holds it, into new objects."""
        study = load_study(study_name=NAME, storage=storage, sampler=sampler)
        if self.space is not None:
            study.declare(self.space)
        return study

    def run(self, study: Study, n_trials: int) -> None:
        """Run some trials; failures do not stop the study."""
        study.optimize(self.objective, n_trials=n_trials, space=self.space, catch=(ArithmeticError,))

    def points(self, study: Study) -> list[tuple[int, str, dict[str, Any], Any]]:
        """Return number, state, parameters and values of each trial."""
        return [(t.number, t.state.name, t.params, t.values) for t in study.trials]


def _by_run(trial: Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    model = trial.suggest_categorical("model", ["linear", "tree"])
    if model == "linear":
        return x**2 + trial.suggest_float("rate", 1e-4, 1, log=True)
    depth = trial.suggest_int("depth", 1, 4)
    if x > 0.7:
        raise ArithmeticError("the run diverged")
    return float("nan") if x < -0.9 else x**2 + 1 / depth


def _declared(params: dict[str, Any]) -> float:
    return float(params["x"] ** 2 + params.get("rate", 0.3))


def _low_below_high(params: dict[str, Any]) -> float:
    if params["high"] - params["low"] == 1:
        raise ArithmeticError("too near")
    return float(params["high"] - params["low"])


def _two(trial: Trial) -> tuple[float, float]:
    x = trial.suggest_float("x", 0, 1)
    k = trial.suggest_int("k", 1, 9)
    trial.set_constraint("size", k - 7)
    return x, (1 - x) * k


_MODELS = Space(
    x=Float(-1, 1),
    model=["linear", "tree"],
    rate=Float(1e-4, 1, log=True).when(model="linear"),
    depth=Int(1, 4).when(model="tree"),
)
_FLAT = Space({name: p.with_condition(None) for name, p in _MODELS.params.items()})
_ORDERED = Space(low=Int(0, 9), high=Int(0, 9), kind=Categorical(["a", "b"]), constraints=lambda low, high: low < high)
COURSES = (
    Course("define-by-run", _by_run, _FLAT),
    Course("conditional", _declared, _MODELS, space=_MODELS),
    Course("constrained", _low_below_high, _ORDERED, space=_ORDERED, directions=("maximize",)),
    Course("two-objectives", _two, Space(x=Float(0, 1), k=Int(1, 9)), directions=("minimize", "maximize")),
)
