"""``tune``: from a table to a tuned model in the time that there is, with an honest score of what is returned."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, replace
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring, make_scorer
from sklearn.utils.metaestimators import available_if

from tunesmith.foundation.formats import duration_text
from tunesmith.foundation.languages import Words, say, told, wrapped_for_terminal
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.selection import HonestScore
from tunesmith.selection.choice import USUAL_RISK, caution_of_risk
from tunesmith.selection.leaderboard import LEADERBOARD
from tunesmith.selection.metric import in_time_order
from tunesmith.sklearn.checks.rows import leaks, settle_cv
from tunesmith.sklearn.checks.scoring import unknown_metric
from tunesmith.sklearn.evaluate.evaluator import WarnOnce
from tunesmith.sklearn.evaluate.pool import Pool
from tunesmith.sklearn.evaluate.task import Task
from tunesmith.sklearn.protocols import CrossValidation, Data, RandomState, Scoring, Split
from tunesmith.sklearn.store.fingerprint import describe, describe_data, describe_estimator, describe_splits
from tunesmith.storage import Storage, open_storage
from tunesmith.study import Study, create_study, run_loop
from tunesmith.study.progress.audience import wants_progress
from tunesmith.study.study import METRIC_NAMES
from tunesmith.study.verdict import Verdict
from tunesmith.tables.budget import Clock
from tunesmith.tables.candidates import Standings
from tunesmith.tables.columns import TableColumns
from tunesmith.tables.engine import TableSearch
from tunesmith.tables.families import MODEL_KINDS, Family, family, given_family, joint_space, usual_kinds
from tunesmith.tables.final import choose_members, fit_choice, full_report, leaderboard, out_of_fold, results
from tunesmith.tables.folds import deal_again, levels_of, make_folds
from tunesmith.tables.judge import Judge, Table, Tested
from tunesmith.tables.progress import TuneProgress
from tunesmith.tables.responses import Fact, Measure, Responding
from tunesmith.tables.store import SEARCH, SEARCH_RETRIES, Kept, Recalled, check_same, known_search
from tunesmith.tables.target import Target, read_target
from tunesmith.tables.values import array_of, is_gap, take_rows

if TYPE_CHECKING:
    from tunesmith.report.content import Content
    from tunesmith.tables.learning import LearningCurve

WORKERS_FROM_SECONDS = 5.0  # of time, that further processes, which take seconds to start, are worth


def _has_probabilities(tuner: Any) -> bool:
    return getattr(tuner, "target_", None) is None or tuner.target_.classes is not None


@dataclass(eq=False, repr=False)
class TableTuner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Chooses a model for a table, tunes it, and says what to expect of it; `tune` makes one and fits it.

    Args:
        models: what to choose from: "auto", names, estimators, a list or a dict of them; see `tune`.
        task: "classification" or "regression"; None: as the targets look.
        scoring: the metric: a name or a scorer; None: accuracy, or R².
        cv: "auto", the number of folds, a splitter, or pairs of rows; None: five, or as many as there is time for.
        timeout: seconds for all of this ``fit``; None: no limit, which needs `n_trials`. What is found in a time is not
            repeatable; see `tune`.
        n_trials: how many candidates to try in all, those of earlier runs included; None: no limit.
        risk: the share of searches that may return an ensemble that is worse than the best single model.
        level: of the intervals.
        fidelity: "auto": candidates are fitted on few rows first; None: on all rows of the folds at once.
        ensemble: whether an average of several models may be returned.
        storage: where to keep candidates, so that the search goes on when it is run again: no fit is made twice.
        study_name: the study's name in the storage; None: "tune".
        sampler: who proposes candidates: a name of the registry, or a sampler.
        n_jobs: how many fits run at once, by joblib's rules; with less than 5 seconds one, since workers start slowly.
        random_state: seeds the search, and models that are named. A search that goes on keeps its seed.
        verbose: whether to print what was inferred, and the report.
        progress: whether to show how it goes; see `tune`.

    Attributes:
        best_estimator_: what was chosen, fitted on all rows: a `TableClassifier` or a `TableRegressor`.
        best_params_: parameters of the best single model.
        best_score_: its mean score on the folds, which is too good; see `honest_score_`.
        honest_score_: the `HonestScore` of what is returned, an ensemble too; None: nothing could be tested.
        report_: the `Report`, with what was inferred; print it.
        leaderboard_: the best of each family: a `Leaderboard`.
        cv_results_: a dict of columns, one entry a candidate.
        out_of_fold_: what the model answered for rows that it was not fitted on: an `OutOfFold`.
        study_: the `Study`.
        target_: what was inferred of the targets.
        notes_: what was inferred, in sentences.
        classes_: the labels, where there are any.
        seconds_: what ``fit`` took.
    """

    models: Any = "auto"
    _: KW_ONLY
    task: str | None = None
    scoring: Scoring = None
    cv: CrossValidation | str = None
    timeout: float | None = 60.0
    n_trials: int | None = None
    risk: float = USUAL_RISK
    level: float = 0.95
    fidelity: str | None = "auto"
    ensemble: bool = True
    storage: Any = None
    study_name: str | None = None
    sampler: Any = "tpe"
    n_jobs: int | None = None
    random_state: RandomState = None
    verbose: bool = False
    progress: bool | None = None

    # -- fit -------------------------------------------------------------------------------------------------------

    def fit(self, X: Data, y: Data, *, groups: Data = None, sample_weight: Data = None) -> TableTuner:
        """Search, and fit what is chosen on all rows.

        Args:
            X: rows, [n_samples, n_features]: an array, a frame of pandas or polars, or a sparse matrix.
            y: targets, [n_samples]: classes or numbers.
            groups: labels [n_samples] of rows that belong together; they are never in training and test rows both.
            sample_weight: of the rows [n_samples], for fits and for the metric.

        Returns:
            self.

        Raises:
            ValueError: what was given cannot be used; nothing was fitted then.
            ResumeError: the study in the storage belongs to other rows, another metric, other folds or other models.
        """
        self._check()
        clock = Clock(time.monotonic(), self._seconds)
        storage = None if self.storage is None else open_storage(self.storage)
        before = None if storage is None else known_search(storage, self._name)
        seed = _seed_of(self.random_state) if before is None else before[0]
        target = read_target(y, self.task)
        _check_target(target)
        X, groups, weight = _rows_with_target(X, target, groups, sample_weight)
        columns = TableColumns().fit(X)
        matrix = columns.transform(X)
        classifies, n_rows = target.classes is not None, len(target.y)
        measure = Measure.of(self.scoring, target.classes)
        families = self._families(X, matrix, columns, target, seed)
        rows = matrix if not any(f.is_given for f in families) else X
        if rows is X:  # estimators of the user's get what the user gave
            families = [f if f.is_given else replace(f, before=FrozenEstimator(columns)) for f in families]
        cv, groups, why = settle_cv(self.cv, X, target.y, groups)
        table = Table(rows, columns, target, measure, groups, weight, seed)
        folds = make_folds(cv, target.y, groups, classifies, seed)
        measure.check(target.y, folds, weight)
        self.target_ = target
        found = leaks(X, target.y, folds, groups)
        if not self.verbose:
            for one in found:
                caution(one.sentence)
        odd = [one.sentence for one in found]
        if any(one.says_how_to_split for one in found):
            odd.append('cv="auto" (--cv auto) splits the rows so.')
        self.notes_ = (*target.notes, *columns.notes_, *why, *odd, self._intent(table, families, len(folds)))
        if self.verbose:
            print(wrapped_for_terminal("\n".join(map(told, self.notes_))), flush=True)
        levels = [] if self.fidelity is None else levels_of(*folds[0], ordered=in_time_order(folds), seed=seed)
        same = {} if storage is None else _identity(table, families, [*levels, *folds], self.scoring)
        if before is not None and before[1] is not None:
            check_same(self._name, before[1], same)
        study = self._study(storage, families, seed, measure)
        if study.system_attrs.get(SEARCH) is None:
            study.set_system_attr(METRIC_NAMES, [measure.label.name])
            study.set_system_attr(SEARCH, same)
        study.recover()
        may_deal = self.timeout is not None or storage is not None
        dealt = deal_again(cv, target.y, groups, classifies, seed) if may_deal else []
        standings, shown = Standings(families, levels, folds, dealt, n_rows), wants_progress(self.progress)
        n_jobs = self.n_jobs if self._seconds >= WORKERS_FROM_SECONDS else 1
        with WarnOnce(), Pool(n_jobs, "n_jobs") as pool, ExitStack() as ending:
            kept = Kept(study, storage is not None, self.timeout, self.n_trials, pool.n_workers)
            workers = Recalled(pool, kept)
            search = TableSearch(study, standings, clock, workers, kept, may_cut=cv is None)
            progress = None
            if shown:
                left = clock.left if clock.limited else None
                progress = TuneProgress(standings, measure, workers, self.n_trials, left, self.progress is True)
                ending.callback(progress.close)
            pool.prepare(_task(families, table), [*levels, *folds, *chain.from_iterable(dealt)])
            try:
                run_loop(workers, search)
            except BaseException:
                study.interrupt()
                raise
            search.close()
            self.study_ = study
            if progress is not None:
                progress.phase(say("choosing, and fitting on all rows"))
            self._finish(standings, clock, table)
            if progress is not None:
                progress.conclude(self.honest_score_)
        self._data = (X, target.y, weight, folds)
        self.seconds_ = time.monotonic() - clock.start
        if self.verbose:  # what was inferred has been said
            rest = tuple(note for note in self.report_.notes if note not in self.notes_)
            print(wrapped_for_terminal(str(replace(self.report_, notes=rest))))
        return self

    @property
    def _seconds(self) -> float:
        return math.inf if self.timeout is None else float(self.timeout)

    def _check(self) -> None:
        """See that the settings make sense before anything is fitted.

        Raises:
            ValueError: one does not.
        """
        if self.timeout is None and self.n_trials is None:
            raise ValueError("tune needs timeout= or n_trials=, or it would never end: both are None")
        timeout, n_trials, level = (cast(Any, v) for v in (self.timeout, self.n_trials, self.level))
        if timeout is not None and not (isinstance(timeout, Real) and float(timeout) > 0):
            raise ValueError(f"tune: timeout is a number of seconds above 0, or None; got {shown(self.timeout)}")
        if n_trials is not None and not (isinstance(n_trials, int | np.integer) and n_trials > 0):
            raise ValueError(f"tune: n_trials is a whole number from 1 on, or None; got {shown(self.n_trials)}")
        if self.fidelity not in ("auto", None):
            raise ValueError(f"tune: fidelity is 'auto' or None; got {shown(self.fidelity)}")
        if not (isinstance(level, Real) and 0.0 < float(level) < 1.0):
            raise ValueError(f"tune: level lies between 0 and 1, such as 0.95; got {shown(self.level)}")
        caution_of_risk(self.risk)
        if isinstance(self.scoring, list | tuple | set | dict):
            raise ValueError(f"tune decides by one metric; scoring={shown(self.scoring)} names several")
        if (wrong := unknown_metric(self.scoring)) is not None:
            raise ValueError(f"tune: scoring {wrong}")

    def _families(self, X: Data, matrix: Any, columns: TableColumns, target: Target, seed: int) -> list[Family]:
        """Return the families to choose from."""
        categories, classifies = tuple(sorted(columns.categories_.items())), target.classes is not None
        names = usual_kinds(len(target.y), hasattr(matrix, "tocsr")) if _is_auto(self.models) else self.models
        found = []
        for name, one in _named_models(names):
            if isinstance(one, str):
                made = family(one, matrix, target.y, categories, target.task, seed)
                found.append(replace(made, name=name))
            elif is_classifier(one) != classifies:
                raise ValueError(
                    f"tune: {name} {'predicts numbers' if classifies else 'classifies'}, and the targets are "
                    f"{'classes' if classifies else 'numbers'}; task= says otherwise"
                )
            else:
                found.append(given_family(name, one, X, target.y, seed))
        return found

    def _intent(self, table: Table, families: list[Family], n_folds: int) -> str:
        """Say what is going to be done."""
        task = "regression" if table.target.classes is None else "classification"
        names = [f.name for f in families]
        missing = [name for name in ("lightgbm", "xgboost", "catboost") if name not in names]
        words = f"This is a {task} by {table.measure.label.name}, on {n_folds} folds: {', '.join(names)}."
        more = missing and _is_auto(self.models) and not hasattr(table.rows, "tocsr")
        return words + (f" pip install {' '.join(missing)} adds more." if more else "")

    def _study(self, storage: Storage | None, families: list[Family], seed: int, measure: Measure) -> Study:
        """Return the study, which was begun before or not."""
        return create_study(
            direction="maximize" if measure.label.greater_is_better else "minimize",
            storage=storage,
            study_name=None if storage is None and self.study_name is None else self._name,
            load_if_exists=storage is not None,
            sampler=self.sampler,
            space=joint_space(families),
            seed=seed,
            retries=None if storage is None else SEARCH_RETRIES,
        )

    @property
    def _name(self) -> str:
        return self.study_name or "tune"

    # -- what is returned ------------------------------------------------------------------------------------------

    def _finish(self, standings: Standings, clock: Clock, table: Table) -> None:
        """Choose, fit on all rows, and report."""
        tested = Tested.of(standings)
        if tested is None:
            why = "; ".join(f"{name}: {error}" for name, (error, _) in standings.failures.items())
            within = f" within {duration_text(self._seconds)}" if math.isfinite(self._seconds) else ""
            raise ValueError(f"tune: no model could be fitted{within}. {why}")
        judge = Judge(table, tested, self.level, self.risk)
        choice = choose_members(judge, clock, self.ensemble)
        best, n_trials = choice.best, len(self.study_.history)
        self.best_estimator_ = fit_choice(judge, clock, choice)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.best_estimator_, name):
                setattr(self, name, getattr(self.best_estimator_, name))
        self.report_ = full_report(judge, choice, n_trials, self.notes_)
        self.honest_score_: HonestScore | None = self.report_.score
        self.best_params_, self.best_score_ = dict(best.trial.params), tested.mean(best)
        self.best_index_ = standings.candidates.index(best)
        self.cv_results_ = results(standings)
        self.leaderboard_ = leaderboard(judge, choice.members, self.report_)
        self.out_of_fold_ = out_of_fold(judge, choice)
        self.study_.store_verdict(Verdict(self.report_, self.best_params_, best.number, n_trials, "tune"))
        self.study_.set_system_attr(LEADERBOARD, self.leaderboard_.to_json())

    # -- after the fit ---------------------------------------------------------------------------------------------

    def predict(self, X: Data) -> Any:
        """Return what is predicted of rows X: classes or numbers [n_samples]."""
        return self._fitted().predict(X)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, X: Data) -> Floats:
        """Return probabilities of classes [n_samples, n_classes] of rows X, in the order of ``classes_``."""
        return np.asarray(self._fitted().predict_proba(X))

    def score(self, X: Data, y: Data) -> float:
        """Return the score of predictions for rows X by the metric of the search.

        Args:
            X: rows.
            y: their targets.

        Returns:
            the score; greater is better.
        """
        return float(Measure.of(self.scoring, self.target_.classes).scorer(self._fitted(), X, y))

    def explain(self, n_repeats: int = 5, n_folds: int = 3, random_state: RandomState = 0) -> Any:
        """Return how much each column matters for predictions of rows that were not fitted on.

        The chosen model is fitted again without a fold, whose values of each column are then shuffled: what the metric
        loses is the importance (`sklearn.inspection.permutation_importance`).

        Args:
            n_repeats: how often each column is shuffled on a fold.
            n_folds: on how many folds.
            random_state: seeds the shuffling.

        Returns:
            an `Importances`: print it, or take its ``rows``.

        Raises:
            NotFittedError: nothing was fitted, or this is a copy or a pickle, which has no rows.
            ValueError: a number is below 1.
        """
        from tunesmith.tables.importances import column_importances

        X, y, weight, folds = self._rows("explain()")
        for name, number in (("n_repeats", n_repeats), ("n_folds", n_folds)):
            if number < 1:
                raise ValueError(f"explain: {name} is a whole number from 1 on; got {shown(number)}")
        measure = Measure.of(self.scoring, self.target_.classes)
        return column_importances(
            self._fitted(), X, y, weight, folds[:n_folds], measure, n_repeats, self.level, random_state
        )

    def learning_curve(self, *, n_folds: int = 3) -> LearningCurve:
        """Fit the model again on a quarter, on half and on all of the training rows of folds: would more rows help?

        Args:
            n_folds: on how many folds, three fits on each.

        Returns:
            a `LearningCurve`, for `tunesmith.visualization.plot_learning_curve`.

        Raises:
            NotFittedError: nothing was fitted, or this is a copy or a pickle, which has no rows.
            ValueError: the number is below 1, or there are too few rows.
        """
        from tunesmith.tables.learning import learning_curve

        X, y, weight, folds = self._rows("learning_curve()")
        if n_folds < 1:
            raise ValueError(f"learning_curve: n_folds is a whole number from 1 on; got {shown(n_folds)}")
        return learning_curve(
            self._fitted(), X, y, weight, folds[:n_folds], Measure.of(self.scoring, self.target_.classes)
        )

    def _rows(self, what: str) -> tuple[Any, Any, Any, list[Split]]:
        """Return what was given to `fit`: rows, targets, weights and folds.

        Args:
            what: needs them.

        Raises:
            NotFittedError: there are none.
        """
        if getattr(self, "_data", None) is None:
            raise NotFittedError(f"{what} needs the rows, which a copy or a pickle does not have: call fit(X, y)")
        found: tuple[Any, Any, Any, list[Split]] = self._data
        return found

    def _fitted(self) -> Any:
        if not hasattr(self, "best_estimator_"):
            raise NotFittedError("this TableTuner is not fitted: call fit(X, y) first")
        return self.best_estimator_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_estimator_")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("_data", "study_")}

    def _report_content_(self, words: Words) -> Content | None:
        from tunesmith.tables.report import TableResults, of_table  # only reports need it

        return of_table(TableResults(self), words) if hasattr(self, "report_") else None

    def _repr_html_(self) -> str:
        if not hasattr(self, "report_"):
            return str(super()._repr_html_inner())
        return self.report_.card(type(self).__name__) + self.leaderboard_._repr_html_()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # which notebooks ask first; scikit-learn's is a diagram
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


# ----------------------------------------------------------------------------------------------------------------------


def _identity(table: Table, families: list[Family], splits: list[Split], scoring: Scoring) -> dict[str, Any]:
    """Return what has to be the same for a search to go on: rows, metric, folds and models."""
    target, measure = table.target, table.measure
    return {
        "X": describe_data(table.rows),
        "columns": describe(getattr(table.columns, "feature_names_in_", None)),
        "y": describe_data(target.y),
        "classes": describe(target.classes),
        "groups": describe_data(table.groups),
        "sample_weight": describe_data(table.weight),
        "scoring": measure.name if measure.named else describe(scoring),
        "splits": describe_splits(splits),
        "models": {one.name: describe_estimator(one.estimator) for one in families},
        "space": joint_space(families).signature,
    }


def _task(families: list[Family], table: Table) -> Task:
    """Return what workers are to do."""
    target, measure, weight = table.target, table.measure, table.weight
    n_classes = 0 if target.classes is None else len(target.classes)
    template = Responding(families, n_classes)
    facts = {fact.name: fact for fact in map(Fact, ("rounds", "seconds", "bytes"))}
    scorer = check_scoring(template, scoring={"score": make_scorer(measure.score), **facts}, raise_exc=False)
    params = {} if weight is None else {"sample_weight": weight}
    return Task(
        estimator=template,
        X=table.rows,
        y=target.y,
        scorer=scorer,
        fit_params=params,
        score_params=params,
        train_scores=False,
        error_score=math.nan,
        verbose=0,
        n_splits=0,
        n_candidates=0,
        prefix_bytes=0,
        metric="score",
        record=True,
        once=True,
    )


def _seed_of(random_state: RandomState) -> int:
    """Return a seed.

    Raises:
        ValueError: it is neither a seed nor a generator.
    """
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0]) >> 1
    drawn: Any = random_state
    if not isinstance(drawn, np.random.RandomState | np.random.Generator):
        raise ValueError(f"tune: random_state is a whole number, a generator of NumPy, or None; got {shown(drawn)}")
    return int(drawn.randint(2**31) if hasattr(drawn, "randint") else drawn.integers(2**31))


def _check_target(target: Target) -> None:
    """See that the targets can be compared with predictions.

    Raises:
        ValueError: labels are texts and numbers, or squares of the numbers cannot be held.
    """
    if target.classes is not None:
        kinds = {isinstance(label, str): label for label in target.classes.tolist()}
        if len(kinds) > 1:
            raise ValueError(
                f"tune: {target.name} holds texts and other labels, such as {kinds[True]!r} and {kinds[False]!r}; give "
                "labels of one kind: [str(label) for label in y]"
            )
        return
    if not (float(np.ptp(target.y)) > 1e-140 and float(np.abs(target.y).max()) < 1e140):
        raise ValueError(
            f"tune: {target.name} goes from {target.y.min():.4g} to {target.y.max():.4g}, and the squares of such "
            "numbers cannot be held; give it in another unit"
        )


def _rows_with_target(X: Data, target: Target, groups: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Return the rows that have a target, with their groups and weights.

    Raises:
        ValueError: lengths differ, or a weight is negative or no number.
    """
    if isinstance(X, list | tuple):
        X = array_of(X)
    if not hasattr(X, "shape") and not hasattr(X, "__len__"):
        raise ValueError(f"tune: X must be a table (a frame, an array, or a list of rows); got {shown(X)}")
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    given = len(target.y) if target.kept is None else len(target.kept)
    if n != given:
        raise ValueError(f"tune: X has {n:,} rows and y has {given:,}; each row needs its target")
    groups = None if groups is None else _codes_of(groups)
    try:
        weight = None if weight is None else np.asarray(weight, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"tune: sample_weight holds numbers >= 0; {error}") from error
    for name, values in (("groups", groups), ("sample_weight", weight)):
        if values is not None and values.shape != (n,):
            raise ValueError(f"tune: {name} has the shape {values.shape}; one entry for each of {n:,} rows is expected")
    if weight is not None and not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError("tune: sample_weight holds numbers >= 0, not all of them 0")
    if target.kept is None or target.kept.all():
        return X, groups, weight
    at = np.flatnonzero(target.kept)
    return take_rows(X, at), None if groups is None else groups[at], None if weight is None else weight[at]


def _codes_of(groups: Any) -> NDArray[Any]:
    """Return groups as numbers, the same for the same labels; rows without a label are a group."""
    array = np.asarray(groups)
    if array.dtype != object:
        return array
    place: dict[Any, int] = {}
    return np.array([place.setdefault(None if is_gap(g) else g, len(place)) for g in array.ravel()]).reshape(
        array.shape
    )


def _is_auto(models: Any) -> bool:
    return isinstance(models, str) and models == "auto"


def _named_models(given: Any) -> list[tuple[str, Any]]:
    """Return names and estimators, or names of kinds, of what was given.

    Raises:
        ValueError: it is nothing that can be chosen from.
    """
    if isinstance(given, str) or hasattr(given, "get_params"):
        given = [given]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple) and given and all(isinstance(one, tuple) and len(one) == 2 for one in given):
        pairs = list(given)  # as pipelines and ensembles of scikit-learn are written
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError(f"tune: two models have one name in {shown([name for name, _ in pairs])}")
    elif isinstance(given, list | tuple):
        names = [one.replace(" ", "_") if isinstance(one, str) else type(one).__name__.lower() for one in given]
        repeated = {name for name in names if names.count(name) > 1}
        numbered = [f"{name}_{i}" if name in repeated else name for i, name in enumerate(names, 1)]
        pairs = list(zip(numbered, given, strict=True))
    else:
        raise ValueError(f"tune takes 'auto', names, estimators, a list or a dict of them; got {shown(given)}")
    if not pairs:
        raise ValueError("tune: there is no model to choose from; 'auto' takes the usual ones")
    for name, one in pairs:
        if not isinstance(name, str) or "__" in name or name in ("", "model"):
            raise ValueError(
                f"tune: {shown(name)} cannot be the name of a model: it begins the names of its parameters, so it "
                "is a text without '__'"
            )
        if isinstance(one, type):
            raise ValueError(f"tune: {name!r} is the class {one.__name__}; give an estimator, such as {one.__name__}()")
        if not isinstance(one, str) and not hasattr(one, "fit"):
            raise ValueError(
                f"tune: {name!r} is {shown(one)}; give an estimator, or the name of a kind: {[*MODEL_KINDS]}"
            )
    return pairs


def tune(
    models: Any = "auto",
    X: Data = None,
    y: Data = None,
    *,
    task: str | None = None,
    scoring: Scoring = None,
    groups: Data = None,
    sample_weight: Data = None,
    cv: CrossValidation | str = None,
    timeout: float | None = 60.0,
    n_trials: int | None = None,
    risk: float = USUAL_RISK,
    level: float = 0.95,
    fidelity: str | None = "auto",
    ensemble: bool = True,
    storage: Any = None,
    study_name: str | None = None,
    sampler: Any = "tpe",
    n_jobs: int | None = None,
    random_state: RandomState = None,
    verbose: bool = True,
    progress: bool | None = None,
) -> TableTuner:
    """Tune a model for a table in the time that there is, and say what to expect of it.

    Columns are prepared as each kind of model needs them: gaps, categories, dates, texts, identifiers. Candidates are
    fitted on a few hundred rows first, and only the better ones on more. What is returned is the best single model,
    or an average of several where that is credibly better, fitted on all rows.

    Args:
        models: "auto": a linear model, boosted trees of each library that is installed, forests and, for few rows,
            neighbours and a support vector machine; or a name ("linear", "lightgbm", "boosting", "extra_trees",
            "forest", "xgboost", "catboost", "svm", "neighbours", "network", "tree"), an estimator, a list of names
            and estimators, or a dict or a list of pairs of them by names of your own. An estimator gets X as it is;
            one whose parameters nobody knows is tried with its own values.
        X: rows, [n_samples, n_features]: an array, a frame of pandas or polars, or a sparse matrix.
        y: targets, [n_samples]: classes or numbers; a row without one is left out.
        task: "classification" or "regression"; None: as the targets look, which is told.
        scoring: the metric: a name or a scorer; None: accuracy, or R².
        groups: labels [n_samples] of rows that belong together; they are never in training and test rows both.
        sample_weight: of the rows [n_samples], for fits and for the metric.
        cv: the number of folds, a splitter, or pairs of rows; None: five, or as many of them as there is time for;
            "auto": the same, but rows of one identifier stay together, and rows in time are tested on later ones.
        timeout: seconds for all of this call, the last fit included; None: no limit, which needs `n_trials`. What fits
            in a time differs from run to run, and so may what is found, with a `random_state` too; `n_trials` with
            ``timeout=None`` and one job finds the same again.
        n_trials: how many candidates to try in all, those of an earlier run included; None: no limit.
        risk: the share of searches that may return an average that is worse than the best single model.
        level: of the intervals.
        fidelity: "auto": candidates are fitted on few rows first; None: on all rows of the folds at once.
        ensemble: whether an average of several models may be returned.
        storage: where to keep candidates: a file ("tune.db"), an SQLAlchemy URL or a storage. The same call goes on,
            and makes no fit twice.
        study_name: the study's name in the storage; None: "tune".
        sampler: who proposes candidates: a name of the registry, or a sampler.
        n_jobs: how many fits run at once, by joblib's rules; with less than 5 seconds one, since workers start slowly.
        random_state: seeds the search, and models that are named. A search that goes on keeps its seed.
        verbose: whether to print what was inferred, and the report.
        progress: whether to show, from the first second on, a line with the candidates that are done, the best score,
            its honest value by the folds, and the time left; in a terminal also the best of each family so far. None:
            in a terminal or a notebook, if no library calls; elsewhere nothing is printed. True: everywhere; in a file
            as a line every few seconds. In any case the logger ``tunesmith`` tells each candidate at level INFO.

    Returns:
        the search, fitted: ``predict``, ``best_estimator_``, ``honest_score_``, ``report_``, ``leaderboard_``,
        ``explain()`` and the rest.

    Raises:
        ValueError: what was given cannot be used; nothing was fitted then.
        ResumeError: the study in the storage belongs to other rows, another metric, other folds or other models.

    Example:
        ```python
        from sklearn.datasets import load_wine

        import tunesmith

        X, y = load_wine(return_X_y=True)
        search = tunesmith.tune("auto", X, y, timeout=10, random_state=0)
        print(search.leaderboard_)
        ```
    """
    if X is None or y is None:
        raise ValueError('tune needs rows and targets: tunesmith.tune("auto", X, y)')
    tuner = TableTuner(
        models,
        task=task,
        scoring=scoring,
        cv=cv,
        timeout=timeout,
        n_trials=n_trials,
        risk=risk,
        level=level,
        fidelity=fidelity,
        ensemble=ensemble,
        storage=storage,
        study_name=study_name,
        sampler=sampler,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
        progress=progress,
    )
    return tuner.fit(X, y, groups=groups, sample_weight=sample_weight)
