"""The study: one search, and how a user runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tunesmith.frozen import FrozenTrial
from tunesmith.space import Space
from tunesmith.state import FailureKind
from tunesmith.storage.base import Storage
from tunesmith.study.ask_tell import AskTellStudy

if TYPE_CHECKING:
    from tunesmith.progress import Progress
    from tunesmith.selection import Report

Callback = Callable[["Study", FrozenTrial], None]
OpenProgress = Callable[..., "Progress"]


class Study(AskTellStudy):
    """One search: a space, a sampler, and every trial so far. Made by `tunesmith.create_study`.

    Several processes may hold a study on the same storage, each with its own object. An object may be used from
    several threads.

    Example:
        ```python
        import tunesmith
        from tunesmith import Float

        study = tunesmith.create_study(space={"x": Float(-10, 10)}, seed=0)
        for _ in range(20):
            trial = study.ask()
            study.tell(trial, (trial.suggest_float("x", -10, 10) - 2) ** 2)
        print(study.best_params, study.best_value)
        ```
    """

    def __sklearn_clone__(self) -> Study:
        """Return itself: a scikit-learn estimator that has a study as a parameter shares it with its clones."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the study is made of: its storage (of a database, the URL), its name, sampler and pruner."""
        return {
            "storage": self.engine.storage,
            "study_name": self.study_name,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "takes_params": self.engine.takes_params,
            "artifact_store": self.engine.artifacts.given,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        storage: Storage = state["storage"]
        record, given = storage.load_study(state["study_name"]), state.get("artifact_store")
        self.__init__(record, storage, state["sampler"], state["pruner"], given)  # type: ignore[misc]  # opens anew
        self.engine.takes_params = state["takes_params"]

    # -- run ---------------------------------------------------------------------------------------------------

    def optimize(
        self,
        objective: Callable[..., Any] | None = None,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int | None = None,
        catch: Iterable[type[Exception] | FailureKind] | type[Exception] | FailureKind = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool | OpenProgress = False,
        *,
        space: Any = None,
        stop: str | None = None,
        n_trials_total: int | None = None,
        max_cost: float | None = None,
        executor: Any = None,
        timeout_per_trial: float | None = None,
        memory_per_trial: float | str | None = None,
        keep_checkpoints: bool | None = None,
        checkpoint_budget: float | str | None = None,
        func: Callable[..., Any] | None = None,
    ) -> None:
        """Run trials until `n_trials` are done, the time is over, a callback stops it or the space is exhausted.

        Args:
            objective: gets a `Trial` and returns its value(s); with `space`, gets the parameters instead, as
                one dict or as keywords, whichever it is written for.
            n_trials: how many trials to begin in this call; None: no limit. Going on with a paused one does not count.
            timeout: seconds after which no trial is started any more; None: no limit. If a paused trial leads by then,
                it is run to its end, so that the best result is one of full length; so with the other limits.
            n_jobs: how many trials run at once, each in a process of its own where more than 1; -1: one a core. None:
                one, or with `executor` as many as that has room for.
            catch: exceptions and kinds of failure (`FailureKind`) that make a trial FAIL but do not stop the study. A
                NaN, an exceeded limit and a cancelled trial never stop it; a result that is no value is an
                ``ObjectiveError``.
            callbacks: called with (study, finished trial) in this process after each trial whose end was recorded here,
                the one that ends the search by an error too. If one raises then, that is a note of the objective's
                error; else its own error ends the search.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: show trial n/N, the best so far, the rate and the time left; or what makes another
                display, such as `tunesmith.progress.Table`.
            space: what to search, in any form that `Space` takes.
            stop: "converged": end as well when what can still be gained is less than the noise of a result;
                ``study.stop_reason`` then says so. For one objective.
            n_trials_total: how many trials the study is to have in all, in whatever state: those of earlier calls and
                those of other processes on the same storage count. None: no limit.
            max_cost: what all trials of the study may cost together before no trial is started any more, in the unit of
                ``trial.report(cost=...)`` (epochs, GPU-hours), else in seconds; None: no limit.
            executor: where trials run: a name ("inline", "processes", ...), an `Executor`, or an engine's own object,
                such as a Dask client or a pool. None: this process, or processes of this machine if `n_jobs` is more
                than 1 or a limit is given.
            timeout_per_trial: seconds after which a trial is ended, with all that it started, as FAIL.
            memory_per_trial: what the processes of a trial may use together, in bytes or as text ("2GB"); a trial
                that uses more is killed, as FAIL.
            keep_checkpoints: whether paused trials keep their checkpoints when this call ends, to go on from in a later
                one. None: yes, but not when the study has all of `n_trials_total` trials and none is open. False: no;
                they would begin anew.
            checkpoint_budget: what the checkpoints of the study may take, in bytes or as text ("20GB"). What no trial
                needs is removed first; with ``keep_checkpoints=False``, then those of the trials paused first. If that
                is not enough, there is a warning. None: no limit.
            func: the objective, by the name that it has in Optuna; give one of the two.

        Raises:
            TypeError: no objective is given, or both.
            ValueError: a limit is no valid one.
            ObjectiveError: the objective returned something that is no value.
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.
        """
        from tunesmith.study.optimize import optimize

        given = [f for f in (objective, func) if f is not None]
        if len(given) != 1:
            raise TypeError("optimize() takes one objective: the first argument, or by name objective= or func=")
        if space is not None:
            self.declare(space if isinstance(space, Space) else Space(space))
        self.engine.takes_params = space is not None
        open_progress = None
        if show_progress_bar:
            from tunesmith.progress import Progress

            make = Progress if show_progress_bar is True else show_progress_bar
            open_progress = partial(make, self, timeout=timeout)
        optimize(
            self.engine,
            given[0],
            takes_params=space is not None,
            n_trials=n_trials,
            timeout=timeout,
            max_cost=max_cost,
            n_jobs=n_jobs,
            catch=catch,
            callbacks=[partial(callback, self) for callback in _checked_callbacks(callbacks)],
            gc_after_trial=gc_after_trial,
            open_progress=open_progress,
            stop=stop,
            n_trials_total=n_trials_total,
            executor=executor,
            timeout_per_trial=timeout_per_trial,
            memory_per_trial=memory_per_trial,
            keep_checkpoints=keep_checkpoints,
            checkpoint_budget=checkpoint_budget,
        )

    def stop(self) -> None:
        """End ``optimize`` after the running trials; to be called from a callback or the objective.

        Raises:
            RuntimeError: no ``optimize`` runs in this object.
        """
        if not self.engine.optimizing:
            raise RuntimeError("stop() ends a running optimize(); none is running in this study object")
        self.engine.stop_requested = True

    def confirm(
        self,
        objective: Callable[..., Any],
        top_k: int = 5,
        repeats: int = 3,
        *,
        default: Mapping[str, Any] | None = None,
        prefer_default: bool = True,
        level: float = 0.95,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        resume: bool = True,
        show_progress_bar: bool = False,
        takes_params: bool | None = None,
    ) -> Report:
        """Run the best points and the default again with fresh seeds, and choose among them; print what is returned.

        Each repeat gives ``trial.seed`` another value, the same for all points, so that differences are paired; the
        objective must draw its random numbers from it. The choice weighs the search's model and the fresh runs by
        their precision. The default is kept unless the best other point is better by more than one standard error.

        The runs are no trials of the study: no sampler learns from them and ``best_trial`` stays. Their results are
        stored when they end, so an interrupted call goes on, and a second call makes only the runs that are missing.
        ``trial.number`` counts from 1,000,000, and ``trial.should_prune()`` is never true.

        Args:
            objective: as for ``optimize``.
            top_k: how many points to run again, the best ones by expected value.
            repeats: how often each of them is run.
            default: the configuration to beat; by default the first enqueued trial that gave all parameters, if any.
            prefer_default: keep the default in case of doubt; if false, the best one is returned in any case.
            level: of the intervals, between 0 and 1.
            n_jobs: how many runs at once, each in a process of its own where more than 1; -1: one a core.
            catch: exceptions that put a point out but do not end the call. NaN, infinity, a violated constraint and
                ``TrialPruned`` put it out in any case.
            resume: use the results of earlier calls; if false they are dropped, as is right for another objective.
            show_progress_bar: show how many runs are done.
            takes_params: whether the objective takes parameters, as with ``optimize(space=...)``, and not a trial; by
                default as in this object's last ``optimize``.

        Returns:
            What was chosen, what to expect of it, and how it compares with the default.

        Raises:
            ValueError: no trial is complete and feasible yet, the default is no point of the space, or the level none.
            RuntimeError: the study has several objectives.
            ObjectiveError: the objective returned something that is no value.
            Exception: whatever the objective raised and `catch` does not name.
        """
        from tunesmith.study.confirm import confirm

        return confirm(
            self.engine,
            objective,
            top_k,
            repeats,
            default=default,
            prefer_default=prefer_default,
            level=level,
            n_jobs=n_jobs,
            catch=catch,
            resume=resume,
            show_progress=show_progress_bar,
            takes_params=self.engine.takes_params if takes_params is None else takes_params,
        )


def _checked_callbacks(given: Any) -> list[Callback]:
    """Return the callbacks as a list.

    Raises:
        TypeError: it is no list of callables.
    """
    if callable(given):
        raise TypeError(f"callbacks takes a list of callables; got the one callable {given!r}: put it into a list")
    listed = list(given or ())
    for callback in listed:
        if not callable(callback):
            raise TypeError(f"callbacks takes callables (study, trial) -> None; got {callback!r}")
    return listed
