"""``SearchCV``: any sampler over any space, under scikit-learn's contract."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state

from tunesmith.foundation import registry
from tunesmith.foundation.languages import say
from tunesmith.foundation.warnings import caution
from tunesmith.samplers import GridSampler, Sampler
from tunesmith.samplers.without_duplicates import WithoutDuplicates
from tunesmith.selection.choice import USUAL_RISK, check_risk, check_simplest, complexities
from tunesmith.selection.when_to_stop import RULES
from tunesmith.sklearn._compat import HasMethods, Interval, StrOptions, callback_context
from tunesmith.sklearn.checks.rows import group_splitter, settle_cv
from tunesmith.sklearn.checks.scoring import check_scores
from tunesmith.sklearn.evaluate.evaluator import WarnOnce
from tunesmith.sklearn.evaluate.folds import as_array, reshuffled_cv
from tunesmith.sklearn.evaluate.pool import BatchSizer, Deadline, Pool
from tunesmith.sklearn.protocols import CrossValidation, Data, ErrorScore, Estimator, RandomState, Refit, Scoring
from tunesmith.sklearn.results.chosen_by_rows import further
from tunesmith.sklearn.results.conclusion import (
    SearchesHere,
    conclude,
    conclude_once,
    one_of_these,
    settings_digest,
    store_conclusion,
)
from tunesmith.sklearn.results.evidence import FinishedSearch, SelectionSettings
from tunesmith.sklearn.results.last_fit import with_last_fit
from tunesmith.sklearn.search.base_search_cv import BaseSearchCV, without_removed
from tunesmith.sklearn.search.default import default_params, default_row, tied_to_choices
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.search.fidelity import check_fidelity
from tunesmith.sklearn.search.sequential import SequentialSearch
from tunesmith.sklearn.store.candidates import CandidateStore
from tunesmith.space import Space
from tunesmith.space.estimators.first import first_rows
from tunesmith.space.estimators.joined import resolve
from tunesmith.study import Study
from tunesmith.study.create import WarmStart

# ----------------------------------------------------------------------------------------------------------------------
# How many candidates a search tries, and with which sampler. Each point of a small space is tried once.

USUAL_TRIALS = 50  # by default
USUAL_FOLDS = 5  # of groups that rows name themselves


def budget(n_trials: int | str | None, timeout: float | None, sampler: Any, space: Space) -> tuple[int | None, Any]:
    """Return the number of candidates to try, None for no limit, and the sampler to make the study with.

    Cross-validation on the same splits gives the same scores again, so that no point of a finite space is worth a
    second candidate.

    Args:
        n_trials: as SearchCV has it.
        timeout: seconds, or None.
        sampler: a name of the registry, "auto" or an object.

    Raises:
        ValueError: the search would never end.
    """
    if isinstance(sampler, str):
        name = "random" if sampler == "auto" and "auto" not in registry.names("samplers") else sampler
        made: Any = registry.load_registered("samplers", name)()
    else:
        made = sampler
    whole = isinstance(made, GridSampler)
    most = None if whole and n_trials == "auto" else USUAL_TRIALS if isinstance(n_trials, str) else n_trials
    if most is None and timeout is None and not whole and not space.is_finite:
        raise ValueError(
            "SearchCV needs n_trials or timeout, or it would never end: both are None, and the space has no finite "
            "number of points"
        )
    if not len(space):
        return 1, made  # the estimator as it is
    if not space.is_finite or not isinstance(made, Sampler):
        return most, made
    cells = space.n_cells
    if not whole and isinstance(n_trials, int) and cells < n_trials:
        points = "1 point" if cells == 1 else f"{cells} points"
        caution(f"the space has {points}, fewer than n_trials={n_trials}: each is tried once, and the search ends then")
    if sampler == "auto" and (cells <= most if most is not None else timeout is None):
        made = GridSampler(order="sequential" if timeout is None else "random")
    return most, WithoutDuplicates(made)


# ----------------------------------------------------------------------------------------------------------------------

SEARCH_SHARE = 0.8  # part of a timeout after which no candidate is begun: the rest is for running the leaders again
CANDIDATES_CHECKED = 64  # how many random candidates are checked before the first fit


class SearchCV(BaseSearchCV):
    """Searches a space with any of tunesmith's samplers, each candidate scored by cross-validation.

    Args:
        estimator: what to tune.
        space: where to search. "auto": what people tune of this estimator and of all that is inside of it, see
            `tunesmith.space.of`; the estimator's own values are inside, and after them come configurations that did
            well on many data sets. Else parameter names to lists of choices, distributions, `Float`,
            `Int`, ... or text such as ``"log(1e-5, 1e-1)"``; a list of such dicts; or a
            `Space`, with conditions and constraints. Choices may be estimators: ``clf__C`` then
            exists only while ``clf`` is a choice that has a ``C``. In a dict, single parameters may be "auto", and
            ``...: "auto"`` adds all others.
        n_trials: how many candidates to try in all, those of an interrupted run included. "auto": 50, or all points
            where `sampler` is a grid; None: no limit, which needs a `timeout` or a space with a finite number of
            points. In such a space no point is tried twice. If it has no more points than `n_trials`, it is searched
            as a grid, and the search ends with its last point.
        timeout: seconds that the search may take, with what confirms and the last fit. It is held to within the fit of
            one fold: a candidate is begun if its fits are likely to end in time, by how long those before took, and
            after the end no further fold is. What a candidate lacks then is run when the search goes on, with a
            `storage`. One candidate is finished and fitted on all rows in any case, also where worker processes take
            long to start.
        sampler: a name of the registry ("random", "grid", "qmc", ...), a sampler, or "auto" for the best one there is.
        racing: when a candidate is given up between folds. "paired": on the folds that it ran it is behind the best
            finished candidate by more than 1.5 standard errors; "forgiving": its mean so far is worse than that one's
            worst fold; "wilcoxon": a paired test says so (see `tunesmith.selection.when_to_stop.Race`); None: never.
            There is no race if a function `refit` chooses the best, nor with several metrics if `refit` does not name
            the one that decides.
        fidelity: by what candidates are screened before they are run on the folds: the name of a parameter of the
            estimator that counts rounds or iterations ("n_estimators", "clf__max_iter"), or "n_samples" for a share of
            the training rows. Each candidate is fitted with a ninth of it first, on three folds; those that are worth
            it with a third of it, on two; and of these, those that still are on all folds at the full fidelity. That is
            the decision that the default pruner makes of training runs that can be paused. A level whose order of
            candidates is not that of longer fits gives up nobody any more, and the report says so. Only full fits count
            for the choice and for the honest score. None: no screens.
        warm_start_from: earlier studies of similar searches, or one of them, such as ``search.study_`` or what
            `tunesmith.load_study` returns. Data, metric and some parameters may differ. Their best candidates are
            tried first; see `tunesmith.create_study`.
        priors: whether to use what is usually good for parameters of such names; see `tunesmith.create_study`.
        confirm: on how many fresh sets of splits the leaders and the default configuration are run again: four leaders
            on the first set, three on the others. "auto": on up to five, as far as half of the fits that were saved pay
            for it, with no more fits than the search took, and while one more is likely to change whether the default
            is kept; 0: on none. A splitter that makes the same splits each time (time series, fixed rows) has none.
        prefer_default: how the estimator's own parameters are used. True: they are tried first, and returned unless a
            candidate is credibly better; "auto": the same, unless on the rows left out of resamples caution loses much
            more than it spares; False: they are tried for comparison; None: they are not tried. They count
            as one of `n_trials` if they lie in the space. If not, they are run in addition, last in ``cv_results_``;
            so is an estimator that does not tell its own values (CatBoost's ``depth``), with nothing set.
        risk: where the default is preferred, the share of searches that may return something worse than the default, 0
            to 1. A higher share gains more, up to about 0.2. It holds on average over many kinds of data, not for each;
            see the table in "How far can I trust the score?". 0: the default is kept unless a gain is certain; from
            0.27 on whatever looks better is taken.
        reshuffle: whether each candidate gets splits of its own, so that the search does not adapt to one set of
            splits; 16 sets take turns. For splitters that shuffle; there is no racing. False: all have the same splits,
            which compares them best.
        stop: "converged": stop before `n_trials` once the possible gain is less than the noise of a score;
            ``search.study_.stop_reason`` says so. None: do not.
        simplest: "one-se": return the simplest candidate within one standard error of the best; needs `complexity`.
        complexity: what is simple: a parameter's name (low is simple; with a minus before it, high is), a list of
            names, or a function of the parameters that returns a number.
        level: the level of the intervals of ``honest_score_``: the probability with which they hold the true score.
        deterministic: whether the same `random_state` and the same number of workers give the same search, whichever
            worker is faster: candidates are proposed and given up in their order. With a sampler that does not adapt
            ("random", "grid", "qmc") the search is the same for any number of workers. False: what ends first counts
            first, so that no worker waits (docs/parallel.md has the figures). A `timeout` depends on the clock in any
            case.
        random_state: seeds the sampler; the estimator has its own ``random_state``. A resumed study keeps its seed.
        pre_dispatch: how many fits may be under way at once. More than the workers need means that candidates are
            proposed before results are known.
        scoring: the metric: a name, a function, or several of them; None: the estimator's ``score``.
        n_jobs: how many fits run at once, by joblib's rules.
        refit: whether to fit the best candidate on all rows; the metric that decides, of several; or a function.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows. "auto": five folds that keep the rows
            of a group together, where ``groups`` are given to ``fit`` or a column names them (``patient_id``); each
            fold tested on later rows, where the rows are in the order of time; else as None. The report says which.
        verbose: how much to print, 0 to 10.
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        storage: where to keep finished candidates, so that ``fit`` resumes the search; see `BaseSearchCV`.
        study_name: the study's name in the storage.
        progress: whether to show how it goes, in a line; None: in a terminal or a notebook. See `BaseSearchCV`.

    Attributes:
        space_: the `Space` that was searched.
        study_: the `Study` with a trial for each candidate; those given up are PRUNED. What the search decided is
            stored with it: ``study_.recommend()`` returns that.
        honest_score_: the `HonestScore` of what is returned: what it can be expected to
            score on new rows, with an interval, and its gain over the default. None if no metric decides.
        report_: the `Report` with the same and more in plain sentences; print it.
        n_fits_: the number of fits on folds, those on fresh splits included, those of screens not.
        n_fits_saved_: how many more fits there would have been without racing and screens.
        cv_results_: as scikit-learn's searches have it, and ``n_splits_run``, on how many folds each candidate was run.
            Of a candidate that was given up, the scores of other folds are NaN, means and deviations are those of the
            folds run, and its rank is below that of all that were not. With a `fidelity`, the columns ``fidelity``, the
            highest at which a candidate was run, and ``screen_score``, its mean score there if that was a screen.
        best_index_: of the candidate that is returned. It need not have the best mean: see `prefer_default`, `confirm`.
        best_params_: of that candidate, like all that is best. Other attributes are as scikit-learn has them.

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.svm import SVC

        from tunesmith import Categorical, Float
        from tunesmith.sklearn import SearchCV

        X, y = load_wine(return_X_y=True)
        space = {
            "C": Float(1e-2, 1e3, log=True),
            "kernel": Categorical(["linear", "rbf"]),
            "gamma": Float(1e-5, 1e1, log=True).when(kernel="rbf"),
        }
        search = SearchCV(SVC(), space, n_trials=8, cv=3, random_state=0).fit(X, y)
        print(search.best_params_, search.honest_score_.value)
        ```
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSearchCV._parameter_constraints,
        "cv": ["cv_object", StrOptions({"auto"})],
        "space": [StrOptions({"auto"}), dict, list, HasMethods(["decode_row"])],
        "n_trials": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "timeout": [Interval(Real, 0, None, closed="left"), None],
        "sampler": [str, HasMethods(["ask"])],
        "random_state": ["random_state"],
        "warm_start_from": [object],  # create_study checks it
        "priors": ["boolean"],
        "racing": [StrOptions(set(RULES)), None],
        "fidelity": [str, None],
        "confirm": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left"), None],
        "prefer_default": ["boolean", StrOptions({"auto"}), None],
        "risk": [Interval(Real, 0, 1, closed="both")],
        "reshuffle": ["boolean"],
        "stop": [StrOptions({"converged"}), None],
        "simplest": [StrOptions({"one-se"}), None],
        "complexity": [str, list, tuple, callable, None],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "deterministic": ["boolean"],
    }

    _split_so: Sequence[str] = ()  # why the rows are split as they are, in sentences
    # What `decide` goes on from: the search, what fits and scores, how it was concluded, and from how many trials. It
    # refers to the rows, and is not part of a pickle.
    _ran: tuple[FinishedSearch, Evaluation, SelectionSettings, int] | None = None

    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        space: Any = "auto",
        *,
        n_trials: int | str | None = "auto",
        timeout: float | None = None,
        sampler: Any = "auto",
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: Refit = True,
        cv: CrossValidation | str = None,
        verbose: int = 0,
        pre_dispatch: int | str = "n_jobs",
        random_state: RandomState = None,
        racing: str | None = "paired",
        fidelity: str | None = None,
        confirm: int | str | None = "auto",
        prefer_default: bool | str | None = True,
        risk: float = USUAL_RISK,
        reshuffle: bool = False,
        stop: str | None = None,
        simplest: str | None = None,
        complexity: Any = None,
        level: float = 0.95,
        deterministic: bool = True,
        error_score: ErrorScore = np.nan,
        return_train_score: bool = False,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
        warm_start_from: Any = None,
        priors: bool = True,
    ) -> None:
        self._store_arguments(locals())

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        state.pop("_auto", None)  # of use to `fit` alone
        state.pop("_ran", None)  # it has the rows
        if state.get("warm_start_from") is not None:  # studies cannot be pickled, what is needed of them can
            state["warm_start_from"] = WarmStart.of(state["warm_start_from"])
        return state

    def fit(self, X: Data, y: Data = None, **params: Any) -> SearchCV:
        """Try candidates until the trials or the time are used up, and fit the chosen one on all rows.

        See `BaseSearchCV.fit`. Each warning is shown once, however many fits give it.
        """
        with WarnOnce():
            super().fit(X, y, **params)
        return self

    def _settle_cv(self, X: Data, y: Data, routed: Any) -> Any:
        told = routed.splitter.split
        cv, groups, self._split_so = settle_cv(self.cv, X, as_array(y), told.get("groups"))
        if not isinstance(self.cv, str) or groups is None:
            return cv
        told["groups"] = groups
        k = max(min(USUAL_FOLDS, len(np.unique(np.asarray(groups)))), 2)
        return group_splitter(k, is_classifier(self.estimator), 0)

    def _keeps_study(self) -> bool:
        return True

    def _make_store(self, metric: str | None, X: Data, y: Data) -> CandidateStore:
        check_simplest(self.simplest, self.complexity)
        check_risk(self.risk, self.prefer_default)
        fixed = frozenset() if self.fidelity is None else frozenset({self.fidelity})
        self._auto = resolve(self.space, self.estimator, X, y, fixed)
        given = self.space if self._auto is None else self._auto.space
        space = self.space_ = tied_to_choices(given if isinstance(given, Space) else Space(given))
        check_fidelity(self.fidelity, self.estimator, space)
        if self.fidelity is not None and self.reshuffle:
            raise ValueError("fidelity= needs the same splits for all candidates, and reshuffle=True gives them others")
        if self.fidelity is not None and callable(self.refit):
            raise ValueError("fidelity= needs a metric that decides, and refit= is a function; name a metric")
        self._most, sampler = budget(self.n_trials, self.timeout, self.sampler, space)
        seed: Any = None
        if self.random_state is not None:
            seed = self.random_state
            seed = int(seed if isinstance(seed, Integral) else check_random_state(seed).randint(2**31))
        if callable(self.scoring) and isinstance(self.refit, str):
            metric = self.refit  # if the function returns several scores: the name of the one that decides
        store = self._create_store(
            metric, sampler, seed=seed, space=space, warm_start_from=self.warm_start_from, priors=self.priors
        )
        store.space = space
        return store

    def _run_search(self, evaluate_candidates: Evaluation, *, callback_ctx: Any = None) -> None:
        """Ask, fit and tell until the trials or the time are used up."""
        store = evaluate_candidates.store
        if store is None or store.space is None:
            raise TypeError("SearchCV._run_search is called by fit")
        space = store.space
        samples = space.decode(space.sample(np.random.default_rng(0), CANDIDATES_CHECKED))
        evaluate_candidates.checker.check(samples, "random points of the space", space.params)
        evaluate_candidates.check_input(samples)
        found = default_params(evaluate_candidates.task.estimator, space)
        own = None if self.prefer_default is None else found
        beside = own is not None and default_row(own, space) is None
        if self.complexity is not None:  # what cannot be ordered is told now, and not after the last fit
            complexities([*samples, *([] if own is None else [own])], self.complexity)
        most = None if self._most is None else (self._most + beside) * self.n_splits_
        context = callback_ctx.subcontext(
            task_name="search", max_subtasks=most, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        ends = math.inf if self.timeout is None else time.monotonic() + self.timeout
        settings = SelectionSettings(self.confirm, self.prefer_default, self.complexity, ends, self.level, self.risk)
        with one_of_these(store.where, store.study) as here:
            finished = SequentialSearch(
                evaluate_candidates,
                store,
                space,
                context,
                here,
                n_trials=self._most,
                timeout=SEARCH_SHARE * self.timeout if self.timeout is not None and self.confirm else self.timeout,
                ends=ends,
                default=own,
                first=[] if self._auto is None else first_rows(self._auto, found),
            ).run()
            check_scores(evaluate_candidates.outcomes, self.n_splits_, store.metric)
            self._ran = finished, evaluate_candidates, settings, len(store.study.history)
            if (progress := evaluate_candidates.progress) is not None:
                progress.phase(say("confirming the leaders"))
            self._conclude(finished, settings, here)
        if progress is not None:
            progress.conclude(self._conclusion().score)
        self.n_fits_ = self.report_.n_fits
        self.n_fits_saved_ = self.report_.n_fits_saved
        context.call_on_fit_task_end(estimator=self)

    def decide(self, more_fits: int) -> SearchCV:
        """Run the leaders and the default on further repeats of the folds, and decide anew.

        Each repeat is a fresh set of splits of the same rows, the same for the default and up to three of the best
        others. What they score joins what is known already; so the figure stays honest, and ``best_*``, ``report_`` and
        the refitted estimator are those of the new decision, which is stored with the study. The report of a search
        that kept the default says how many fits are likely to decide.

        Args:
            more_fits: how many fits may be run at most, on folds. One repeat of K folds takes 4 · K, or 2 · K at least.

        Returns:
            self.

        Raises:
            NotFittedError: it has not been fitted.
            ValueError: it was pickled since; the folds cannot be repeated; no metric decides, or one that gives one
                number per fold; or the number of fits does not pay for one repeat.

        Example:
            ```python
            from sklearn.datasets import load_breast_cancer
            from sklearn.tree import DecisionTreeClassifier

            from tunesmith.sklearn import SearchCV

            X, y = load_breast_cancer(return_X_y=True)
            search = SearchCV(DecisionTreeClassifier(random_state=0), n_trials=8, random_state=0).fit(X, y)
            print(search.report_)
            print(search.decide(more_fits=40).report_)
            ```
        """
        if not hasattr(self, "cv_results_"):
            raise NotFittedError("decide() goes on with a search that has been fitted: call fit(X, y) first")
        given: Any = more_fits
        if isinstance(given, bool) or not isinstance(given, Integral) or int(given) < 1:
            raise ValueError(f"more_fits is a number of fits, a whole number from 1 on; {more_fits!r} was given")
        if self._ran is None:
            raise ValueError(
                "decide() needs the rows, which are not in a copy or a pickle of a search: call fit again with the "
                "same data (with storage= that takes no fit), and decide then"
            )
        with WarnOnce():
            self._decide(*self._ran, int(more_fits))
        return self

    def _decide(
        self, ran: FinishedSearch, evaluate: Evaluation, settings: SelectionSettings, ended: int, more_fits: int
    ) -> None:
        """Decide anew; see `decide`."""
        before, evidence = self._conclusion(), ran.evidence
        if before.index is None or callable(self.refit):
            raise ValueError("decide() needs a metric that decides (refit=): a function, or nothing, chose here")
        splitter = reshuffled_cv(self.cv, self._checked_cv_orig)
        if self.reshuffle:
            splitter = "with reshuffle=True each candidate had splits of its own"
        if isinstance(splitter, str):
            raise ValueError(
                f"the folds cannot be repeated: {splitter}. More rows would decide, or a splitter that shuffles"
            )
        k, default = len(evidence.splits), ran.default is not None
        n_others = int(np.isfinite(evidence.scores).all(axis=1).sum()) - default
        if n_others + default < 2:
            raise ValueError("decide() compares configurations, and there is only one configuration with a score")
        plan = further(before.fresh, more_fits, k, n_others, default)
        if plan is None:
            least = f"{k} folds of two configurations are {2 * k} fits"
            raise ValueError(f"more_fits={more_fits} is less than one repeat: {least}")
        with Pool(self.n_jobs, self.pre_dispatch) as pool:
            evaluate.pool = pool
            evaluate.progress = None
            finished = replace(ran, deadline=Deadline(BatchSizer(), pool))
            made = conclude(finished, self, replace(settings, further=plan))
        if len(made.fresh) <= len(before.fresh):
            raise ValueError(
                "decide() needs the losses of single rows, and they are not known here: the scorer gives one number "
                "per fold, or the predictions of the leaders were too large to keep"
            )
        store_conclusion(ran.study, made, evidence.numbers, ended, settings_digest(self, settings, evidence.metric))
        self._concluded, self._by_metric, chosen = made, None, self.best_index_
        self._set_best(self.refit if self.multimetric_ else "score", self.cv_results_)
        self.n_fits_, self.n_fits_saved_ = made.report.n_fits, made.report.n_fits_saved
        if self.refit and self.best_index_ != chosen:
            task = evaluate.task
            weight = task.fit_params.get("sample_weight")
            metadata = None if weight is None else {"sample_weight": weight}
            context = callback_context(self, max_subtasks=1)
            context.call_on_fit_task_begin(estimator=self, X=task.X, y=task.y, metadata=metadata)
            self._refit(task.estimator, task.X, task.y, task.fit_params, context, metadata)
            context.call_on_fit_task_end(estimator=self, X=task.X, y=task.y, metadata=metadata)
        self._allow_for_last_fit()

    def _conclude(self, finished: FinishedSearch, settings: SelectionSettings, here: SearchesHere) -> None:
        """Draw the conclusion, while the workers are still there."""
        self._concluded = conclude_once(finished, self, settings, None if self.storage is None else here)

    def _store_verdict(self, study: Study, numbers: list[int]) -> None:
        if self._conclusion().index is None:  # a function chose; all else is stored when it is concluded
            super()._store_verdict(study, numbers)
        self._allow_for_last_fit()

    def _allow_for_last_fit(self) -> None:
        """Let the conclusion, which was drawn before the last fit, allow for what that showed."""
        made = with_last_fit(self._conclusion(), self._last_fit)
        if made.score is not self._conclusion().score and self._ran is not None:
            finished, _, settings, ended = self._ran
            asked = settings_digest(self, settings, finished.evidence.metric)
            store_conclusion(finished.study, made, finished.evidence.numbers, ended, asked)
        self._concluded = made

    def _select_best_index(self, refit: Any, refit_metric: str | None, results: Any) -> Any:
        if callable(refit) or self._conclusion().index is None:
            return super()._select_best_index(refit, refit_metric, results)
        return self._conclusion().index
