"""The study: one search. What is done for it stands in `tunesmith.study.engine` and in a module for each method."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from numbers import Integral
from operator import index
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tunesmith.artifacts.base import BlobStore
from tunesmith.foundation import registry
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import told
from tunesmith.foundation.states import FailureKind, StudyDirection, TrialState
from tunesmith.foundation.storable import storable_items
from tunesmith.foundation.text import did_you_mean, name_and_message, shown
from tunesmith.history import History
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter, Space
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.adopt import adopted, checked_trials
from tunesmith.study.artifacts import StudyArtifacts
from tunesmith.study.engine.ask import check_distributions, check_enqueued
from tunesmith.study.engine.engine import TrialEngine
from tunesmith.study.engine.recovery import recover
from tunesmith.study.engine.replica import RunningTrial, as_shown
from tunesmith.study.engine.tell import outcome_as_told
from tunesmith.study.snapshot import METRIC_NAMES as METRIC_NAMES
from tunesmith.study.snapshot import Snapshot, metric_names_of, snapshot_of
from tunesmith.study.summary import BestTrial, study_html
from tunesmith.trial import Trial
from tunesmith.trial.metrics import without_rows
from tunesmith.trial.record import FrozenTrial

if TYPE_CHECKING:
    import pandas as pd

    from tunesmith.selection import Report
    from tunesmith.selection.choice import Complexity
    from tunesmith.study.recommend import Recommendation
    from tunesmith.study.savings import Savings
    from tunesmith.study.schedule import ScheduleStep
    from tunesmith.study.stopping import Stopping
    from tunesmith.study.summary import FailureReason
    from tunesmith.study.verdict import Verdict

FRAME_COLUMNS = ("number", "value", "datetime_start", "datetime_complete", "duration", "params", "user_attrs", "state")
GONE = {  # names that studies had up to 1.0
    "end_search": "study.stop(), where study.is_optimizing",
    "is_stopped": "a note of your own where you call study.stop()",
    "live": "list(study.running)",
}
Callback = Callable[["Study", FrozenTrial], None]
OpenProgress = Callable[..., Any]  # which returns a `tunesmith.study.progress.Progress`


class Study:
    """One search: a space, a sampler, and every trial so far. Made by `tunesmith.create_study`.

    Several processes may hold a study on the same storage, each with its own object. An object may be used from
    several threads.

    Args:
        record: what the storage keeps of the study.
        storage: where that is.
        sampler: who proposes.
        pruner: who decides whether running trials go on.
        artifact_store: where the contents of artifacts are for this object; None: where the study keeps them.

    Attributes:
        engine: what asks and tells; for this package alone, all else goes through the methods of the study.

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

    @checked()
    def __init__(
        self,
        record: StudyRecord,
        storage: Storage,
        sampler: Sampler,
        pruner: Pruner,
        artifact_store: BlobStore | None = None,
    ) -> None:
        self.engine = TrialEngine(record, storage, sampler, pruner, artifact_store)

    def __sklearn_clone__(self) -> Study:
        """Return itself: a scikit-learn estimator that has a study as a parameter shares it with its clones."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the study is made of: its storage (of a database, the URL), its name, sampler and pruner."""
        return {
            "storage": self.engine.study.storage,
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

    if not TYPE_CHECKING:  # to type checkers, a study has no other names

        def __getattr__(self, name: str) -> Any:
            """Say what to use in place of a name that a study had."""
            now = f": use {GONE[name]}" if name in GONE else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{now}", name=name, obj=self)

    # -- settings ----------------------------------------------------------------------------------------------

    @property
    def study_name(self) -> str:
        """The name, unique in the storage."""
        return self.engine.study.study_name

    @property
    def study_id(self) -> int:
        """The study's id in its storage."""
        return self.engine.study.study_id

    @property
    def storage(self) -> Storage:
        """Where the study is kept."""
        return self.engine.study.storage

    @property
    def worker(self) -> str:
        """The name under which this object starts trials; a program whose trials run elsewhere may set another."""
        return self.engine.asker.worker

    @worker.setter
    def worker(self, worker: str) -> None:
        self.engine.asker.worker = worker

    @property
    def seed(self) -> int:
        """The seed of all random numbers of the study; setting it changes those of this object only."""
        return self.engine.study.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self.engine.study.seed = seed

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return self.engine.study.directions

    @property
    def signs(self) -> tuple[float, ...]:
        """For each objective 1 where it is minimised, -1 where it is maximised; ``history.y`` has values times it."""
        return self.engine.study.signs

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        self.engine.study.check_single_objective("direction", "directions")
        return self.directions[0]

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives, as ``metric=``, an import, or Optuna's ``set_metric_names`` gave them."""
        return metric_names_of(self.system_attrs, len(self.directions))

    @property
    def retries(self) -> Mapping[FailureKind, int]:
        """How often a trial is run again whose attempt ended without a result, by the kind of failure."""
        return MappingProxyType(dict(self.engine.retries))

    @property
    def sampler(self) -> Sampler:
        """The sampler; it may be replaced at any time."""
        return self.engine.asker.sampler

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        self.engine.asker.use(sampler)

    @property
    def pruner(self) -> Pruner:
        """The pruner; it may be replaced at any time."""
        return self.engine.channel.pruner

    @pruner.setter
    def pruner(self, pruner: Pruner) -> None:
        self.engine.channel.set_pruner(pruner)

    # -- trials ------------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space | None:
        """The declared space, or all that the trials suggested so far."""
        return self.history.space

    @property
    def history(self) -> History:
        """The columnar record of finished trials, up to date."""
        return self.engine.study.current_history()

    @property
    def known_history(self) -> History:
        """The history as it was last read; nothing is read for it."""
        return self.engine.study.history

    def read_on(self) -> tuple[int, int]:
        """Read what other workers recorded.

        Returns:
            How many trials had ended, and the study's version, a number that changes with each start and end.
        """
        with self.engine.study.lock:
            self.engine.study.sync()
            return self.engine.study.cursor, self.engine.study.version

    @checked()
    def snapshot(self, before: Snapshot | None = None) -> Snapshot:
        """Return the study as it is now, read once: for who looks at much of it, while others may add trials.

        Args:
            before: an earlier snapshot of it, which is returned if nothing has changed since.

        Returns:
            What figures, reports and importances take in the place of the study.
        """
        return snapshot_of(self.engine.study, before)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return as_shown(self.engine.study.trials())

    @checked()
    def get_trials(
        self,
        deepcopy: bool = True,
        states: Iterable[TrialState | str] | TrialState | str | None = None,
        *,
        numbers: Iterable[int] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting.
            states: only trials in these states, or in this one, each as a `TrialState` or by its name, such as
                "COMPLETE"; None: all.
            numbers: only trials of these numbers; None: all.

        Returns:
            The records; to change them changes nothing in the study.

        Raises:
            KeyError: there is no trial of such a number.
            ValueError: there is no state of such a name.
        """
        wanted = None if numbers is None else list(numbers)
        return as_shown(self.engine.study.trials(wanted, None if states is None else _trial_states(states)))

    def trials_in_parts(self) -> Iterator[list[FrozenTrial]]:
        """Yield all trials by number, some at a time: a million of them would fill the memory.

        Yields:
            records.
        """
        yield from map(as_shown, self.engine.study.in_parts(range(sum(self.counts.values()))))

    @property
    def counts(self) -> dict[TrialState, int]:
        """How many trials there are in each state; the trials are not read for it."""
        return self.engine.study.count()

    @property
    def tally(self) -> str:
        """How many trials there are in each state, in words."""
        return self.engine.study.tally()

    @property
    def running(self) -> Mapping[int, RunningTrial]:
        """The running trials that this object asked for, by number (read-only)."""
        return MappingProxyType(self.engine.study.running)

    def find_best(self) -> FrozenTrial | None:
        """Return the best trial by the first objective, as `best_trial`; None: none is complete and feasible."""
        return self.engine.study.best()

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value, the first among equals.

        Raises:
            ValueError: no trial is complete and feasible yet.
            RuntimeError: the study has several objectives.
        """
        self.engine.study.check_single_objective("best_trial", "best_trials")
        best = self.engine.study.best()
        if best is None:
            raise self.engine.study.none_complete()
        return BestTrial.of(best, self.recommend)

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        self.engine.study.check_single_objective("best_params", "best_trials")
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        self.engine.study.check_single_objective("best_value", "best_trials")
        return self.best_trial.values[0]  # type: ignore[index]  # a complete trial has values

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates (the Pareto front), by number."""
        return self.snapshot().best_trials

    @checked()
    def recommend(
        self, *, simplest: str | None = None, complexity: Complexity | None = None, level: float | None = None
    ) -> Recommendation:
        """Return the point to use: what the search of the study decided, else the one with the best expected value.

        `tunesmith.sklearn.SearchCV` and its relatives store what they decide with their study, with its honest score:
        that is the answer, and how many trials ended later. Of other studies it is the point with the best expected
        value: the posterior mean of a Gaussian process at the points of complete feasible trials; the best value seen
        is mostly luck. With few trials (fewer than 5, or than parameters + 1) there is no model, and the answer says
        so.

        Args:
            simplest: "one-se": the simplest of the points whose expected value is within one standard error of the
                best one.
            complexity: with that, what is simple: a parameter's name (a lower value is simpler; "-name": a higher
                one), a list of names, the first counts most, or a function of the parameters that returns a number.
            level: of the interval, between 0 and 1; None: 0.95, or that of the search. With `simplest`, or another
                level than the search's, the answer is the model's.

        Returns:
            The trial to use, its parameters, what to expect of them, and why.

        Raises:
            ValueError: no trial is complete and feasible yet, the complexity cannot be told, or the level is not
                between 0 and 1.
            RuntimeError: the study has several objectives.
        """
        from tunesmith.study.recommend import recommend

        self.engine.study.check_single_objective("recommend()", "best_trials")
        return recommend(self.snapshot(), simplest, complexity, level)

    def explain(self) -> dict[str, str]:
        """Return in words what is believed of each parameter before there are results, and why; or why nothing is.

        The Gaussian process, and "auto" while it chooses that, begins where values of parameters of such a meaning are
        usually good: a learning rate of a network, the depth of boosted trees, a dropout. What a parameter means is
        told by its name and those beside it, its scale and its range. See docs/samplers.md.

        Returns:
            A sentence for each parameter of the space, by its name; none while no parameter is known.

        Example:
            ```python
            import tunesmith
            from tunesmith import Float, Int

            space = {"eta": Float(0.001, 1, log=True), "max_depth": Int(1, 15), "x": Float(0, 1)}
            study = tunesmith.create_study(space=space)
            print(study.explain()["eta"])
            ```
        """
        return self.snapshot().explain()

    @checked()
    def trials_dataframe(self, attrs: Sequence[str] = FRAME_COLUMNS, multi_index: bool = False) -> pd.DataFrame:
        """Return one row a trial.

        Args:
            attrs: names of `FrozenTrial` attributes; a mapping gives one column a key, such as "params_lr".
            multi_index: columns as pairs ("params", "lr") instead.

        Returns:
            A pandas data frame.

        Raises:
            MissingDependencyError: pandas is not installed.
            ValueError: trials have no such attribute.
        """
        from tunesmith.study.frame import to_frame

        return to_frame(self.trials, len(self.directions), attrs, multi_index)

    @checked()
    def metrics_dataframe(
        self, names: Sequence[str] | None = None, *, numbers: Iterable[int] | None = None
    ) -> pd.DataFrame:
        """Return what trials logged: one row a trial and step, one column a metric.

        Args:
            names: the metrics; None: all.
            numbers: of these trials; None: of all.

        Returns:
            A pandas data frame with the columns "number", "step" and the metrics, by number and step; NaN: the trial
            did not log the metric at that step.

        Raises:
            MissingDependencyError: pandas is not installed.

        Example:
            ```python
            import tunesmith

            def objective(trial):
                x = trial.suggest_float("x", 0, 1)
                for epoch in range(3):
                    trial.log({"loss": x / (epoch + 1), "rate": 0.1}, epoch)
                return x

            study = tunesmith.create_study(seed=0)
            study.optimize(objective, n_trials=5)
            print(study.metrics_dataframe().pivot(index="step", columns="number", values="loss"))
            ```
        """
        from tunesmith.study.frame import to_metrics_frame

        replica = self.engine.study
        wanted = None if numbers is None else list(numbers)
        found = replica.storage.metrics(replica.study_id, wanted, names)
        return to_metrics_frame({n: own for n, m in found.items() if (own := without_rows(m))}, names)

    @checked()
    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: str | None = None,
        lang: str | None = None,
        interactive: bool = False,
        overwrite: bool = False,
    ) -> str:
        """Write a report of the study: what was found, how far to trust it, what mattered, what it cost, what failed.

        Args:
            path: the file, "report.html" or "report.md"; None: none is written.
            format: "html" or "md"; None: what the file's name ends with, else "html".
            lang: "en" or "zh"; None: what the environment says, such as ``TUNESMITH_LANG=zh``.
            interactive: of a page, let its figures be zoomed, asked for their values and saved.
            overwrite: replace the file if it is there.

        Returns:
            the text of the report.

        Raises:
            FileExistsError: the file is there, and `overwrite` does not say that it may be replaced.
            ValueError: there is no such format or language.
        """
        write = registry.report_writer()
        text: str = write(self, path, format=format, lang=lang, interactive=interactive, overwrite=overwrite)
        return text

    @property
    def best_schedule(self) -> list[ScheduleStep]:
        """How the best trial was trained: its parameters and those of the trials that it went on from, first to last.

        After population-based training, that is the schedule to train with; after any other search, the best trial.

        Raises:
            ValueError: no trial is complete and feasible yet.
            RuntimeError: the study has several objectives.
        """
        from tunesmith.study.schedule import schedule_of

        return schedule_of(self.best_trial, lambda number: self.engine.study.trials([number])[0])

    @property
    def savings(self) -> Savings | None:
        """What pruning saved so far, or lost; None: nothing was stopped or paused, or no trial is complete yet."""
        from tunesmith.study.savings import savings

        return savings(self.snapshot())

    @property
    def artifacts(self) -> StudyArtifacts:
        """Files and folders of the study, and of its trials: ``study.artifacts.of(number)``."""
        return StudyArtifacts(self.engine.artifacts)

    # -- run ---------------------------------------------------------------------------------------------------

    @checked("callbacks", "n_jobs", "catch", "timeout_per_trial")
    def optimize(
        self,
        objective: Callable[..., Any] | None = None,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int | None = None,
        catch: Iterable[type[Exception] | FailureKind] | type[Exception] | FailureKind = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool | OpenProgress | None = None,
        *,
        progress: bool | OpenProgress | None = None,
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
                one dict or as keywords, whichever it is written for. It may be a coroutine (``async def``), or a
                generator that yields its reports: a value, a value and its step, or metrics by name.
            n_trials: how many trials to begin in this call; None: no limit. Going on with a paused one does not count.
            timeout: seconds after which no trial is started any more; None: no limit. If a paused trial leads by then,
                it is run to its end, so that the best result is one of full length; so with the other limits.
            n_jobs: how many trials run at once, each in a process of its own where more than 1, coroutines in one event
                loop of this process; -1: one a core. None: one, or with `executor` as many as that has room for.
            catch: exceptions and kinds of failure (`FailureKind`) that make a trial FAIL but do not stop the study. A
                NaN, an exceeded limit and a cancelled trial never stop it; a result that is not a value is an
                ``ObjectiveError``.
            callbacks: called with (study, finished trial) in this process after each trial whose end was recorded here,
                the one that ends the search by an error too. If one raises then, that is a note of the objective's
                error; else its own error ends the search.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: what `progress` is called in Optuna; give one of the two.
            progress: whether to show, from the first second on, a line with the trials that are done, the best value,
                those that run or were stopped early, and the time left. None: in a terminal or a notebook, if no
                library and no other search calls; elsewhere nothing is printed. True: everywhere; in a file as a line
                every few seconds. Or what makes another display, such as `tunesmith.study.progress.Table`. In any case
                the logger ``tunesmith`` tells each trial at level INFO.
            space: what to search, in any form that `Space` takes.
            stop: "converged": end as well when what can still be gained is less than the noise of a result;
                ``study.stop_reason`` then says so. For one objective.
            n_trials_total: how many trials the study is to have in all, in whatever state: those of earlier calls and
                those of other processes on the same storage count. None: no limit.
            max_cost: what all trials of the study may cost together before no trial is started any more, in the unit of
                ``trial.report(cost=...)`` (epochs, GPU-hours), else in seconds; None: no limit.
            executor: where trials run: a name ("inline", "threads", "processes", ...), an `Executor`, or the object of
                an engine, such as a Dask client or a pool. None: this process, or processes of this machine if `n_jobs`
                is more than 1 or a limit is given; of coroutines an event loop, unless their memory is limited.
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
            ValueError: a limit is not valid.
            ObjectiveError: the objective returned something that is not a value.
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.
        """
        from tunesmith.study.optimize import Budget, TrialLimits, optimize
        from tunesmith.study.progress.audience import one_progress, wants_progress

        given = [f for f in (objective, func) if f is not None]
        if len(given) != 1:
            raise TypeError("optimize() takes one objective: the first argument, or by name objective= or func=")
        if space is not None:
            self.declare(space if isinstance(space, Space) else Space(space))
        self.engine.takes_params = space is not None
        open_progress = None
        progress = one_progress(progress, show_progress_bar)
        if wants_progress(progress):
            from tunesmith.study.progress import Progress

            make = progress if callable(progress) else partial(Progress, always=progress is True)
            open_progress = partial(make, self, timeout=timeout)
        budget = Budget(n_trials, n_trials_total, timeout, max_cost, stop)
        limits = TrialLimits(
            executor, n_jobs, catch, timeout_per_trial, memory_per_trial, keep_checkpoints, checkpoint_budget
        )
        after = [partial(callback, self) for callback in _checked_callbacks(callbacks)]
        optimize(self.engine, given[0], budget, limits, after, gc_after_trial, open_progress)

    @checked("callbacks", "n_jobs", "catch", "timeout_per_trial")
    async def optimize_async(
        self,
        objective: Callable[..., Any],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int | None = None,
        catch: Iterable[type[Exception] | FailureKind] | type[Exception] | FailureKind = (),
        callbacks: Iterable[Callback] | None = None,
        *,
        space: Any = None,
        stop: str | None = None,
        n_trials_total: int | None = None,
        max_cost: float | None = None,
        timeout_per_trial: float | None = None,
        show_progress_bar: bool | OpenProgress = False,
    ) -> None:
        """Do what ``optimize`` does in the running event loop, which goes on meanwhile: to be awaited.

        The objective's coroutines run in that loop, and may use what belongs to it, such as a client's connections. An
        objective that is a plain function runs in threads. Proposals are made and results are stored in a thread
        beside the loop; callbacks are called there.

        If the task that awaits this is cancelled, the running trials are cancelled, and wait to be run again.

        Args:
            objective: as for ``optimize``; a coroutine (``async def``), an asynchronous generator, or a plain function.
            n_trials: how many trials to begin.
            timeout: seconds after which no trial is started any more.
            n_jobs: how many trials run at once; None: one; -1: one a core.
            catch: exceptions and kinds of failure that make a trial FAIL but do not stop the study.
            callbacks: called with (study, finished trial) after each trial.
            space: what to search, in any form that `Space` takes; the objective then gets the parameters.
            stop: "converged": end as well when what can still be gained is less than the noise of a result.
            n_trials_total: how many trials the study is to have in all.
            max_cost: what all trials may cost together before none is started any more.
            timeout_per_trial: seconds after which a trial is cancelled, as FAIL.
            show_progress_bar: as for ``optimize``.

        Raises:
            TypeError: an argument is of another type.
            ValueError: a limit is not valid.
            ObjectiveError: the objective returned something that is not a value.
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.

        Example:
            ```python
            import asyncio

            import tunesmith

            async def objective(trial):
                await asyncio.sleep(0.01)  # a request to a server, say
                return trial.suggest_float("x", 0, 1)

            async def main():
                study = tunesmith.create_study(seed=0)
                await study.optimize_async(objective, n_trials=20, n_jobs=10)
                print(study.best_value)

            asyncio.run(main())
            ```
        """
        import asyncio

        from tunesmith.executors.event_loop import AsyncioExecutor, drive_beside
        from tunesmith.executors.resources import checked_jobs, checked_time_limit

        executor = AsyncioExecutor(
            asyncio.get_running_loop(),
            jobs=None if n_jobs is None else checked_jobs(n_jobs),
            time_limit=checked_time_limit(timeout_per_trial),
        )
        drive = partial(
            self.optimize, objective, n_trials, timeout, None, catch, callbacks, False, show_progress_bar,
            space=space, stop=stop, n_trials_total=n_trials_total, max_cost=max_cost, executor=executor,
        )  # fmt: skip
        await drive_beside(executor, drive)

    def stop(self) -> None:
        """End ``optimize`` after the running trials; to be called from a callback or the objective.

        Raises:
            RuntimeError: no ``optimize`` runs in this object.
        """
        if not self.engine.optimizing:
            raise RuntimeError("stop() ends a running optimize(); none is running in this study object")
        self.engine.stop_requested = True

    @property
    def is_optimizing(self) -> bool:
        """Whether ``optimize`` runs in this object."""
        return self.engine.optimizing

    @property
    def fatal_trials(self) -> frozenset[int]:
        """Numbers of the trials whose errors end, or ended, the last ``optimize``."""
        return frozenset(self.engine.fatal)

    @checked()
    def stopping(self, stop: str) -> Stopping:
        """Return what tells after each trial whether a search ends; for loops other than ``optimize``.

        Args:
            stop: as for ``optimize``.

        Raises:
            ValueError: there is no such rule.
            RuntimeError: the study has several objectives.
        """
        from tunesmith.study.stopping import stopping

        return stopping(self.engine, stop)

    @checked()
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
        progress: bool | None = None,
        show_progress_bar: bool | None = None,
        takes_params: bool | None = None,
    ) -> Report:
        """Run the best points and the default again with fresh seeds, and choose among them; print what is returned.

        Each repeat gives ``trial.seed`` another value, the same for all points, so that differences are paired; the
        objective must draw its random numbers from it. The choice weighs the search's model and the fresh runs by
        their precision. The default is kept unless the best other point is better by more than one standard error.

        The runs are not trials of the study: no sampler learns from them and ``best_trial`` stays. Their results are
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
            progress: whether to show how many runs are done, as in ``optimize``.
            show_progress_bar: another name of `progress`; give one of the two.
            takes_params: whether the objective takes parameters, as with ``optimize(space=...)``, and not a trial; by
                default as in this object's last ``optimize``.

        Returns:
            What was chosen, what to expect of it, and how it compares with the default.

        Raises:
            ValueError: no trial is complete and feasible yet, the default is not a point of the space, or the level is
                not between 0 and 1.
            RuntimeError: the study has several objectives.
            ObjectiveError: the objective returned something that is not a value.
            Exception: whatever the objective raised and `catch` does not name.
        """
        from tunesmith.study.confirm import confirm_leaders
        from tunesmith.study.progress.audience import one_progress

        return confirm_leaders(
            self.engine.study,
            objective,
            top_k,
            repeats,
            default=default,
            prefer_default=prefer_default,
            level=level,
            n_jobs=n_jobs,
            catch=catch,
            resume=resume,
            progress=one_progress(progress, show_progress_bar),
            takes_params=self.engine.takes_params if takes_params is None else takes_params,
        )

    # -- ask and tell ------------------------------------------------------------------------------------------

    @checked()
    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on; trials made before keep their own."""
        self.engine.declare(space)

    @overload
    def ask(
        self, fixed_distributions: Mapping[str, Parameter] | None = None, *, n: None = None, below: int | None = None
    ) -> Trial: ...

    @overload
    def ask(
        self, fixed_distributions: Mapping[str, Parameter] | None = None, *, n: int, below: int | None = None
    ) -> list[Trial]: ...

    def ask(
        self,
        fixed_distributions: Mapping[str, Parameter] | None = None,
        *,
        n: int | None = None,
        below: int | None = None,
    ) -> Trial | list[Trial]:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        What the trial reports and notes is stored at once. A trial whose process ends before ``tell`` is run again by
        whoever asks next: at once on the same machine, elsewhere as soon as its lease is over; see ``retries``.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``, as
                those of a declared space do.
            n: start so many trials at once, each with those before it as running trials. If something goes wrong, none
                is started. There are fewer if the sampler has nothing more to propose, or the limit is reached.
            below: start no trial whose number is this or higher, so that a study has so many trials in all, however
                many processes ask for them.

        Returns:
            The running trial; with `n` a list of them.

        Raises:
            ValueError: `n` is not a number of trials, 1 or more.
            SpaceExhaustedError: the sampler has nothing left to propose.
            TrialsSpentError: all numbers below that limit are taken.
            StorageError: the storage cannot be used, or does not take a result that was kept for it.
        """
        if below is not None:
            below = _checked_count("below", below, 0)
        if fixed_distributions is not None:
            check_distributions(fixed_distributions)
        if n is None:
            return self.engine.ask(fixed_distributions, below=below)
        return self.engine.ask_batch(_checked_count("n", n, 1), fixed_distributions, below=below)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
        *,
        reason: str | None = None,
        cost: float | None = None,
        noise: float | Sequence[float] | None = None,
    ) -> FrozenTrial:
        """Record how a trial ended. When this returns, the result is durable.

        Without `state`, values that are not one finite-or-infinite number per objective make the trial FAIL, with the
        reason stored. Telling the same outcome again changes nothing.

        Args:
            trial: what ``ask`` returned, or its number.
            values: the objective's value, or one for each objective; not needed where reports are the result.
            state: COMPLETE, PRUNED (the value is then the last report, or what ``create_study(value=)`` says) or FAIL.
            skip_if_finished: do nothing, whatever was told before, if the trial is finished.
            reason: why it failed or was pruned, in words.
            cost: what the trial cost, in a unit of your own; by default the seconds since its start.
            noise: the standard deviation of the value's measurement error, or a list of one for each objective; by
                default what ``trial.set_noise`` was given. Samplers with a model trust a value the less, the noisier it
                is; where it is not told, they estimate it.

        Returns:
            The record of the trial.

        Raises:
            TypeError: the noise is neither a number nor a list of numbers.
            ValueError: the trial was told another outcome before, was never asked for, or values, noise and state do
                not fit.
            AttemptReplacedError: the trial was given up, because its worker seemed to be dead or by ``release``; the
                result is kept as a note in its ``previous_attempts``, and not used.
            StorageError: the storage does not take the result; what may pass (a StorageUnavailableError) is waited
                for, half a minute. The result is kept in this process, and stored by the next ``ask``, ``tell`` or
                ``optimize``, or when the process ends.
        """
        number = trial.number if isinstance(trial, Trial) else _trial_number(trial)
        if reason is not None and not isinstance(reason, str):
            raise TypeError(f"tell: reason must be a text; got {shown(reason)}")
        outcome = outcome_as_told(number, values, state, reason, len(self.directions), noise)
        return self.engine.record(trial if isinstance(trial, Trial) else number, outcome, skip_if_finished, cost)

    @checked()
    def take_up(self, number: int) -> Trial:
        """Return a running trial that another process asked for, so that this one can report, note and tell for it.

        The process that asked goes on counting as the one that runs the trial. What a step costs is not measured here:
        ``report(cost=...)`` says it.

        Args:
            number: the trial.

        Returns:
            The running trial.

        Raises:
            ValueError: there is no such trial, or it does not run.
        """
        return self.engine.take_up(_trial_number(number))

    def flush(self) -> None:
        """Store the results that were kept in this process because the storage could not be used.

        Raises:
            StorageError: it still cannot; the results stay here.
        """
        self.engine.teller.flush()

    def recover(self) -> list[int]:
        """Take over the trials of dead workers, so that they are run again; return the numbers.

        ``ask`` and ``optimize`` do so by themselves. A worker is dead if its process on this machine is gone, or if it
        gave no sign of life for the time of its lease. A trial that was lost more often than ``retries`` says is FAIL
        instead. The death of a driver whose trials run in other processes counts as an interruption, since a trial
        cannot have caused it.
        """
        return recover(self.engine.study, self.engine.retries)

    @checked()
    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed.

        ``retries`` does not limit this: it is your own program's word.
        """
        self.engine.release(numbers)

    def interrupt(self) -> None:
        """Give all running trials of this object back, as after an interruption of the program; see ``retries``."""
        self.engine.interrupt_all()

    @checked()
    def connect(self, trial: Trial) -> None:
        """Let a copy of a running trial, from another process say, report and note to this study."""
        trial.link.connect(self.engine.channel)

    @checked()
    def propose_for(self, number: int, sampler: Sampler, space: Space, rng: np.random.Generator) -> list[float]:
        """Let a sampler propose a point for a trial that runs already, and note its sampler state with the trial.

        So a sampler that stands inside of another one finds its own states in the history, as if the study asked it.

        Args:
            number: the trial's number.
            sampler: who proposes.
            space: over which parameters.
            rng: the random numbers.

        Returns:
            The internal values over the space.

        Raises:
            SpaceExhaustedError: the sampler has proposed every point it has.
        """
        return self.engine.propose_for(number, sampler, space, rng)

    @checked()
    def plan_next(self, x: list[float], proposed_by: str, unless: Callable[[dict[str, Any]], bool]) -> int | None:
        """Use a point for the next new trial, unless another worker starts that trial first.

        Workers that plan the same point for the same number start it once, which they would not if each added it. One
        that plans a later number sees the trials before it, since it looks at them after it has planned.

        Args:
            x: its internal values over the declared space.
            proposed_by: who proposed it.
            unless: tells by its parameters whether a trial of the study, running or finished, is that point already.

        Returns:
            The number of that trial. If the next trial that ``ask`` starts has a higher one, another worker has it.
            None if the point was tried already.
        """
        return self.engine.asker.plan_next(x, proposed_by, unless)

    # -- add ---------------------------------------------------------------------------------------------------

    @checked("params", "user_attrs")
    def enqueue_trial(
        self, params: Mapping[str, Any], user_attrs: Mapping[str, Any] | None = None, skip_if_exists: bool = False
    ) -> bool:
        """Run a point before any new proposal. The sampler proposes the parameters that are not named.

        Args:
            params: values by name.
            user_attrs: notes to keep with the trial.
            skip_if_exists: do nothing if a trial with these parameters exists already.

        Returns:
            Whether a trial was added.

        Raises:
            SpaceError: a value lies outside the declared space, or a name is not in it.
            TypeError: the parameters are not a mapping, or a name is not text.
            ValueError: an attribute cannot be kept.
        """
        fixed = check_enqueued(params)
        engine = self.engine
        if engine.study.declared and engine.study.history.space is not None:
            engine.study.history.space.validate(fixed, partial=True)
            fixed = dict(engine.study.history.space.flat(fixed))
        if skip_if_exists and any(fixed in (t.flat_params, t.params, t.fixed) for t in self.trials):
            return False
        engine.study.add([FrozenTrial(-1, TrialState.WAITING, fixed=fixed, user=storable_items(user_attrs))])
        return True

    @checked("trial")
    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a finished (or waiting) trial, for example from `tunesmith.create_trial`, under a new number.

        Raises:
            ValueError: the trial is running, or has another number of values than the study has directions.
        """
        self.add_trials([trial])

    @checked("trials")
    def add_trials(self, trials: Iterable[FrozenTrial] | Study) -> list[int]:
        """Add several finished (or waiting) trials, or those of another study that have values; all or none.

        From another study its complete and pruned trials are taken, in order, and mapped to the declared space by
        name. A trial that is not a point of it (a value out of range, a parameter that is missing or unknown) is left
        out, with a warning that says how many and why; its value would stand for something else.

        Returns:
            The numbers under which they were added.

        Raises:
            TypeError: it is not a trial of tunesmith's.
            ValueError: a trial is running, or has another number of values than the study has directions; or the
                other study has other directions.
        """
        if isinstance(trials, Study):
            trials = adopted(trials.engine.study, self.engine.study)
        checked = checked_trials(trials, len(self.directions))
        return self.engine.study.add(checked) if checked else []

    # -- attributes --------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes of the study (read-only)."""
        return self.engine.study.user_attrs

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return self.engine.study.system_attrs

    @property
    def verdict(self) -> Verdict | None:
        """What the search of the study decided; None: it decided nothing, ``recommend`` asks a model.

        Raises:
            StorageError: it is damaged, or was written by a later version.
        """
        from tunesmith.study.verdict import read_verdict

        return read_verdict(self.system_attrs, self.study_name)

    @checked()
    def store_verdict(self, verdict: Verdict, *, first: bool = False) -> Verdict | None:
        """Store what a search decided, in the place of what was decided before.

        Args:
            verdict: the decision.
            first: not in the place of one by the same settings from as many trials.

        Returns:
            That one, which stays; None: the verdict is stored.
        """
        from tunesmith.study.verdict import store_verdict

        return store_verdict(self.engine.study, verdict, first=first)

    def failure_reasons(self) -> list[FailureReason]:
        """Return why trials failed, the most frequent reason first."""
        from tunesmith.study.summary import failure_reasons

        return failure_reasons(self.snapshot())

    @property
    def stop_reason(self) -> str | None:
        """Why the last ``optimize(stop="converged")`` ended by itself; None if it did not."""
        return None if (reason := self.stored_stop_reason) is None else told(reason)

    @property
    def stored_stop_reason(self) -> str | None:
        """The same as it is stored, in English."""
        stopped = self.engine.study.stopped
        return None if stopped is None else str(stopped["reason"])

    @property
    def regret_bound(self) -> float | None:
        """How much better, at most, a longer search was expected to get when it ended by itself; None if it did not."""
        stopped = self.engine.study.stopped
        return None if stopped is None else float(stopped["left"])

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of the study, stored at once in the form that ``trial.set_user_attr`` explains.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept, or the key is not text.
        """
        self.engine.study.set_user_attr(key, value)

    @checked()
    def set_trial_attr(self, number: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial, whoever runs it.

        Args:
            number: the trial.
            key: the attribute's name.
            value: what to keep, of the types that JSON has.
        """
        self.engine.study.set_trial_attr(number, key, value)

    @checked()
    def set_system_attr(self, key: str, value: Any, *, number: int | None = None) -> None:
        """Set an attribute of tunesmith's own.

        Args:
            key: the attribute's name.
            value: what to keep.
            number: of which trial, whoever runs it; None: of the study.
        """
        self.engine.study.set_system_attr(key, value, number)

    def _repr_html_(self) -> str:
        from tunesmith.study.recommend import recommend

        return study_html(self.snapshot(), self.sampler.name, recommend)

    def __repr__(self) -> str:
        directions = ", ".join(d.value for d in self.directions)
        try:
            tally = self.engine.study.tally()
        except Exception as error:  # a debugger shows it while an error is handled
            tally = f"no trials to be read ({name_and_message(error)})"
        return f"Study({self.study_name!r}, {directions}, sampler={self.sampler.name!r}, {tally})"


def _checked_count(name: str, n: Any, least: int) -> int:
    """Return a number of trials that `ask` is given; ValueError if it is not one."""
    if isinstance(n, bool) or not isinstance(n, Integral) or not least <= int(n) < 2**63:
        raise ValueError(f"ask({name}=...) takes a number of trials, {least} or more; got {shown(n)}")
    return int(n)


def _trial_states(given: Iterable[TrialState | str] | TrialState | str) -> list[TrialState]:
    """Return states that are given as such or by their names, several or one; ValueError for an unknown name."""
    found = []
    for state in given if isinstance(given, Iterable) and not isinstance(given, str) else [given]:
        if isinstance(state, str) and state not in TrialState.__members__:
            known = ", ".join(TrialState.__members__)
            hint = did_you_mean(state, TrialState.__members__)
            raise ValueError(f"states takes names of states ({known}) or members of TrialState; got {state!r}{hint}")
        found.append(TrialState[state] if isinstance(state, str) else TrialState(state))
    return found


def _trial_number(trial: Any) -> int:
    """Return what was given in place of a trial as a number; TypeError if it is not one."""
    try:
        return index(trial)
    except TypeError:
        raise TypeError(f"tell takes a trial that ask() returned, or its number; got {shown(trial)}") from None


def _checked_callbacks(given: Any) -> list[Callback]:
    """Return the callbacks as a list.

    Raises:
        TypeError: it is not a list of callables.
    """
    if callable(given):
        raise TypeError(f"callbacks takes a list of callables; got the one callable {given!r}: put it into a list")
    listed = list(given or ())
    for callback in listed:
        if not callable(callback):
            raise TypeError(f"callbacks takes callables (study, trial) -> None; got {callback!r}")
    return listed
