"""``tune``: from a table to a tuned model in the time that there is, with an honest score of what is returned."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring, make_scorer
from sklearn.utils.metaestimators import available_if

from tunesmith.errors import ResumeError
from tunesmith.languages import say
from tunesmith.numerics.arrays import Floats
from tunesmith.selection import HonestScore, Report
from tunesmith.selection.choice import USUAL_RISK, caution
from tunesmith.selection.metric import in_time_order, tested_rows
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.checks.scoring import unknown_metric
from tunesmith.sklearn.evaluate.evaluator import WarnOnce
from tunesmith.sklearn.evaluate.pool import Pool
from tunesmith.sklearn.evaluate.task import Task
from tunesmith.sklearn.protocols import CrossValidation, Data, Params, RandomState, Scoring, Split
from tunesmith.sklearn.results.conclusion import Conclusion, conclude_chosen
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store.fingerprint import describe_params
from tunesmith.state import TrialState
from tunesmith.study import Study, create_study
from tunesmith.study.engine.loop import run_loop
from tunesmith.study.verdict import Verdict
from tunesmith.tables.columns import TableColumns
from tunesmith.tables.engine import SAFETY, STRETCHED, Candidate, Clock, TableSearch, levels_of
from tunesmith.tables.ensemble import LIBRARY, Chosen, choose_ensemble
from tunesmith.tables.families import KINDS, RARE, Family, family, given_family, joint_space, usual_kinds
from tunesmith.tables.folds import make_folds
from tunesmith.tables.leaderboard import ENSEMBLE, Leaderboard, Place
from tunesmith.tables.leaderboard import KEY as LEADERBOARD
from tunesmith.tables.model import TableClassifier, TableRegressor
from tunesmith.tables.responses import Fact, Measure, Responding, bytes_of, fitted, rounds_in, rounds_of, seconds_of
from tunesmith.tables.rounds import REFIT
from tunesmith.tables.target import Target, read_target
from tunesmith.tables.values import array_of, is_missing, take_rows
from tunesmith.text import shown

AGAIN = 5  # candidates of an earlier run that are fitted again, since their answers were not stored
FEWEST_ROWS = 50  # that a last fit has, where there is no time for all
OVER = 0.07  # of the timeout, that a last fit may take where nothing is left of it
SPENT = 0.9  # part of the time that is left, that last fits may be predicted to take


def _has_probabilities(tuner: Any) -> bool:
    return getattr(tuner, "target_", None) is None or tuner.target_.classes is not None


class TableTuner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Chooses a model for a table, tunes it, and says what to expect of it; `tune` makes one and fits it.

    Args:
        models: what to choose from: "auto", names, estimators, a list or a dict of them; see `tune`.
        task: "classification" or "regression"; None: as the targets look.
        scoring: the metric: a name or a scorer; None: accuracy, or R².
        cv: the number of folds, a splitter, or pairs of rows; None: five, or as many of them as there is time for.
        timeout: seconds for all of ``fit``; None: no limit, which needs `n_trials`.
        n_trials: how many candidates to try in all; None: no limit.
        risk: the share of searches that may return an ensemble that is worse than the best single model.
        level: of the intervals.
        fidelity: "auto": candidates are fitted on few rows first; None: on all rows of the folds at once.
        ensemble: whether an average of several models may be returned.
        storage: where to keep candidates, so that the search goes on when it is run again.
        study_name: the study's name in the storage; None: "tune".
        sampler: who proposes candidates: a name of the registry, or a sampler.
        n_jobs: how many fits run at once, by joblib's rules.
        random_state: seeds the search, and models that are named.
        verbose: whether to print what was inferred, and the report.

    Attributes:
        best_estimator_: what was chosen, fitted on all rows: a `TableClassifier` or a `TableRegressor`.
        best_params_: parameters of the best single model.
        best_score_: its mean score on the folds, which is too good; see `honest_score_`.
        honest_score_: the `HonestScore` of what is returned, an ensemble too; None: nothing could be tested.
        report_: the `Report`, with what was inferred; print it.
        leaderboard_: the best of each family: a `Leaderboard`.
        cv_results_: a dict of columns, one entry a candidate.
        study_: the `Study`.
        target_: what was inferred of the targets.
        notes_: what was inferred, in sentences.
        classes_: the labels, where there are any.
        seconds_: what ``fit`` took.
    """

    def __init__(
        self,
        models: Any = "auto",
        *,
        task: str | None = None,
        scoring: Scoring = None,
        cv: CrossValidation = None,
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
        verbose: bool = False,
    ) -> None:
        self.models = models
        self.task = task
        self.scoring = scoring
        self.cv = cv
        self.timeout = timeout
        self.n_trials = n_trials
        self.risk = risk
        self.level = level
        self.fidelity = fidelity
        self.ensemble = ensemble
        self.storage = storage
        self.study_name = study_name
        self.sampler = sampler
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

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
        """
        self._check()
        clock = Clock(time.monotonic(), self._seconds())
        seed = _seed_of(self.random_state)
        target = read_target(y, self.task)
        X, (groups, weight) = _kept(X, target, groups, sample_weight)
        columns = TableColumns().fit(X)
        matrix = columns.transform(X)
        self.target_, self.notes_ = target, (*target.notes, *columns.notes_)
        classes = target.classes
        measure = Measure.of(self.scoring, classes)
        families, alone = self._families(X, matrix, columns, target, seed)
        rows = matrix if all(f.kind is not None for f in families) else X
        if rows is X:  # estimators of the user's get what the user gave
            families = [f if f.kind is None else replace(f, before=FrozenEstimator(columns)) for f in families]
        folds = make_folds(self.cv, X, target.y, groups, classes is not None, seed)
        measure.check(target.y, folds, weight)
        self.notes_ = (*self.notes_, self._told(target, measure, families, folds, alone))
        if self.verbose:
            print("\n".join(self.notes_), flush=True)
        study, again = self._study(families, seed, (len(target.y), matrix.shape[1], measure.name))
        levels = [] if self.fidelity is None else levels_of(*folds[0], ordered=in_time_order(folds), seed=seed)
        with WarnOnce(), Pool(self.n_jobs, "n_jobs") as pool:
            pool.capacity = pool.n_workers
            task = _task(families, rows, target, measure, weight)
            search = TableSearch(
                study, families, levels, folds, len(target.y), clock, self.n_trials, pool,
                self.cv is None, again,
            )  # fmt: skip
            pool.prepare(task, [*levels, *folds])
            try:
                run_loop(pool, search)
            finally:
                search.close()
            self.study_ = study
            self._finish(search, measure, target, X, rows, columns, groups, weight, seed, clock)
        self._data = (X, target.y, weight, folds)
        self.seconds_ = time.monotonic() - clock.start
        if self.verbose:
            print(self.report_)
        return self

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
        caution(self.risk)
        if isinstance(self.scoring, list | tuple | set | dict):
            raise ValueError(f"tune decides by one metric; scoring={shown(self.scoring)} names several")
        if (wrong := unknown_metric(self.scoring)) is not None:
            raise ValueError(f"tune: scoring {wrong}")

    def _families(
        self, X: Data, matrix: Any, columns: TableColumns, target: Target, seed: int
    ) -> tuple[list[Family], list[str]]:
        """Return the families to choose from, and the names of those that are left out."""
        kind = {"binary": "binary", "multiclass": "multiclass"}.get(target.task, "continuous")
        categories = tuple(sorted(columns.categories_.items()))
        rare = target.classes is not None and np.bincount(target.y).min() < RARE * len(target.y) / len(target.classes)
        given = self.models
        automatic = isinstance(given, str) and given == "auto"
        pairs = _pairs(usual_kinds(len(target.y), hasattr(matrix, "tocsr")) if automatic else given)
        found = []
        for name, one in pairs:
            if isinstance(one, str):
                found.append(replace(family(one, matrix, target.y, categories, kind, rare, seed), name=name))
            else:
                if is_classifier(one) != (target.classes is not None):
                    raise ValueError(
                        f"tune: {name} {'classifies' if is_classifier(one) else 'predicts numbers'}, and the targets "
                        f"are {'classes' if target.classes is not None else 'numbers'}; task= says otherwise"
                    )
                found.append(given_family(name, one, X, target.y, seed))
        missing = [n for n in ("lightgbm", "xgboost", "catboost") if automatic and n not in {f.name for f in found}]
        return found, missing if not hasattr(matrix, "tocsr") else []

    def _told(
        self, target: Target, measure: Measure, families: list[Family], folds: list[Split], missing: list[str]
    ) -> str:
        """Say what is going to be done."""
        task = "classification" if target.classes is not None else "regression"
        words = f"This is a {task} by {measure.name}, on {len(folds)} folds: {', '.join(f.name for f in families)}."
        return words + (f" pip install {' '.join(missing)} adds more." if missing else "")

    def _study(self, families: list[Family], seed: int, data: tuple[Any, ...]) -> tuple[Study, list[Params]]:
        """Return the study, and the points of its best candidates, if it was begun before.

        Raises:
            ResumeError: it belongs to other data, or to another choice.
        """
        space = joint_space(families)
        asked = {"data": list(data), "space": space.signature}
        study = create_study(
            direction="maximize",
            storage=self.storage,
            study_name="tune" if self.study_name is None and self.storage is not None else self.study_name,
            load_if_exists=self.storage is not None,
            sampler=self.sampler,
            space=space,
            seed=seed,
        )
        before = study.system_attrs.get("tables")
        if before is None:
            study.set_system_attr("tables", asked)
        elif before != asked:
            raise ResumeError(
                f"tune: the study {study.study_name!r} belongs to other data, another metric or other models; give "
                "another study_name= or storage="
            )
        study.recover()
        while any(t.state is TrialState.WAITING for t in study.trials):  # left by a run that was ended, in mid-fit
            study.tell(study.ask(), state=TrialState.FAIL, reason="the run that it belonged to was ended")
        done = [t for t in study.trials if t.state is TrialState.COMPLETE]
        done.sort(key=lambda t: -float(t.value or 0.0))
        return study, [dict(t.params) for t in done[:AGAIN]]

    # -- what is returned ------------------------------------------------------------------------------------------

    def _finish(
        self,
        search: TableSearch,
        measure: Measure,
        target: Target,
        X: Data,
        rows: Any,
        columns: TableColumns,
        groups: Any,
        weight: Any,
        seed: int,
        clock: Clock,
    ) -> None:
        """Choose, fit on all rows, and report."""
        tested = _Tested.of(search)
        if tested is None:
            why = "; ".join(f"{name}: {error}" for name, error in search.failures.items())
            raise ValueError(f"tune: no model could be fitted within {self.timeout} seconds. {why}")
        judge = _Judge(self, tested, measure, target, groups, weight)
        order = sorted(tested.candidates, key=lambda c: -tested.mean(c))
        made = judge.conclude(tested.candidates)
        index = made.index if made.index is not None else tested.candidates.index(order[0])
        best = tested.candidates[index]
        report, members, notes = made.report, [(best, 1.0)], []
        costs = {c.number: REFIT * SAFETY * search.predicted(c.family, search.n_rows, c) for c in tested.candidates}
        budget = math.inf if math.isinf(clock.seconds) else max(SPENT * clock.left, OVER * clock.seconds)
        if self.ensemble and len(order) > 1 and math.isfinite(tested.mean(order[1])):
            library = order[:LIBRARY]
            chosen = judge.ensemble(library, [costs[c.number] for c in library], budget, seed)
            used = [(c, float(w)) for c, w in zip(library, chosen.weights, strict=True) if w > 0.0]
            average = judge.average(chosen) if len(used) > 1 else None
            if average is not None and average.score is not None:
                members = sorted(used, key=lambda pair: -pair[1])
                score = replace(
                    _adapted(average.score, made.score), gain_over_default=None, beats_default=None, p_value=None
                )
                report = replace(report, score=replace(score, n_candidates=len(search.candidates)))
                notes.append(_average_note(members, chosen.gain))
        self._fit_members(search, members, best, target, rows, columns, weight, clock, budget, costs, notes)
        self._report(search, report, made, notes, best, judge, tested, members)

    def _fit_members(
        self,
        search: TableSearch,
        members: list[tuple[Candidate, float]],
        best: Candidate,
        target: Target,
        rows: Any,
        columns: TableColumns,
        weight: Any,
        clock: Clock,
        budget: float,
        costs: Mapping[int, float],
        notes: list[str],
    ) -> None:
        """Fit what was chosen on all rows, or on as many as there is time for."""
        at: Any = np.arange(search.n_rows)
        needed = sum(costs[c.number] for c, _ in members) * (STRETCHED if best.family.elastic else 1.0)
        if needed > budget and len(members) == 1:
            power = members[0][0].family.power
            n = max(int(search.n_rows * (budget / needed) ** (1.0 / power)), min(FEWEST_ROWS, search.n_rows))
            if n < search.n_rows:
                at = np.sort(np.random.default_rng(0).permutation(search.n_rows)[:n])
                if target.classes is not None:  # a member of each class
                    at = np.unique(np.concatenate([at, np.unique(target.y, return_index=True)[1]]))
                notes.append(
                    f"The model was fitted on {len(at):,} of {search.n_rows:,} rows: there was no time for all."
                )
        part = rows if len(at) == search.n_rows else take_rows(rows, at)
        models: list[Any] = []
        unfitted: list[tuple[str, Any]] = []
        kept: list[float] = []
        cut: list[str] = []
        for candidate, share in members:
            rounds = [r for r in candidate.rounds.values() if math.isfinite(r)]
            last = [candidate.rounds[s] for s in candidate.rounds if s >= len(search.levels)]
            rounds = [r for r in last if math.isfinite(r)] or rounds
            settled = candidate.family.kind is not None and candidate.family.kind.rounds
            n_rounds = max(1, round(REFIT * float(np.mean(rounds)))) if rounds and settled else None
            if models and clock.left < STRETCHED * costs[candidate.number]:
                cut.append(candidate.family.name)
                continue
            ends = None if clock.ends is None else max(clock.ends, time.monotonic() + OVER * clock.seconds)
            timed = candidate.family.build(candidate.params, n_rounds, ends)
            model = fitted(timed, part, target.y[at], None if weight is None else weight[at])
            if models and n_rounds and rounds_in(model) < STRETCHED * n_rounds:
                cut.append(candidate.family.name)
                continue
            models.append(model)
            name = f"{candidate.family.name}_{candidate.number}"
            unfitted.append((name, candidate.family.build(candidate.params, n_rounds)))
            kept.append(share)
        if cut:
            notes.append(f"Left out of the average, because there was no time to fit them: {', '.join(cut)}.")
        total = sum(kept)
        cls = TableRegressor if target.classes is None else TableClassifier
        shared = (
            None
            if rows is not None and any(f.before is not None or f.kind is None for f in search.families)
            else columns
        )
        made: Any = cls(shared, unfitted, None if len(kept) == 1 else [share / total for share in kept])
        if target.classes is not None:
            made.classes_ = self.classes_ = target.classes
        self.best_estimator_ = made._take(shared, models)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(columns, name):
                setattr(self, name, getattr(columns, name))
                setattr(made, name, getattr(columns, name))

    def _report(
        self,
        search: TableSearch,
        report: Report,
        made: Conclusion,
        notes: list[str],
        best: Candidate,
        judge: _Judge,
        tested: _Tested,
        members: list[tuple[Candidate, float]],
    ) -> None:
        """Say what was chosen, what it is worth, and what it took."""
        counts = len([c for c in search.candidates if c.screens or c.scores or c.state is TrialState.FAIL])
        per_row = sum(c.answering for c, _ in members)
        if math.isfinite(per_row):
            notes.append(f"A prediction takes about {_seconds_text(per_row)} for 1,000 rows.")
        if tested.note:
            notes.append(tested.note)
        for name, error in search.failures.items():
            notes.append(f"{name} failed: {error}")
        params = dict(best.trial.params)
        self.report_ = replace(
            report,
            chosen=params if len(members) == 1 else {"ensemble": _shares(members)},
            n_candidates=counts,
            n_fits=search.n_fits,
            n_fits_saved=None,
            adaptive=True,
            notes=(*notes, *self.notes_, *report.notes),
        )
        self.honest_score_: HonestScore | None = self.report_.score
        self.best_params_, self.best_score_, self.best_index_ = params, tested.mean(best), search.candidates.index(best)
        self.cv_results_ = _results(search)
        self.leaderboard_ = _leaderboard(search, judge, tested, members, self.report_, self.best_estimator_)
        if self.report_.chosen is not None:
            verdict = Verdict(self.report_, params, best.number, len(self.study_.history), "tune")
            self.study_.store_verdict(verdict)
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

        if getattr(self, "_data", None) is None:
            raise NotFittedError("explain() needs the rows, which a copy or a pickle does not have: call fit(X, y)")
        X, y, weight, folds = self._data
        for name, number in (("n_repeats", n_repeats), ("n_folds", n_folds)):
            if number < 1:
                raise ValueError(f"explain: {name} is a whole number from 1 on; got {shown(number)}")
        measure = Measure.of(self.scoring, self.target_.classes)
        return column_importances(
            self._fitted(),
            X,
            measure.labels(y),
            y,
            weight,
            folds[:n_folds],
            measure,
            n_repeats,
            self.level,
            random_state,
        )

    def _fitted(self) -> Any:
        if not hasattr(self, "best_estimator_"):
            raise NotFittedError("this TableTuner is not fitted: call fit(X, y) first")
        return self.best_estimator_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_estimator_")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("_data", "study_")}

    def _repr_html_(self) -> str:
        if not hasattr(self, "report_"):
            return repr(self)
        return self.report_._repr_html_() + self.leaderboard_._repr_html_()


# ----------------------------------------------------------------------------------------------------------------------
# What candidates were tested on, and what is concluded from it.


class _Tested:
    """The candidates that can be compared: those with answers on the same rows.

    Attributes:
        candidates: at least one.
        splits: on which all of them were tested.
        numbers: of these splits, the levels before the folds.
        note: what a reader has to know; None: nothing.
    """

    def __init__(self, search: TableSearch, candidates: list[Candidate], numbers: list[int], note: str | None) -> None:
        self.candidates, self.numbers, self.note = candidates, numbers, note
        self.splits = [search.split(number) for number in numbers]
        self._n_levels = len(search.levels)

    @classmethod
    def of(cls, search: TableSearch) -> _Tested | None:
        """Return the candidates of a search that came furthest; None: none has a score."""
        n, used = len(search.levels), search.used
        done = list(search.complete())
        note = None
        if used < len(search.folds):
            part = "one of the folds" if used == 1 else f"{used} of the {len(search.folds)} folds"
            note = f"Candidates were tested on {part}: there was no time for all."
        if not done and (some := [c for c in search.candidates if c.scores]):
            leader = max(some, key=lambda c: len(c.scores))
            used = len(leader.scores)
            order = sorted(leader.scores)
            done = [c for c in some if set(order) <= set(c.scores)]
            note = f"Candidates were tested on {used} of the {len(search.folds)} folds: the time was up."
            return cls(search, done, [n + k for k in order], note)
        if done:
            return cls(search, done, list(range(n, n + used)), note)
        screened = [c for c in search.candidates if c.screens]
        if not screened:
            return None
        level = max(max(c.screens) for c in screened)
        rows = len(search.levels[level][0])
        note = f"Candidates were fitted on {rows:,} rows only: the time was up."
        return cls(search, [c for c in screened if level in c.screens], [level], note)

    def scores(self, candidate: Candidate) -> list[float]:
        """Return a candidate's scores, by split."""
        n = self._n_levels
        return [candidate.screens[k] if k < n else candidate.scores[k - n] for k in self.numbers]

    def mean(self, candidate: Candidate) -> float:
        """Return the mean of a candidate's scores."""
        return float(np.mean(self.scores(candidate)))

    def pooled(self, candidate: Candidate) -> tuple[NDArray[Any], Floats]:
        """Return the tested rows, ascending, and a candidate's answers for them, their mean where there are several."""
        rows = tested_rows(self.splits)
        first = candidate.known[self.numbers[0]]
        total, count = np.zeros((len(rows), *first.shape[1:])), np.zeros(len(rows))
        for number, (_, test) in zip(self.numbers, self.splits, strict=True):
            at = np.searchsorted(rows, test)
            np.add.at(total, at, candidate.known[number])
            np.add.at(count, at, 1.0)
        return rows, total / (count if total.ndim == 1 else count[:, None])


class _Judge:
    """Draws conclusions from answers, as the other searches do."""

    def __init__(
        self, tuner: TableTuner, tested: _Tested, measure: Measure, target: Target, groups: Any, weight: Any
    ) -> None:
        self.tuner, self.tested, self.measure, self.target = tuner, tested, measure, target
        self.groups, self.weight = groups, weight
        self.y = measure.labels(target.y)
        self.labels = np.unique(self.y)

    def conclude(self, candidates: Sequence[Candidate]) -> Conclusion:
        """Choose among candidates, and estimate what the chosen one scores on new rows."""
        known = [[c.known[number] for number in self.tested.numbers] for c in candidates]
        return self._conclude([dict(c.trial.params) for c in candidates], known, None, True)

    def ensemble(self, library: list[Candidate], costs: list[float], budget: float, seed: int) -> Chosen:
        """Choose an ensemble of candidates, the best first."""
        pooled = [self.tested.pooled(c) for c in library]
        rows = pooled[0][0]
        weight = None if self.weight is None else self.weight[rows]
        groups = None if self.groups is None else np.asarray(self.groups)[rows]
        return choose_ensemble(
            [known for _, known in pooled], self.target.y[rows], self.measure, weight, groups, costs, budget, seed
        )

    def average(self, chosen: Chosen) -> Conclusion | None:
        """Return the conclusion on an average of models; None: a single one is credibly better.

        In doubt it is the average: over 25 searches of twelve tables it was better than the best single model by 0.2 ±
        0.1 points on other rows, and by as much where the search itself saw no gain.
        """
        rows = tested_rows(self.tested.splits)
        parts = [np.searchsorted(rows, test) for _, test in self.tested.splits]
        known = [[one[at] for at in parts] for one in (chosen.known, chosen.single)]
        made = self._conclude([{"members": 2}, {"members": 1}], known, 0, False)
        return made if made.index == 0 else None

    def _conclude(
        self, params: list[dict[str, Any]], known: list[list[Floats]], default: int | None, adaptive: bool
    ) -> Conclusion:
        splits, y = self.tested.splits, self.target.y
        scores = np.full((len(known), len(splits)), np.nan)
        seen: list[list[Predictions | None] | None] = []
        for i, own in enumerate(known):
            row: list[Predictions | None] = []
            for k, (_, test) in enumerate(splits):
                weight = None if self.weight is None else self.weight[test]
                scores[i, k], predicted = self.measure.seen(y[test], own[k], self.labels, weight)
                row.append(predicted)
            seen.append(row)
        evidence = Evidence(
            params=params,
            numbers=list(range(len(params))),
            keys=[describe_params(p) for p in params],
            scores=scores,
            ran=np.ones(scores.shape, bool),
            predictions=seen,
            splits=splits,
            own_splits=[splits] * len(params),
            y=self.y,
            labels=self.labels,
            sample_weight=self.weight,
            groups=self.groups,
            metric=None,
        )
        stand_in: Any = DummyRegressor() if self.target.classes is None else DummyClassifier()
        search = SimpleNamespace(
            estimator=stand_in, scoring=self.measure.name, level=self.tuner.level, refit=True, risk=self.tuner.risk,
            cv=None, _checked_cv_orig=None,
        )  # fmt: skip
        return conclude_chosen(evidence, None, default, search, self.measure.scorer, adaptive, [])


# ----------------------------------------------------------------------------------------------------------------------


def _task(families: list[Family], rows: Any, target: Target, measure: Measure, weight: Any) -> Task:
    """Return what workers are to do."""
    n_classes = 0 if target.classes is None else len(target.classes)
    template = Responding(families, n_classes)
    facts = {"rounds": Fact(rounds_of), "seconds": Fact(seconds_of), "bytes": Fact(bytes_of)}
    scorer = check_scoring(template, scoring={"score": make_scorer(measure.score), **facts}, raise_exc=False)
    params = {} if weight is None else {"sample_weight": weight}
    return Task(
        estimator=template,
        X=rows,
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
        ValueError: it is none, nor draws one.
    """
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0]) >> 1
    drawn: Any = random_state
    if not isinstance(drawn, np.random.RandomState | np.random.Generator):
        raise ValueError(f"tune: random_state is a whole number, a generator of NumPy, or None; got {shown(drawn)}")
    return int(drawn.randint(2**31) if hasattr(drawn, "randint") else drawn.integers(2**31))


def _kept(X: Data, target: Target, groups: Any, weight: Any) -> tuple[Any, tuple[Any, Any]]:
    """Return the rows that have a target, with their groups and weights.

    Raises:
        ValueError: lengths differ, or a weight is negative or no number.
    """
    if isinstance(X, list | tuple):
        X = array_of(X)
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
        return X, (groups, weight)
    at = np.flatnonzero(target.kept)
    return take_rows(X, at), (None if groups is None else groups[at], None if weight is None else weight[at])


def _codes_of(groups: Any) -> NDArray[Any]:
    """Return groups as numbers, the same for the same labels; rows without a label are a group."""
    array = np.asarray(groups)
    if array.dtype != object:
        return array
    place: dict[Any, int] = {}
    return np.array([place.setdefault(None if is_missing(g) else g, len(place)) for g in array.ravel()]).reshape(
        array.shape
    )


def _pairs(given: Any) -> list[tuple[str, Any]]:
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
            raise ValueError(f"tune: {name!r} is {shown(one)}; give an estimator, or the name of a kind: {list(KINDS)}")
    return pairs


def _adapted(score: HonestScore, single: HonestScore | None) -> HonestScore:
    """Return the honest score of an average, corrected for what its members adapted to.

    Its weights are judged on rows that they were not chosen on, but the search proposed its members after scores on all
    of these rows. By how much that makes them too good is what is known of the best single one; it is as uncertain as
    it is large.

    Args:
        score: of the average, by rows that its weights were not chosen on.
        single: of the best single candidate; None: not known.
    """
    luck = 0.0 if single is None or not math.isfinite(single.optimism) else max(single.optimism, 0.0)
    low, high = score.interval
    value = score.value - luck
    below = value - math.hypot(score.value - low, luck)
    low = max(below, 0.0) if low >= 0.0 else below
    return replace(score, value=value, interval=(low, high), optimism=score.optimism + luck)


def _shares(members: Sequence[tuple[Candidate, float]]) -> str:
    return ", ".join(f"{share:.0%} {candidate.family.name}" for candidate, share in members)


def _average_note(members: Sequence[tuple[Candidate, float]], gain: float) -> str:
    better = (
        f"better than the best single model by {gain:.3g}" if gain > 0.0 else "no better than the best single model"
    )
    return (
        f"An average of {len(members)} models is returned. On rows that it was not chosen on it was {better}; "
        "ensemble=False keeps to one model."
    )


def _seconds_text(seconds: float) -> str:
    return f"{1e3 * seconds:.2g} ms" if seconds < 1.0 else f"{seconds:.2g} s"


def _results(search: TableSearch) -> dict[str, Any]:
    """Return the candidates as columns, those of scikit-learn's ``cv_results_`` and how far each came."""
    own = search.candidates
    scores = np.array([[c.scores.get(k, math.nan) for k in range(search.used)] for c in own]).reshape(len(own), -1)
    found: dict[str, Any] = {"params": [dict(c.trial.params) for c in own]}
    for k in range(scores.shape[1]):
        found[f"split{k}_test_score"] = scores[:, k]
    ran = np.isfinite(scores).sum(axis=1)
    with np.errstate(all="ignore"):
        mean = np.array([c.mean for c in own])
        found["mean_test_score"] = mean
        found["std_test_score"] = np.array([np.std(list(c.scores.values())) if c.scores else math.nan for c in own])
    merit = [(-int(n), -m if math.isfinite(m) else math.inf) for n, m in zip(ran, mean, strict=True)]
    found["rank_test_score"] = np.array([1 + sum(m < one for m in merit) for one in merit], np.int32)
    found["n_splits_run"] = ran
    found["mean_fit_time"] = np.array([np.mean([s for _, s in c.seconds]) if c.seconds else math.nan for c in own])
    found["rows"] = np.array([max((n for n, _ in c.seconds), default=0) for c in own])
    found["state"] = [c.state.name for c in own]
    return found


def _leaderboard(
    search: TableSearch,
    judge: _Judge,
    tested: _Tested,
    members: Sequence[tuple[Candidate, float]],
    report: Report,
    model: Any,
) -> Leaderboard:
    """Return the best of each family, and the ensemble if one is returned."""
    places = []
    if len(members) > 1:
        places.append(
            Place(
                ENSEMBLE,
                report.score,
                sum(search.predicted(c.family, search.n_rows, c) for c, _ in members),
                sum(c.answering for c, _ in members),
                sum(c.size for c, _ in members),
                len(members),
                "",
                {},
            )
        )
    for one in search.families:
        own = [c for c in tested.candidates if c.family is one]
        if own:
            made = judge.conclude(own)
            best = own[made.index] if made.index is not None else max(own, key=tested.mean)
            score, why = made.score, ""
        else:
            rest = [c for c in search.candidates if c.family is one and (c.screens or c.scores)]
            if not rest:
                places.append(Place(one.name, None, math.nan, math.nan, math.nan, 0, search.failures.get(
                    one.name, say("there was no time for it")), {}))  # fmt: skip
                continue
            best = max(rest, key=lambda c: (len(c.scores), max(c.screens, default=-1)))
            score, why = None, best.why
        places.append(
            Place(
                one.name,
                score,
                search.predicted(one, search.n_rows, best),
                best.answering,
                best.size,
                sum(c.family is one for c in search.candidates),
                why,
                best.params,
            )
        )
    return Leaderboard.of(places)


def tune(
    models: Any = "auto",
    X: Data = None,
    y: Data = None,
    *,
    task: str | None = None,
    scoring: Scoring = None,
    groups: Data = None,
    sample_weight: Data = None,
    cv: CrossValidation = None,
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
        cv: the number of folds, a splitter, or pairs of rows; None: five, or as many of them as there is time for.
        timeout: seconds for all, the last fit included; None: no limit, which needs `n_trials`.
        n_trials: how many candidates to try in all, those of an earlier run included; None: no limit.
        risk: the share of searches that may return an average that is worse than the best single model.
        level: of the intervals.
        fidelity: "auto": candidates are fitted on few rows first; None: on all rows of the folds at once.
        ensemble: whether an average of several models may be returned.
        storage: where to keep candidates: a file ("tune.db"), an SQLAlchemy URL or a storage. The same call goes on.
        study_name: the study's name in the storage; None: "tune".
        sampler: who proposes candidates: a name of the registry, or a sampler.
        n_jobs: how many fits run at once, by joblib's rules.
        random_state: seeds the search, and models that are named.
        verbose: whether to print what was inferred, and the report.

    Returns:
        the search, fitted: ``predict``, ``best_estimator_``, ``honest_score_``, ``report_``, ``leaderboard_``,
        ``explain()`` and the rest.

    Raises:
        ValueError: what was given cannot be used; nothing was fitted then.

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
    )
    return tuner.fit(X, y, groups=groups, sample_weight=sample_weight)
