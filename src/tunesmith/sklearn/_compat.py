"""Every name that we take from below scikit-learn's and joblib's public interface, in one place.

Keeping scikit-learn's contract to the letter means calling the same helpers as its own searches do, and some of them
are private. When a release moves one of them, this is the file to change; what differs between releases is told apart
here and nowhere else. Checked against scikit-learn 1.6 to 1.9 and joblib 1.4 to 1.6.

From scikit-learn:

- ``_fit_context``: validates the parameters, sets the configuration and ends the callbacks around ``fit``.
- ``BaseSearchCV`` (public, but for its methods ``_get_scorers``, ``_get_routed_params_for_fit``,
  ``_check_input_parameters``, ``_check_refit_for_multimetric``, ``_select_best_index`` and ``_format_results``): what
  ``cv_results_`` looks like and which candidate is best stay scikit-learn's own code.
- ``HalvingGridSearchCV``, ``HalvingRandomSearchCV`` (experimental, and so public only after a further import) and
  their ``_SubsampleMetaSplitter``: how many iterations there are, with what, and who goes on stay scikit-learn's own
  code too. Used of them: ``_run_search``, ``_generate_candidate_params`` and the attribute ``_n_samples_orig``.
- ``_num_samples``: the number of rows of anything.
- ``_score``, ``_warn_or_raise_about_fit_failures``, ``_insert_error_scores``: how a score is checked, and what is said
  when fits fail.
- ``_MultimetricScorer``, ``_BaseScorer``, ``_PassthroughScorer``: to tell scikit-learn's scorers from a user's
  function, to hear what a scorer asks the estimator for (``_BaseScorer._score(method_caller, ...)``), and to know the
  metric behind one (``_score_func``, ``_sign``, ``_kwargs``) and what it calls (``_response_method``).
- ``_check_method_params``: cuts fit parameters down to one split.
- ``_BaseComposition``: to know whose ``set_params`` takes only the names that ``get_params`` lists.
- ``_safe_split``: cuts the data, pairwise kernels included.
- ``HasMethods``, ``Interval``, ``StrOptions``, ``InvalidParameterError``, ``validate_parameter_constraints``:
  scikit-learn's rules for parameters.
- ``_FuncWrapper``: carries configuration and warning filters into a worker (1.6: the configuration alone).
- ``_init_callback_context`` and the contexts that it makes (1.9): the task tree that callbacks see.

From joblib: ``Parallel._backend`` and ``_backend_kwargs`` (the backend in use and where its temporary files go),
``_get_temp_dir`` and loky's ``resource_tracker`` (where temporary folders are, and who removes those of killed
processes), ``_get_backing_memmap`` and ``_reduce_memmap_backed`` (memory maps are sent by name), ``BatchedCalls`` (the
form in which a backend takes work) and ``eval_expr`` (reads ``pre_dispatch``). The backend's own
methods ``submit`` (1.4: ``apply_async``) and ``retrieve_result_callback`` are joblib's documented interface for
backends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from functools import partial
from inspect import signature
from typing import Any
from uuid import uuid4

import joblib
import numpy as np
from joblib._memmapping_reducer import _get_backing_memmap, _get_temp_dir, _reduce_memmap_backed
from joblib._parallel_backends import LokyBackend as LokyBackend
from joblib._parallel_backends import MultiprocessingBackend as MultiprocessingBackend
from joblib._parallel_backends import SequentialBackend as SequentialBackend
from joblib._parallel_backends import ThreadingBackend as ThreadingBackend
from joblib._utils import eval_expr as eval_expr
from joblib.externals.loky.backend import resource_tracker
from joblib.parallel import BatchedCalls as BatchedCalls
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV as BaseSearchCV
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV as HalvingGridSearchCV
from sklearn.model_selection._search_successive_halving import HalvingRandomSearchCV as HalvingRandomSearchCV
from sklearn.model_selection._search_successive_halving import _SubsampleMetaSplitter
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _score,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils._param_validation import HasMethods as HasMethods
from sklearn.utils._param_validation import Interval as Interval
from sklearn.utils._param_validation import InvalidParameterError as InvalidParameterError
from sklearn.utils._param_validation import StrOptions as StrOptions
from sklearn.utils._param_validation import validate_parameter_constraints as validate_parameter_constraints
from sklearn.utils.metaestimators import _BaseComposition, _safe_split
from sklearn.utils.parallel import _FuncWrapper
from sklearn.utils.validation import _check_method_params, _num_samples

from tunesmith.sklearn.protocols import CallbackContext, Data, Estimator, Params, Scorer

# What this release of scikit-learn says of a splitter that contradicts itself: users and its own tests look for it.
_VERB = "return" if hasattr(BaseSearchCV, "_check_input_parameters") else "returned"
INCONSISTENT_SPLITS = f"cv.split and cv.get_n_splits {_VERB} inconsistent results."
BaseComposition = _BaseComposition
SubsampleSplitter = _SubsampleMetaSplitter
count_rows = _num_samples
fit_context = _fit_context
score = _score
safe_split = _safe_split
check_method_params = _check_method_params
report_fit_failures = _warn_or_raise_about_fit_failures
fill_error_scores = _insert_error_scores


def is_multimetric(scorer: Scorer) -> bool:
    """Whether the scorer is scikit-learn's bundle of several named ones."""
    return isinstance(scorer, _MultimetricScorer)


def metric_scorers(scorer: Any) -> dict[str, Any]:
    """Return the scorers in scikit-learn's bundle, by name."""
    return dict(scorer._scorers)


def response_methods(scorer: Scorer) -> tuple[str, ...]:
    """Return the methods of the estimator that a scorer calls, the first that there is; none if that is not known."""
    methods = getattr(scorer, "_response_method", None) if isinstance(scorer, _BaseScorer) else None
    return (methods,) if isinstance(methods, str) else tuple(methods or ())


def metric_function(scorer: Scorer) -> Any | None:
    """Return the function that compares targets and predictions for one of scikit-learn's scorers, or None."""
    parts = scorer_parts(scorer)
    return None if parts is None else parts[0]


def is_own_scorer(scorer: Any) -> bool:
    """Whether the scorer only ever asks the estimator for predictions or for its ``score``.

    A user's function may look at anything in the estimator; scikit-learn's scorers do not.
    """
    if is_multimetric(scorer):
        return all(is_own_scorer(s) for s in scorer._scorers.values())
    return isinstance(scorer, _BaseScorer | _PassthroughScorer)


def is_passthrough_scorer(scorer: Scorer) -> bool:
    """Whether the scorer is the estimator's own ``score``."""
    return isinstance(scorer, _PassthroughScorer)


def scorer_parts(scorer: Scorer) -> tuple[Any, int, dict[str, Any]] | None:
    """Return the metric of a scorer, its sign and its options; None if it is not one of scikit-learn's."""
    if not isinstance(scorer, _BaseScorer):
        return None
    return scorer._score_func, int(scorer._sign), dict(scorer._kwargs)


def with_labels(scorer: Scorer, labels: NDArray[Any]) -> Scorer:
    """Return a scorer of probabilities that knows all classes, so that a few rows need not have each of them.

    Args:
        scorer: any; one whose metric takes no labels is returned as it is.
        labels: sorted.
    """
    parts = scorer_parts(scorer)
    if parts is None or "labels" in parts[2] or "labels" not in signature(parts[0]).parameters:
        return scorer
    if not {"predict_proba", "decision_function"} & set(response_methods(scorer)):
        return scorer  # labels of a metric of predicted classes are those that are to be averaged
    made: Any = copy(scorer)
    made._kwargs = {**parts[2], "labels": labels}
    found: Scorer = made
    return found


def listen_to_scorer(
    scorer: Any, hear: Callable[[str | None, str, Any], None], metric: str | None = None, every: bool = False
) -> Any:
    """Return a scorer that does the same and tells which methods of the estimator it called and what came out.

    Args:
        scorer: scikit-learn's scorer, or its bundle of several; any other one is returned as it is.
        hear: is called with the name of the metric (None: there is only one), the method's name and what it returned.
        metric: which one of several to listen to.
        every: whether to listen to each of several.
    """
    if not is_multimetric(scorer):
        return _listened(scorer, partial(hear, None))
    several = copy(scorer)
    several._scorers = {
        name: _listened(own, partial(hear, name)) if every or name == metric else own
        for name, own in scorer._scorers.items()
    }
    return several


def _listened(scorer: Any, hear: Callable[[str, Any], None]) -> Any:
    if not isinstance(scorer, _BaseScorer):
        return scorer
    heard = copy(scorer)
    score_by = scorer._score

    def recording(method_caller: Any, estimator: Estimator, *data: Any, **options: Any) -> Any:
        def call(estimator: Estimator, method: str, *inputs: Any, **options: Any) -> Any:
            values = method_caller(estimator, method, *inputs, **options)
            hear(method, values)
            return values

        return score_by(call, estimator, *data, **options)

    heard._score = recording
    return heard


def carry_config(function: Any, config: dict[str, Any], filters: list[Any]) -> Any:
    """Return the function wrapped to run under scikit-learn's configuration and the given warning filters."""
    wrapper = _FuncWrapper(function)
    if not hasattr(wrapper, "with_config_and_warning_filters"):  # scikit-learn 1.6
        return wrapper.with_config(config)
    return wrapper.with_config_and_warning_filters(config, filters)


class NoCallbacks:
    """The callback context of a fit where scikit-learn has no callbacks (before 1.9): it does nothing."""

    def subcontext(self, **task: Any) -> NoCallbacks:
        """Return the context of a part of the task."""
        return self

    def call_on_fit_task_begin(self, **data: Any) -> NoCallbacks:
        """Return itself, as scikit-learn's contexts do."""
        return self

    def call_on_fit_task_end(self, **data: Any) -> None:
        """Do nothing."""

    def propagate_callback_context(self, estimator: Estimator) -> AbstractContextManager[None]:
        """Return a context manager that leaves the estimator as it is."""
        return nullcontext()


def callback_context(search: Any, max_subtasks: int) -> Any:
    """Return the callback context of a whole fit, the root of its task tree."""
    begin = getattr(search, "_init_callback_context", None)
    return NoCallbacks() if begin is None else begin(max_subtasks=max_subtasks)


def run_search(run: Callable[..., Any], evaluate_candidates: Any, context: CallbackContext | None) -> None:
    """Call a ``_run_search``, with the callback context if it takes one; those before 1.9 and a user's may not."""
    if "callback_ctx" in signature(run).parameters:
        run(evaluate_candidates, callback_ctx=context)
    else:
        run(evaluate_candidates)


def check_input_parameters(search: Any, X: Data, y: Data, split_params: Params) -> None:
    """Let the search check its resources and its splitter; before 1.9 only the halving searches have such a check."""
    check = getattr(search, "_check_input_parameters", None)
    if check is not None:
        check(X=X, y=y, split_params=split_params)


def parallel_backend(parallel: joblib.Parallel) -> Any:
    """Return the backend that an entered ``Parallel`` uses."""
    return parallel._backend


def joblib_folder(parallel: joblib.Parallel, n_bytes: int) -> str:
    """Return a new folder where joblib would put its own, with room for so much.

    Its resource tracker, a process beside this one, removes it if this process is killed.
    """
    name, wanted = f"joblib_tunesmith_{os.getpid()}_{uuid4().hex}", getattr(parallel, "_backend_kwargs", {})
    folder: str
    folder, in_memory = _get_temp_dir(name, wanted.get("temp_folder"))
    if in_memory and shutil.disk_usage(folder).free < 2 * n_bytes + 2**28:  # it would take what fits need
        os.rmdir(folder)
        folder, _ = _get_temp_dir(name, tempfile.gettempdir())
    os.makedirs(folder, 0o700, exist_ok=True)
    resource_tracker.register(folder, "folder")
    return folder


def remove_folder(folder: str) -> None:
    """Remove what `joblib_folder` made. Workers that still map a file of it keep that until they notice."""
    shutil.rmtree(folder, ignore_errors=True)
    resource_tracker.unregister(folder, "folder")


def reduce_memmap(array: NDArray[Any]) -> Any:
    """Return how to pickle an array that lies in a file by the name of that file; None: it does not lie in one."""
    mapped = _get_backing_memmap(array)
    return _reduce_memmap_backed(array, mapped) if isinstance(mapped, np.memmap) and mapped.filename else None


def submit_to(backend: Any, calls: Any, callback: Callable[[Any], None]) -> None:
    """Let a backend run `calls`; it hands what comes out to `callback`, in a thread of its own."""
    submit = getattr(backend, "submit", None) or backend.apply_async  # joblib 1.4
    submit(calls, callback=callback)
