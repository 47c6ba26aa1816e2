"""Trains an estimator of scikit-learn in steps, so that a trial can report, be pruned, pause and go on between them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from tunesmith.errors import TrialPruned
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.integrations.rounds import whole
from tunesmith.trial import Trial

WAYS = ("partial_fit", "n_estimators", "max_iter")
CHANGED = {"n_estimators", "max_iter", "warm_start"}  # parameters that have other values while there are steps to go
TOTALS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)  # their max_iter counts what was fitted before

Advance = Callable[[Any, Any, Any, int], None]  # (estimator, X, y, step): trains it for one more step


class FittedInSteps(NamedTuple):
    """What `fit_in_steps` returns.

    Attributes:
        estimator: the fitted clone.
        score: its score on the rows held out, after the last step.
    """

    estimator: Any
    score: float


@checked()
def fit_in_steps(
    estimator: Any,
    X: Any,
    y: Any,
    trial: Trial,
    *,
    steps: int,
    X_val: Any,
    y_val: Any,
    scoring: Any = None,
    by: str | None = None,
    every: int = 1,
    checkpoint: bool = True,
) -> FittedInSteps:
    """Fit a clone of an estimator in steps, and report its score on rows held out after each.

    What a step is depends on the estimator: one pass over the rows with ``partial_fit`` (``SGDClassifier``,
    ``MLPRegressor``), or, with ``warm_start``, a share of its ``n_estimators`` (gradient boosting, forests) or of its
    ``max_iter`` (``HistGradientBoostingClassifier``, ``LogisticRegression``), so that the last step ends with as many
    as the estimator says. In a pipeline that is the last part; those before it are fitted once. Steps count from 1.

    Args:
        estimator: what is to be fitted, with the trial's parameters; it stays as it is.
        X: rows to train on.
        y: their targets.
        trial: who gets the reports.
        steps: how many.
        X_val: rows held out, the same in all trials.
        y_val: their targets.
        scoring: as in scikit-learn's searches; higher is better, so the study's direction is "maximize". None: the
            estimator's own ``score``.
        by: "partial_fit", "n_estimators" or "max_iter"; None: the first of these that the estimator has.
        every: report each so many steps, and the last.
        checkpoint: save the estimator at each report, so that a paused or interrupted trial goes on from there.

    Returns:
        The fitted estimator, and its score.

    Raises:
        TrialPruned: the trial is to stop.
        TypeError: the estimator cannot be trained in steps.
        ValueError: `steps` or `every` is no whole number above 0, there are more steps than estimators or iterations,
            or `by` is none of the three.

    Example:
        ```python
        import tunesmith
        from sklearn.datasets import load_digits
        from sklearn.linear_model import SGDClassifier
        from sklearn.model_selection import train_test_split
        from tunesmith.integrations.stepwise import fit_in_steps

        X, X_val, y, y_val = train_test_split(*load_digits(return_X_y=True), random_state=0)

        def objective(trial):
            model = SGDClassifier(alpha=trial.suggest_float("alpha", 1e-6, 1, log=True), random_state=0)
            return fit_in_steps(model, X, y, trial, steps=5, X_val=X_val, y_val=y_val).score

        study = tunesmith.create_study(direction="maximize", pruner="median", seed=0)
        study.optimize(objective, n_trials=5)
        ```
    """
    steps, every = whole(steps, "steps"), whole(every, "every")
    state: dict[str, Any] = {"model": clone(estimator)}
    advance = _way(_last_part(state["model"]), by, steps)
    score = math.nan
    rows: tuple[Any, Any] | None = (
        None  # those to train on and those held out, as the last part of a pipeline sees them
    )
    for step in trial.epochs(steps, state if checkpoint else None):
        model = _last_part(state["model"])
        if rows is None:
            rows = _prepared(state["model"], X, y, X_val, is_new=step == 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of course it has not converged: there are more steps
            advance(model, rows[0], y, step)
        if step == steps:
            model.set_params(**{k: v for k, v in _last_part(estimator).get_params(deep=False).items() if k in CHANGED})
        if step % every == 0 or step == steps:
            score = float(check_scoring(model, scoring)(model, rows[1], y_val))
            trial.report(score, step)
            if step != steps and trial.should_prune():
                raise TrialPruned
    return FittedInSteps(state["model"], score)


def _last_part(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _prepared(estimator: Any, X: Any, y: Any, X_val: Any, is_new: bool) -> tuple[Any, Any]:
    """Return the rows as the last part of a pipeline sees them; the parts before it are fitted if they are new."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return X, X_val
    before = estimator[:-1]
    return before.fit_transform(X, y) if is_new else before.transform(X), before.transform(X_val)


def _way(model: Any, by: str | None, steps: int) -> Advance:
    """Return what trains an estimator for a step."""
    if by is not None and by not in WAYS:
        raise ValueError(f"by= is one of {', '.join(map(repr, WAYS))}, or None; got {shown(by)}")
    params = model.get_params(deep=False)
    can = {"partial_fit": hasattr(model, "partial_fit")}
    for name in ("n_estimators", "max_iter"):
        # liblinear begins anew in spite of warm_start.
        can[name] = name in params and "warm_start" in params and params.get("solver") != "liblinear"
    way = by or next((name for name in WAYS if can[name]), None)
    if way is None or not can[way]:
        lacks = by if by is not None else "partial_fit, nor warm_start with n_estimators or max_iter"
        raise TypeError(f"{type(model).__name__} cannot be trained in steps: it has no {lacks} to do so with")
    if way == "partial_fit":
        return _one_pass
    total = params[way]
    if total < steps:
        raise ValueError(f"{steps} steps cannot share {way}={total}: use fewer steps, or a higher {way}")
    goes_on = way == "max_iter" and not isinstance(model, TOTALS)  # max_iter says how many more, not how many in all

    def grow(model: Any, X: Any, y: Any, step: int) -> None:
        until, before = total * step // steps, total * (step - 1) // steps
        model.set_params(**{way: until - before if goes_on else until}, warm_start=True).fit(X, y)

    return grow


def _one_pass(model: Any, X: Any, y: Any, step: int) -> None:
    if is_classifier(model):
        model.partial_fit(X, y, classes=np.unique(y))
    else:
        model.partial_fit(X, y)
