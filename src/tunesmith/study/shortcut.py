"""``minimize`` and ``maximize``: one call to search a declared space."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.storage.base import Storage
from tunesmith.study import Study, create_study
from tunesmith.study.optimize import Budget


@checked("storage")
def minimize(
    fn: Callable[..., Any],
    space: Any,
    *,
    n_trials: int | None = 100,
    timeout: float | None = None,
    n_jobs: int | None = None,
    sampler: str | Sampler | None = None,
    pruner: str | Pruner | None = None,
    seed: int | None = None,
    storage: str | Path | Storage | None = None,
    study_name: str | None = None,
    catch: Iterable[type[Exception] | FailureKind] | type[Exception] | FailureKind = (),
    callbacks: Iterable[Callable[[Study, Any], None]] | None = None,
    progress: bool | None = None,
    show_progress_bar: bool | None = None,
    warm_start_from: Study | Iterable[Study] | None = None,
    priors: bool = True,
    stop: str | None = None,
    max_cost: float | None = None,
    executor: Any = None,
    timeout_per_trial: float | None = None,
    memory_per_trial: float | str | None = None,
) -> Study:
    """Find parameters that make ``fn`` small.

    With a storage and a name the search goes on where it stopped: `n_trials` counts the trials of the study, not of
    the call, those included that other processes run at the same time.

    Args:
        fn: gets the parameters as one dict or as keywords and returns a number; a coroutine or a generator too.
        space: what to search, in any form that `Space` takes.
        n_trials: how many trials the study is to have in the end; None: no limit.
        timeout: seconds after which no trial is started any more.
        n_jobs: trials at once, in processes, coroutines in an event loop; -1: one a core.
            None: one, or as many as `executor` has room for.
        sampler: a name or an object.
        pruner: a name or an object.
        seed: the whole course of the search follows from it.
        storage: None for memory, a file, a URL or an object.
        study_name: its name in the storage.
        catch: exceptions and kinds of failure that make a trial fail but do not stop the search.
        callbacks: called with (study, trial) after each trial.
        progress: whether to show how it goes; None: in a terminal or a notebook. See `tunesmith.Study.optimize`.
        show_progress_bar: what `progress` is called in Optuna; give one of the two.
        warm_start_from: earlier studies of like problems; see `tunesmith.create_study`.
        priors: whether to use what is usually good for parameters of such names; see `tunesmith.create_study`.
        stop: "converged": end as well when what can still be gained is less than the noise of a result.
        max_cost: what all trials may cost together before none is started any more; see `tunesmith.Study.optimize`.
        executor: where trials run: a name, an object, or an engine's own client; see `tunesmith.Study.optimize`.
        timeout_per_trial: seconds after which a trial is ended.
        memory_per_trial: what the processes of a trial may use together, in bytes or as text ("2GB").

    Returns:
        The study, with ``best_params``, ``best_value`` and the rest.

    Example:
        ```python
        from tunesmith import Float, Int, minimize

        def loss(lr, layers):
            return (lr - 0.003) ** 2 + 0.01 * layers

        study = minimize(loss, {"lr": Float(1e-5, 1e-1, log=True), "layers": Int(1, 5)}, n_trials=20, seed=0)
        print(study.best_params, study.best_value)
        ```
    """
    study = _open_study(
        "minimize", space, n_trials, timeout, storage, sampler, pruner, study_name, seed, warm_start_from, priors
    )
    study.optimize(
        fn, None, timeout, n_jobs, catch, callbacks, False, show_progress_bar,
        progress=progress, space=space, stop=stop, n_trials_total=n_trials, max_cost=max_cost, executor=executor,
        timeout_per_trial=timeout_per_trial, memory_per_trial=memory_per_trial,
    )  # fmt: skip
    return study


@checked("storage")
def maximize(
    fn: Callable[..., Any],
    space: Any,
    *,
    n_trials: int | None = 100,
    timeout: float | None = None,
    n_jobs: int | None = None,
    sampler: str | Sampler | None = None,
    pruner: str | Pruner | None = None,
    seed: int | None = None,
    storage: str | Path | Storage | None = None,
    study_name: str | None = None,
    catch: Iterable[type[Exception] | FailureKind] | type[Exception] | FailureKind = (),
    callbacks: Iterable[Callable[[Study, Any], None]] | None = None,
    progress: bool | None = None,
    show_progress_bar: bool | None = None,
    warm_start_from: Study | Iterable[Study] | None = None,
    priors: bool = True,
    stop: str | None = None,
    max_cost: float | None = None,
    executor: Any = None,
    timeout_per_trial: float | None = None,
    memory_per_trial: float | str | None = None,
) -> Study:
    """Find parameters that make ``fn`` large; everything else as `minimize`.

    Args:
        fn: gets the parameters as one dict or as keywords and returns a number; a coroutine or a generator too.
        space: what to search, in any form that `Space` takes.
        n_trials: how many trials the study is to have in the end; None: no limit.
        timeout: seconds after which no trial is started any more.
        n_jobs: trials at once, in processes, coroutines in an event loop; -1: one a core.
            None: one, or as many as `executor` has room for.
        sampler: a name or an object.
        pruner: a name or an object.
        seed: the whole course of the search follows from it.
        storage: None for memory, a file, a URL or an object.
        study_name: its name in the storage.
        catch: exceptions and kinds of failure that make a trial fail but do not stop the search.
        callbacks: called with (study, trial) after each trial.
        progress: whether to show how it goes; None: in a terminal or a notebook. See `tunesmith.Study.optimize`.
        show_progress_bar: what `progress` is called in Optuna; give one of the two.
        warm_start_from: earlier studies of like problems; see `tunesmith.create_study`.
        priors: whether to use what is usually good for parameters of such names; see `tunesmith.create_study`.
        stop: "converged": end as well when what can still be gained is less than the noise of a result.
        max_cost: what all trials may cost together before none is started any more; see `tunesmith.Study.optimize`.
        executor: where trials run: a name, an object, or an engine's own client; see `tunesmith.Study.optimize`.
        timeout_per_trial: seconds after which a trial is ended.
        memory_per_trial: what the processes of a trial may use together, in bytes or as text ("2GB").

    Returns:
        The study, with ``best_params``, ``best_value`` and the rest.

    Example:
        ```python
        from tunesmith import Float, maximize

        study = maximize(lambda x: 1 - x**2, {"x": Float(-1, 1)}, n_trials=20, seed=0)
        print(study.best_params, study.best_value)
        ```
    """
    study = _open_study(
        "maximize", space, n_trials, timeout, storage, sampler, pruner, study_name, seed, warm_start_from, priors
    )
    study.optimize(
        fn, None, timeout, n_jobs, catch, callbacks, False, show_progress_bar,
        progress=progress, space=space, stop=stop, n_trials_total=n_trials, max_cost=max_cost, executor=executor,
        timeout_per_trial=timeout_per_trial, memory_per_trial=memory_per_trial,
    )  # fmt: skip
    return study


def _open_study(
    direction: str,
    space: Any,
    n_trials: int | None,
    timeout: float | None,
    storage: str | Path | Storage | None,
    sampler: str | Sampler | None,
    pruner: str | Pruner | None,
    study_name: str | None,
    seed: int | None,
    warm_start_from: Study | Iterable[Study] | None,
    priors: bool,
) -> Study:
    """Create the study, or load it, after a check of the arguments."""
    if space is None:
        raise TypeError("minimize and maximize need a space; for define-by-run use create_study().optimize(...)")
    if storage is not None and study_name is None:
        raise ValueError(
            f"{direction}(storage=...) needs study_name='...' too: under that name the search is kept, and goes on "
            "where it stopped when it is run again"
        )
    Budget(n_trials, timeout=timeout)  # which are wrong before a study is made for them
    return create_study(
        storage=storage,
        sampler=sampler,
        pruner=pruner,
        study_name=study_name,
        direction=direction,
        load_if_exists=study_name is not None,
        seed=seed,
        warm_start_from=warm_start_from,
        priors=priors,
    )
