"""Optuna's ``importance`` by this library's evaluators: the same names and arguments, a dict of shares as the result.

`tunesmith.importance.importance` tells more: intervals, and what pure noise would have shown.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

import tunesmith.importance
from tunesmith.compat.optuna._experimental import warn_experimental_argument
from tunesmith.compat.optuna._transform import _SearchSpaceTransform
from tunesmith.compat.optuna.distributions import BaseDistribution, parameter_of
from tunesmith.compat.optuna.names import lead_here
from tunesmith.compat.optuna.states import StudyDirection
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.pareto import ranks
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import listing, shown
from tunesmith.foundation.warnings import caution
from tunesmith.importance import Evaluator, Fanova, PedAnova
from tunesmith.samplers import MIN_SURROGATE_TRIALS
from tunesmith.trial.record import TrialRecord

# -- functions of a trial, such as ``target=``, as this library calls them: on its own records ----------------------

T = TypeVar("T")


def of_records(study: Any, function: Callable[[Any], T] | None) -> Callable[[TrialRecord], T] | None:
    """Return a function of a `FrozenTrial` as one of a record of this library; None: there is none.

    Args:
        study: whose trials they are.
        function: what the program gave.
    """
    if function is None:
        return None
    return lambda record: function(study._frozen(record))


__all__ = [
    "BaseImportanceEvaluator",
    "FanovaImportanceEvaluator",
    "MeanDecreaseImpurityImportanceEvaluator",
    "PedAnovaImportanceEvaluator",
    "get_param_importances",
]

Target = Callable[[Any], float]
FOREST_TREES, FOREST_DEPTH = 64, 64  # Optuna's defaults


class BaseImportanceEvaluator(ABC):
    """What measures importances; derive from it for one of your own."""

    @abstractmethod
    def evaluate(
        self, study: Any, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Args:
            study: the study.
            params: names of parameters; None: all.
            target: what they matter for, of a trial; None: the objective.

        Returns:
            Values by name, 0 or more.
        """


class PedAnovaImportanceEvaluator(BaseImportanceEvaluator):
    """How much each parameter decides of which trials are the best ones, by `tunesmith.importance.PedAnova`.

    Of several objectives without a target, the best ones are those of the first Pareto fronts.

    Args:
        target_quantile: the share of trials that count as the best ones.
        region_quantile: the share of trials, the best ones, that these are compared with.
        evaluate_on_local: compare with where the search looked; False: with the whole space.

    Raises:
        ValueError: not 0 < target_quantile < region_quantile <= 1.
    """

    @checked()
    def __init__(
        self, *, target_quantile: float = 0.1, region_quantile: float = 1.0, evaluate_on_local: bool = True
    ) -> None:
        if not 0.0 < target_quantile < region_quantile <= 1.0:
            raise ValueError(
                "PedAnovaImportanceEvaluator needs 0 < target_quantile < region_quantile <= 1; "
                f"got {shown(target_quantile)} and {shown(region_quantile)}"
            )
        self._region = region_quantile if evaluate_on_local else 1.0
        self.ours = PedAnova(gamma=target_quantile / self._region, weighted=not evaluate_on_local)

    def evaluate(
        self, study: Any, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Args:
            study: the study.
            params: names of parameters; None: all of complete trials.
            target: of a trial; low is good. None: the objectives.

        Returns:
            Values by name.
        """
        if target is None and len(study.directions) > 1:
            target = _place_of(study)
        return _evaluated(self.ours, study, _asked_params(study, params, any), target, self._region)


class WithoutForest(BaseImportanceEvaluator):
    """An evaluator that has a forest in Optuna, and the model of one of this library's evaluators here.

    Below one trial more than there are parameters no model can be fitted; then it is the forest of
    `MeanDecreaseImpurityImportanceEvaluator`.

    Args:
        n_trees: of that forest alone.
        max_depth: of that forest alone.
        seed: of that forest alone: the study's seed makes other values the same each time.
    """

    kind: ClassVar[type[Evaluator]]  # this library's evaluator

    @checked()
    def __init__(self, *, n_trees: int = FOREST_TREES, max_depth: int = FOREST_DEPTH, seed: int | None = None) -> None:
        if (n_trees, max_depth) != (FOREST_TREES, FOREST_DEPTH):
            caution(f"{type(self).__name__}: n_trees= and max_depth= change nothing, there is no forest")
        self._trees, self._depth, self._seed = n_trees, max_depth, seed
        self.ours = self.kind()

    def evaluate(
        self, study: Any, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Args:
            study: the study.
            params: names of parameters; None: those of all complete trials.
            target: of a trial; None: the only objective.

        Returns:
            Values by name.

        Raises:
            ValueError: there are several objectives and no target.
        """
        names = _asked_params(study, params, all)
        trials, _ = _finite_trials(study, target)
        if 2 <= len(trials) < max(MIN_SURROGATE_TRIALS, len({name for trial in trials for name in trial.params}) + 1):
            few = MeanDecreaseImpurityImportanceEvaluator(n_trees=self._trees, max_depth=self._depth, seed=self._seed)
            return few.evaluate(study, params, target=target)
        return _evaluated(self.ours, study, names, target)


class FanovaImportanceEvaluator(WithoutForest):
    """Shares of the variance of the objective, by `tunesmith.importance.Fanova`: its model is a Gaussian process."""

    kind = Fanova


class MeanDecreaseImpurityImportanceEvaluator(BaseImportanceEvaluator):
    """By how much a parameter's splits lower the variance in scikit-learn's random forest (Breiman, 2001).

    It favours parameters with many values, and says nothing of noise; `PedAnovaImportanceEvaluator` does both better.

    Args:
        n_trees: of the forest.
        max_depth: of a tree.
        seed: of the forest.
    """

    def __init__(self, *, n_trees: int = FOREST_TREES, max_depth: int = FOREST_DEPTH, seed: int | None = None) -> None:
        self._trees, self._depth, self._seed = n_trees, max_depth, seed

    def evaluate(
        self, study: Any, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Args:
            study: the study.
            params: names of parameters; None: those of all complete trials.
            target: of a trial; None: the only objective.

        Returns:
            Values by name.

        Raises:
            ValueError: there are several objectives and no target.
            ImportError: scikit-learn is not installed.
        """
        from sklearn.ensemble import RandomForestRegressor

        names = _asked_params(study, params, all)
        trials, y = _finite_trials(study, target)
        trials, y = _with_all(trials, y, names)
        if len(trials) < 2 or not names:
            return dict.fromkeys(names, 0.0)
        columns, owners = _forest_columns([[trial.params[name] for trial in trials] for name in names])
        forest = RandomForestRegressor(self._trees, max_depth=self._depth, random_state=self._seed)
        shares = forest.fit(columns, y).feature_importances_
        return _sort_dict_by_importance({name: float(shares[owners == i].sum()) for i, name in enumerate(names)})


@checked("params")
def get_param_importances(
    study: Any,
    *,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    target: Target | None = None,
    normalize: bool = True,
) -> dict[str, float]:
    """Return the importance of each parameter, the largest first.

    Args:
        study: the study.
        evaluator: None: `PedAnovaImportanceEvaluator`.
        params: names of parameters; None: those that the evaluator takes.
        target: what they matter for, of a complete trial; None: the objective.
        normalize: divide by the sum.

    Returns:
        Values by name; all the same where no parameter matters.

    Raises:
        TypeError: it is not an evaluator, or the parameters are not a list of names.
        ValueError: a parameter is unknown, or there are several objectives and the evaluator needs a target.
    """
    evaluator = PedAnovaImportanceEvaluator() if evaluator is None else evaluator
    if not isinstance(evaluator, BaseImportanceEvaluator):
        raise TypeError(f"evaluator must be an object of a BaseImportanceEvaluator; got {shown(evaluator)}")
    if not normalize:
        warn_experimental_argument("normalize")
    found = evaluator.evaluate(study, params=params, target=target)
    if not normalize:
        return found
    total = sum(found.values())
    return {name: value / total if total else 1.0 / len(found) for name, value in found.items()}


def _evaluated(
    ours: Evaluator, study: Any, names: list[str], target: Target | None, region: float = 1.0
) -> dict[str, float]:
    """Return what an evaluator of this library finds, with what noise alone gives, since Optuna does not subtract that.

    Args:
        region: only this share of the trials counts, the best ones.
    """
    trials, y = _finite_trials(study, target)
    if len(trials) < 2 or not names or np.ptp(y) == 0:
        return dict.fromkeys(names, 0.0)
    native, target = study.native, of_records(study, target)
    if region < 1.0:
        sign = -1.0 if target is None and study.directions[0] == StudyDirection.MAXIMIZE else 1.0
        best = np.sort(np.argsort(sign * y, kind="stable")[: max(2, math.ceil(region * len(y)))])
        native, target = _study_of_trials([trials[i] for i in best], sign * y[best]), None
    table = tunesmith.importance.importance(native, evaluator=ours, params=names, target=target)
    return _sort_dict_by_importance({row.name: max(0.0, row.value + row.bias) for row in table.rows})


def _study_of_trials(trials: list[Any], y: Any) -> Any:
    """Return some trials as a study of their own, which minimises y."""
    part = tunesmith.create_study(seed=0)
    part.add_trials(
        tunesmith.create_trial(
            params=trial.params,
            distributions={name: parameter_of(d) for name, d in trial.distributions.items()},
            value=value,
        )
        for trial, value in zip(trials, y.tolist(), strict=True)
    )
    return part


def _asked_params(study: Any, params: Any, there: Callable[[Any], bool]) -> list[str]:
    """Return the parameters that are asked for.

    Args:
        params: names; None: those that `there` says.
        there: any or all: of the complete trials, that have a parameter.

    Raises:
        TypeError: they are not a list of names.
        ValueError: no complete trial has one of them.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = list(dict.fromkeys(name for trial in trials for name in trial.params))
    if params is None:
        return [name for name in known if there(name in trial.params for trial in trials)]
    if not isinstance(params, Sequence) or isinstance(params, str) or not all(isinstance(p, str) for p in params):
        raise TypeError(f"params must be a list of parameter names; got {shown(params)}")
    missing = [name for name in params if name not in known]
    if missing:
        raise ValueError(f"no complete trial has the parameter {missing[0]!r} (parameters: {listing(known)})")
    return list(params)


def _finite_trials(study: Any, target: Target | None) -> tuple[list[Any], Any]:
    """Return the complete trials with finite values, and the values.

    Raises:
        ValueError: there are several objectives and no target.
    """
    if target is None and len(study.directions) > 1:
        raise ValueError(
            f"the study has {len(study.directions)} objectives: say for which of them, by "
            "target=, for example target=lambda t: t.values[0]"
        )
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    y = np.array([trial.value if target is None else target(trial) for trial in trials], float)
    finite = np.isfinite(y)
    return [trial for trial, use in zip(trials, finite, strict=True) if use], y[finite]


def _with_all(trials: list[Any], y: Any, names: list[str]) -> tuple[list[Any], Any]:
    use = np.array([all(name in trial.params for name in names) for trial in trials], bool)
    return [trial for trial, take in zip(trials, use, strict=True) if take], y[use]


def _forest_columns(values: list[list[Any]]) -> tuple[Any, Any]:
    """Return columns for a forest, and the parameter of each; each choice has a column of its own."""
    columns, owners = [], []
    for i, of in enumerate(values):
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in of):
            columns.append(np.array(of, float))
            owners.append(i)
            continue
        labels = [repr(value) for value in of]
        for label in sorted(set(labels)):
            columns.append(np.array([label == other for other in labels], float))
            owners.append(i)
    return np.stack(columns, axis=1), np.array(owners)


def _place_of(study: Any) -> Target:
    """Return a target of several objectives: the number of the Pareto front that a trial is on."""
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if all(map(math.isfinite, trial.values))
    ]
    signs = np.array([-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in study.directions])
    front = ranks(np.array([trial.values for trial in trials]).reshape(len(trials), len(signs)) * signs)
    place = {trial.number: float(rank) for trial, rank in zip(trials, front, strict=True)}
    return lambda trial: place.get(trial.number, math.nan)


def _sort_dict_by_importance(param_importances: dict[str, float]) -> dict[str, float]:
    return dict(sorted(param_importances.items(), key=lambda item: -item[1]))


# -- what evaluators of other libraries are made of ----------------------------------------------------------------


def _get_distributions(study: Any, params: list[str] | None) -> dict[str, BaseDistribution]:
    names = _asked_params(study, params, all)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if all(name in trial.distributions for name in names):
            return {name: trial.distributions[name] for name in sorted(names)}
    raise ValueError(f"no complete trial has all of the parameters {listing(names)}")


def _get_filtered_trials(study: Any, params: Iterable[str], target: Target | None) -> list[Any]:
    trials, y = _finite_trials(study, target)
    return _with_all(trials, y, list(params))[0]


def _get_trans_params(trials: Sequence[Any], trans: _SearchSpaceTransform) -> Floats:
    return np.array([trans.transform(trial.params) for trial in trials])


def _get_target_values(trials: Sequence[Any], target: Target | None) -> Floats:
    return np.array([trial.value if target is None else target(trial) for trial in trials], float)


def _param_importances_to_dict(params: Sequence[str], param_importances: Floats) -> dict[str, float]:
    return dict(zip(params, np.broadcast_to(param_importances, len(params)).tolist(), strict=True))


lead_here(__name__)
