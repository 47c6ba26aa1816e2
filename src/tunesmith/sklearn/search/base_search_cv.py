"""``BaseSearchCV``: scikit-learn's base class of searches, on tunesmith's loop.

``predict``, ``score``, tags, metadata routing, the diagram, the form of ``cv_results_`` and the choice of the best
candidate are inherited. ``fit`` is ours: it checks the candidates before the first fit, runs them through
`tunesmith.sklearn.evaluate.pool`, and keeps finished ones in a study if one is asked for.
"""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if

from tunesmith.errors import SpaceError
from tunesmith.foundation.languages import say
from tunesmith.selection import HonestScore, Report
from tunesmith.sklearn import _compat
from tunesmith.sklearn.checks.scoring import unknown_metric
from tunesmith.sklearn.evaluate.folds import checked_splitter
from tunesmith.sklearn.evaluate.pool import Pool
from tunesmith.sklearn.evaluate.shared_steps import OUTPUT, configure
from tunesmith.sklearn.protocols import (
    CallbackContext,
    CrossValidation,
    Data,
    ErrorScore,
    Estimator,
    Params,
    Refit,
    Results,
    Scoring,
)
from tunesmith.sklearn.results.afterwards import RetainedData, afterwards, each_metric
from tunesmith.sklearn.results.conclusion import Conclusion, chosen_by_function, metric_of, store_conclusion
from tunesmith.sklearn.results.last_fit import LastFit, look_at
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.search.progress import SearchProgress, shown
from tunesmith.sklearn.store.candidates import CandidateStore
from tunesmith.space import Space
from tunesmith.storage.redact import shown_spec
from tunesmith.study import Study

# ----------------------------------------------------------------------------------------------------------------------
# Hides the password in the URL of a storage where a search is displayed.


class RedactedText(str):
    """A text whose ``repr`` leaves out what could be a password. It is equal to the text, and can be used as such."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown_spec(str(self)))


def redacted(storage: Any) -> Any:
    """Return what was given as ``storage=`` in a form whose ``repr`` shows no password.

    scikit-learn writes the texts and diagrams of estimators, and of what holds them, from ``get_params``.
    """
    if hasattr(storage, "drivername"):  # an SQLAlchemy URL
        storage = storage.render_as_string(hide_password=False)
    if isinstance(storage, RedactedText) or not isinstance(storage, str | os.PathLike):
        return storage
    text = os.fspath(storage)
    return storage if isinstance(text, bytes) or shown_spec(storage) == text else RedactedText(text)


# ----------------------------------------------------------------------------------------------------------------------

Init = TypeVar("Init", bound=Callable[..., None])
REMOVED_ARGUMENTS = {
    "share_steps": "candidates share those steps of a pipeline that give the same when they are fitted again; give a "
    "step that has to be fitted for each candidate scikit-learn's tag non_deterministic"
}


def without_removed(init: Init) -> Init:
    """Return a constructor that says of an argument that was removed what to do instead."""

    @wraps(init)
    def checked(self: Any, *args: Any, **given: Any) -> None:
        for name in REMOVED_ARGUMENTS.keys() & given.keys():
            raise TypeError(f"{type(self).__name__} has no argument {name}= any more: {REMOVED_ARGUMENTS[name]}")
        init(self, *args, **given)

    return cast("Init", checked)


# Of a candidate whose search was killed. With several workers many are under way and one at most is to blame, so it is
# more than a study's own; a candidate that kills its process each time must still come to an end.
CANDIDATE_RETRIES = 3


def _check_rows(X: Data, name: str) -> None:
    """See that there are rows: else folds, or each fit, would fail with a text of their own.

    Args:
        X: the rows.
        name: of the search.

    Raises:
        ValueError: there are none; the words are scikit-learn's.
    """
    if X is not None and _compat.count_rows(X) == 0:
        shape = getattr(X, "shape", (0,))
        raise ValueError(f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required by {name}.")


def _has_set_output(search: Any) -> bool:
    return hasattr(getattr(search, "best_estimator_", search.estimator), "set_output")


class BaseSearchCV(_compat.BaseSearchCV):
    """Base of the searches; derive from it and write ``_run_search`` to search in another way.

    ``_run_search(self, evaluate_candidates)`` is called once by ``fit``. It calls ``evaluate_candidates`` with a list
    of parameter dicts as often as it likes, and gets ``cv_results_`` so far; see scikit-learn's ``BaseSearchCV``. One
    that makes later candidates from earlier results sets the class attribute ``adaptive = True``, so that its honest
    score is corrected for that too. The attribute ``how_to_resume`` is what the display shows
    after Ctrl-C; a program whose users do not call ``fit`` sets it to what they do.

    Args:
        estimator: what to tune: anything with ``fit`` and ``get_params``.
        scoring: a name, a function ``(estimator, X, y) -> float or dict``, a list of names or a dict of them; None: the
            estimator's ``score``.
        n_jobs: how many fits run at once, by joblib's rules: None is 1 unless a joblib context says otherwise, -1 is
            all cores.
        refit: whether to fit the best candidate on all rows; with several metrics the name of the one that decides;
            or a function ``(cv_results_) -> index``.
        cv: the number of folds, a splitter, or an iterable of (train, test) rows.
        verbose: how much to print, 0 to 10.
        pre_dispatch: how many pieces of work may be under way at once, such as "2*n_jobs".
        error_score: the score of a fit that fails; "raise": the failure ends the search.
        return_train_score: whether to score the training rows too.
        storage: where to keep finished candidates: a file name ("tune.db"), an SQLAlchemy URL or a storage. An
            interrupted search is resumed when ``fit`` is called again with the same data.
        study_name: the study's name in the storage; None: made of the classes, such as "GridSearchCV-Pipeline".
        progress: whether to show, from the first second on, a line with the candidates that are done, the best mean
            score, its honest value by the folds, those that were stopped early and the time left. None: in a terminal
            or a notebook, if no library and no other search calls ``fit``, and `verbose` is at most 1; elsewhere
            nothing is printed. True: everywhere; in a file as a line every few seconds. In any case the logger
            ``tunesmith`` tells each candidate at level INFO.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_compat.BaseSearchCV._parameter_constraints,
        "storage": "no_validation",  # it is checked when it is opened, and a message of here would show passwords
        "study_name": [str, None],
        "progress": ["boolean", None],
    }

    adaptive: ClassVar[bool] = False

    how_to_resume: str = "call fit again with the same data"
    _kept: RetainedData | None = None  # what ``fit`` retained
    _concluded: Conclusion | None = None
    _by_metric: dict[str, HonestScore] | None = None
    _last_fit: LastFit | None = None
    _start_over = "give the search a storage=, and call fit again"

    def _repr_html_inner(self) -> str:
        return self._answer_html() + str(super()._repr_html_inner())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_()
        if "text/html" in bundle:
            bundle["text/html"] = self._answer_html() + bundle["text/html"]
        return bundle

    def _answer_html(self) -> str:
        """Return what a notebook shows above the diagram: what was chosen, and what to expect of it."""
        if not hasattr(self, "cv_results_"):
            return ""
        from tunesmith.foundation.look.drawn import sparkline  # only notebooks need it

        metric = self.refit if isinstance(self.refit, str) and self.multimetric_ else "score"
        scores = np.asarray(self.cv_results_.get(f"mean_test_{metric}", ()), np.float64)
        drawn = sparkline(np.maximum.accumulate(scores[np.isfinite(scores)]).tolist())
        best = (drawn, say("best mean score"))
        return self.report_.card(type(self).__name__, say("{:,} candidates", len(scores)), best)

    @abstractmethod
    @without_removed
    def __init__(
        self,
        estimator: Estimator,
        *,
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: Refit = True,
        cv: CrossValidation = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: ErrorScore = np.nan,
        return_train_score: bool = True,
        storage: Any = None,
        study_name: str | None = None,
        progress: bool | None = None,
    ) -> None:
        self._store_arguments(locals())

    def _store_arguments(self, arguments: dict[str, Any]) -> None:
        """Set the arguments of a constructor as attributes, which is all that scikit-learn lets one do."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    @_compat.fit_context(prefer_skip_nested_validation=False)  # the estimator's parameters are its own to validate
    def fit(self, X: Data, y: Data = None, **params: Any) -> BaseSearchCV:
        """Try all candidates, and fit the best one on all rows.

        Args:
            X: training rows, shape (n_samples, n_features), or (n_samples, n_samples) for a precomputed kernel.
            y: targets, shape (n_samples,) or (n_samples, n_outputs); None if there are none.
            **params: arguments of ``fit``, of the scorer and of the splitter (``groups``). Arrays with a value for each
                sample are cut along with `X`.

        Returns:
            self.

        Raises:
            ValueError: there are no rows, a candidate names a parameter that the estimator does not have, or all fits
                failed.
            ResumeError: the study in the storage belongs to another search; the message says what differs.
        """
        scorers, metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _compat.check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        weight = params.get("sample_weight")
        metadata = None if weight is None else {"sample_weight": weight}
        context = _compat.callback_context(self, max_subtasks=1 + (self.refit is not False))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)

        self._checked_cv_orig = checked_splitter(self._settle_cv(X, y, routed), y, is_classifier(self.estimator))
        _compat.check_input_parameters(self, X, y, routed.splitter.split)
        _check_rows(X, type(self).__name__)  # only now: halving searches have words of scikit-learn's own for it
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **routed.splitter.split)
        base = clone(self.estimator)
        if output := getattr(self, "_sklearn_output_config", None):
            setattr(base, OUTPUT, output["transform"])  # steps that a candidate brings do not have it yet
        for name in ("study_", "_kept", "_concluded", "_by_metric", "_last_fit", "_ran"):
            self.__dict__.pop(name, None)
        progress = SearchProgress.of(self)
        with shown(progress):
            store = self._open_store(metric, X, y, progress)
            with Pool(self.n_jobs, self.pre_dispatch) as pool:
                evaluate = Evaluation(self, base, X, y, scorers, routed, pool, store, progress)
                _compat.run_search(self._run_search, evaluate, context)
            results = evaluate.results
            if evaluate.kept.calls:
                self._kept = evaluate.kept

            # what a function returns as a score is only known now
            self.multimetric_ = isinstance(evaluate.outcomes[0]["test_scores"], dict)
            if callable(self.scoring) and self.multimetric_:
                self._check_refit_for_multimetric(evaluate.outcomes[0]["test_scores"])
                metric = self.refit
            if self.refit or not self.multimetric_:
                self._set_best(metric, results)
            self.scorer_ = _compat.metric_scorers(scorers) if _compat.is_multimetric(scorers) else scorers
            if self.refit:
                if progress is not None:
                    progress.phase(say("fitting on all rows"))
                self._refit(base, X, y, routed.estimator.fit, context, metadata)
        self.cv_results_ = results
        if store is not None and (self.refit or not self.multimetric_):
            self._store_verdict(store.study, evaluate.numbers)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=metadata)
        return self

    @available_if(_has_set_output)
    def set_output(self, *, transform: str | None = None) -> BaseSearchCV:
        """Set what ``transform`` returns, now and after each later ``fit``; there if the estimator has it.

        Args:
            transform: "default", "pandas" or "polars"; None: it stays as it is.

        Returns:
            self.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # by this name `clone` takes it along
        for one in (self.estimator, getattr(self, "best_estimator_", None)):
            if one is not None:
                one.set_output(transform=transform)
        return self

    @property
    def honest_score_(self) -> HonestScore | None:
        """What the returned configuration can be expected to score on new rows; None where that cannot be told.

        Raises:
            NotFittedError: the search has not been fitted.
        """
        return self._conclusion().score

    @property
    def report_(self) -> Report:
        """The same and more in plain sentences; print it.

        Raises:
            NotFittedError: the search has not been fitted.
        """
        return self._conclusion().report

    @property
    def honest_scores_(self) -> dict[str, HonestScore]:
        """The honest score by each metric, of the returned configuration; of the best by each where none is returned.

        A metric that did not choose is corrected as if it had, which is too much rather than too little.

        Raises:
            NotFittedError: the search has not been fitted.
        """
        self._conclusion()
        if self._by_metric is None:
            self._by_metric = each_metric(self)
        return dict(self._by_metric)

    def _conclusion(self) -> Conclusion:
        """Draw the conclusion, once."""
        if self._concluded is None:
            self._concluded = afterwards(self)
        return self._concluded

    def _rivals(self, index: int) -> NDArray[np.bool_]:
        """Return which candidates the one at `index` was chosen among, bool[C]."""
        return np.ones(len(self.cv_results_["params"]), bool)

    def _set_best(self, metric: Any, results: Results) -> None:
        """Say which candidate is the best, by the metric that decides."""
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _validate_params(self) -> None:
        """Check the parameters; for an unknown metric in `scoring`, scikit-learn's message would list all names."""
        if (wrong := unknown_metric(self.scoring)) is not None:
            raise _compat.InvalidParameterError(f"The 'scoring' parameter of {type(self).__name__} {wrong}")
        super()._validate_params()

    def _store_verdict(self, study: Study, numbers: list[int]) -> None:
        """Store with the study what was chosen, and how good it is; ``fit`` is over but for this."""
        self._concluded = chosen_by_function(self._conclusion(), self.best_index_, self.best_params_)
        store_conclusion(study, self._concluded, numbers)

    def _keeps_study(self) -> bool:
        """Whether finished candidates go to a study."""
        return self.storage is not None

    def _open_store(
        self, metric: str | None, X: Data, y: Data, progress: SearchProgress | None
    ) -> CandidateStore | None:
        """Open the study of finished candidates, if it is asked for."""
        if not self._keeps_study():
            return None
        store = self._make_store(metric, X, y)
        self.study_ = store.study
        if progress is not None:
            progress.study = store.study
        return store

    def _make_store(self, metric: str | None, X: Data, y: Data) -> CandidateStore:
        """Return the store, with the search's space where it is one for us."""
        store = self._create_store(metric, sampler="random")
        if (declared := self._declared()) is not None:
            with suppress(SpaceError):  # scikit-learn takes what we do not, such as a choice given twice
                store.space = Space(declared)
        return store

    def _declared(self) -> Any:
        """Return the parameters that are searched, as the user gave them; None: a search of another kind."""
        return getattr(self, "param_grid", getattr(self, "param_distributions", None))

    def _seed(self) -> Any:
        """Return the seed of what is drawn; without a ``random_state``, a stored search takes its study's.

        So a resumed search draws the same.
        """
        if self.random_state is None and self.storage is not None:
            return self.study_.seed % 2**32
        return self.random_state

    def _create_store(self, metric: str | None, sampler: Any, **settings: Any) -> CandidateStore:
        """Create the study, or load it if it is there.

        Args:
            metric: the name of the metric that decides, of several.
            sampler: the study's sampler.
            **settings: further arguments of `tunesmith.create_study`.
        """
        from tunesmith.study import create_study

        name = None
        if self.storage is not None:
            name = self.study_name or f"{type(self).__name__}-{type(self.estimator).__name__}"
            settings["retries"] = CANDIDATE_RETRIES
        study = create_study(
            storage=self.storage,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=sampler,
            **settings,
        )
        named = metric if isinstance(metric, str) else None
        return CandidateStore(study, named, self.return_train_score, shown_spec(self.storage))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as scikit-learn's estimators do.

        Args:
            deep: whether to go on with those of the estimator.
        """
        params: Params = super().get_params(deep)
        return {name: redacted(value) if name == "storage" else value for name, value in params.items()}

    def __getstate__(self) -> Any:
        # a study holds connections to its storage: it can be loaded again, but not be pickled
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in ("study_", "_kept", "_last_fit")}

    def _settle_cv(self, X: Data, y: Data, routed: Any) -> Any:
        """Return `cv`; where it is a word, what that stands for."""
        return self.cv

    def _refit(
        self, base: Estimator, X: Data, y: Data, fit_params: Params, context: CallbackContext, metadata: Any
    ) -> None:
        """Fit the best candidate on all rows, and look at what only that fit shows."""
        self.__dict__.pop("_last_fit", None)
        self.best_estimator_ = configure(base, self.best_params_)
        refit_context = context.subcontext(task_name="refit-with-best-params")
        with refit_context.propagate_callback_context(self.best_estimator_):
            refit_context.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            start = time.perf_counter()
            self.best_estimator_.fit(*((X,) if y is None else (X, y)), **fit_params)
            self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        refit_context.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=metadata)
        several = self.scorer_ if isinstance(self.scorer_, dict) else {None: self.scorer_}
        metrics = (metric_of(one, name, self.scoring, self.estimator) for name, one in several.items())
        if (seen := look_at(self.best_estimator_, X, metrics)) is not None:
            self._last_fit = seen
