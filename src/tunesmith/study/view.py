"""The reading side of a study."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith import registry
from tunesmith.artifacts.base import BlobStore
from tunesmith.frozen import FrozenTrial
from tunesmith.history import History
from tunesmith.numerics.pareto import non_dominated
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space
from tunesmith.space.meaning import explain
from tunesmith.state import FailureKind, StudyDirection, TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.engine.engine import TrialEngine
from tunesmith.study.html import study_html
from tunesmith.text import name_and_message

if TYPE_CHECKING:
    import pandas as pd

    from tunesmith.selection.choice import Complexity
    from tunesmith.study.artifacts import StudyArtifacts
    from tunesmith.study.recommend import Recommendation
    from tunesmith.study.savings import Savings
    from tunesmith.study.schedule import ScheduleStep

METRIC_NAMES = "metric_names"  # a system attribute of a study: the names of its objectives
COLUMNS = ("number", "value", "datetime_start", "datetime_complete", "duration", "params", "user_attrs", "state")


class StudyView:
    """The part of `tunesmith.Study` that reads.

    Attributes:
        engine: what asks and tells; for tunesmith's own use.
    """

    def __init__(
        self,
        record: StudyRecord,
        storage: Storage,
        sampler: Sampler,
        pruner: Pruner,
        artifact_store: BlobStore | None = None,
    ) -> None:
        self.engine = TrialEngine(record, storage, sampler, pruner, artifact_store)

    # -- settings ----------------------------------------------------------------------------------------------

    @property
    def study_name(self) -> str:
        """The name, unique in the storage."""
        return self.engine.study_name

    @property
    def seed(self) -> int:
        """The seed of all random numbers of the study."""
        return self.engine.seed

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return self.engine.directions

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        self.engine.check_single_objective("direction", "directions")
        return self.directions[0]

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives, as an import or ``set_metric_names`` under Optuna's names gave them, or None."""
        names = self.system_attrs.get(METRIC_NAMES)
        return names if isinstance(names, list) and len(names) == len(self.directions) else None

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
        self.engine.asker.sampler = sampler

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
        return self.engine.current_history()

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return self.engine.trials()

    def get_trials(self, deepcopy: bool = True, states: Iterable[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting.
            states: only trials in these states; None: all.

        Returns:
            The records; to change them changes nothing in the study.
        """
        return self.engine.trials(states=None if states is None else list(states))

    @property
    def live(self) -> list[int]:
        """Numbers of the running trials that this object asked for."""
        return list(self.engine.running)

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value, the first among equals.

        Raises:
            ValueError: no trial is complete and feasible yet.
            RuntimeError: the study has several objectives.
        """
        self.engine.check_single_objective("best_trial", "best_trials")
        best = self.engine.best()
        if best is None:
            raise self.engine.none_complete()
        return best

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        self.engine.check_single_objective("best_params", "best_trials")
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        self.engine.check_single_objective("best_value", "best_trials")
        return self.best_trial.values[0]  # type: ignore[index]  # a complete trial has values

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates (the Pareto front), by number."""
        history = self.history
        rows = np.flatnonzero(history.complete & history.feasible)
        front = rows[non_dominated(history.y[rows])]
        return self.engine.trials(sorted(history.number[front].tolist())) if len(front) else []

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
            ValueError: no trial is complete and feasible yet, the complexity cannot be told, or the level is none.
            RuntimeError: the study has several objectives.
        """
        from tunesmith.study.recommend import recommend

        self.engine.check_single_objective("recommend()", "best_trials")
        return recommend(self.engine, simplest, complexity, level)

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
        history = self.history
        if history.space is None:
            return {}
        return explain(history.space, history.why_no_meanings)

    def trials_dataframe(self, attrs: Sequence[str] = COLUMNS, multi_index: bool = False) -> pd.DataFrame:
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

    def report(self, path: str | os.PathLike[str] | None = None, *, format: str | None = None, lang: str = "en") -> str:
        """Write a report of the study: what was found, how far to trust it, what mattered, what it cost, what failed.

        Args:
            path: the file, "report.html" or "report.md"; None: none is written.
            format: "html" or "md"; None: what the file's name ends with, else "html".
            lang: "en" or "zh".

        Returns:
            the text of the report.

        Raises:
            ValueError: there is no such format or language.
        """
        text: str = registry.guide("report")(self, path, format=format, lang=lang)  # which stands above studies
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

        return schedule_of(self.best_trial, lambda number: self.engine.trials([number])[0])

    @property
    def savings(self) -> Savings | None:
        """What pruning saved so far, or lost; None: nothing was stopped or paused, or no trial is complete yet."""
        from tunesmith.study.savings import savings

        history = self.history
        again = sorted(self.engine.restarted)
        return savings(history, chain.from_iterable(self.engine.in_parts(again)) if again else ())

    @property
    def artifacts(self) -> StudyArtifacts:
        """Files and folders of the study, and of its trials: ``study.artifacts.of(number)``."""
        from tunesmith.study.artifacts import StudyArtifacts

        return StudyArtifacts(self.engine.artifacts)

    # -- attributes --------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes of the study (read-only)."""
        return self.engine.user_attrs

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return self.engine.system_attrs

    @property
    def stop_reason(self) -> str | None:
        """Why the last ``optimize(stop="converged")`` ended by itself; None if it did not."""
        stopped = self.engine.stopped
        return None if stopped is None else str(stopped["reason"])

    @property
    def regret_bound(self) -> float | None:
        """How much better, at most, a longer search was expected to get when it ended by itself; None if it did not."""
        stopped = self.engine.stopped
        return None if stopped is None else float(stopped["left"])

    def _repr_html_(self) -> str:
        return study_html(self.engine)

    def __repr__(self) -> str:
        directions = ", ".join(d.value for d in self.directions)
        try:
            tally = self.engine.tally()
        except Exception as error:  # a debugger shows it while an error is handled
            tally = f"no trials to be read ({name_and_message(error)})"
        return f"Study({self.study_name!r}, {directions}, sampler={self.sampler.name!r}, {tally})"
