"""Every exception that tunesmith defines.

Each derives from `TunesmithError` and, where a built-in exception is what a caller would expect
(`ValueError` for a bad range, `KeyError` for an unknown study), from that one too.
"""

from __future__ import annotations


class TunesmithError(Exception):
    """Base class of all errors raised by tunesmith."""


class ArgumentError(TunesmithError, TypeError, ValueError):
    """An argument is none of what the function takes: the message names it, what was given and what is expected."""


class SpaceError(TunesmithError, ValueError):
    """A search space, or a point of one, is not valid."""


class StorageError(TunesmithError, RuntimeError):
    """A storage cannot be opened, read or written."""


class StorageUnavailableError(StorageError):
    """A storage cannot be used at the moment: its server is away, it is locked, its disk is full.

    A storage of your own raises it where waiting may help. After any other error nothing waits.
    """


class StorageLostError(StorageError):
    """The file of a storage was deleted, replaced, overwritten or cut off while it was in use.

    Args:
        message: what happened, and what to do.
        path: the file.
        rescue: the file beside it that has what was stored; None: none could be made.
    """

    def __init__(self, message: str, path: str = "", rescue: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.rescue = rescue


class StudyNotFoundError(StorageError, KeyError):
    """The storage holds no study of the given name."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class DuplicatedStudyError(StorageError):
    """The storage already holds a study of the given name."""


class TrialPruned(TunesmithError):
    """Raised by an objective to say that its trial is stopped early.

    Example:
        ```python
        import tunesmith

        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            if x > 0.5:
                raise tunesmith.TrialPruned
            return x

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=10)
        ```
    """


class TrialInterrupted(TunesmithError):
    """Raised by an objective whose run was interrupted from outside: its trial waits, to be run again as it was.

    That is what Ctrl-C and SIGTERM of the worker do as well. A trial that is interrupted again and again without a new
    report or checkpoint fails in the end; ``create_study(retries={"interrupted": ...})`` says when.
    """


class ProgramError(TunesmithError, RuntimeError):
    """A program that ``tunesmith run`` started failed, or ended without its metric."""


class MissingMetricError(ProgramError):
    """A program that ``tunesmith run`` started ended well, and its metric was nowhere to be found."""


def is_pruned(error: BaseException) -> bool:
    """Tell whether an objective raised TrialPruned: ours, or another library's exception of this name.

    Code that was written for other libraries raises theirs with the same meaning.
    """
    return any(kind.__name__ == TrialPruned.__name__ for kind in type(error).__mro__)


class SpaceExhaustedError(TunesmithError, RuntimeError):
    """The sampler has proposed every point of the space."""


class TrialsSpentError(TunesmithError, RuntimeError):
    """The study has as many trials as it should have in all."""


class ObjectiveError(TunesmithError, ValueError):
    """An objective returned something that is not a value, or cannot be sent to where it should run."""


class WorkerDiedError(TunesmithError, RuntimeError):
    """The process that ran a trial ended before the trial did."""


class AttemptReplacedError(TunesmithError, RuntimeError):
    """A trial was given up and started again elsewhere; writes of its earlier attempt are refused."""


class ArtifactError(TunesmithError, RuntimeError):
    """The content of an artifact cannot be kept or read."""


class ArtifactNotFoundError(ArtifactError, KeyError):
    """There is no artifact of the given name."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class DamagedArtifactError(ArtifactError):
    """The content of an artifact is missing, or is not what was saved."""


class TrialFinishedError(TunesmithError, ValueError):
    """A trial is told another end than it had already."""


class MissingDependencyError(TunesmithError, ImportError):
    """An optional dependency is needed and not installed."""


class ResumeError(TunesmithError, ValueError):
    """A stored study does not belong to the search that asks to resume it."""


class SelectionError(TunesmithError, ValueError):
    """Losses or scores that no winner can be chosen from, or whose shapes do not fit."""


class NothingToDrawError(TunesmithError, ValueError):
    """A study does not have what a figure shows: no complete trial, no report, no parameter."""


class SourceError(TunesmithError, ValueError):
    """Results of another program cannot be read: the source is damaged, is no such thing, or needs a word from you."""


class ScalingError(TunesmithError, ValueError):
    """Runs at several scales cannot say what was asked: too few scales, too narrow a span, a wrong column."""


class QueryError(TunesmithError, ValueError):
    """An expression that chooses trials cannot be read, or names a column that is not there."""
