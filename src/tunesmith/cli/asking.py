"""What programs that hold the loop themselves ask and tell: for the commands ``ask`` and ``tell``, and for assistants.

The answers are plain values, made for JSON.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import STANDARD_STORAGE, declare, existing, metrics_of, study_record
from tunesmith.cli.settings import Settings, space_of, study_name
from tunesmith.errors import TrialFinishedError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean, listing, printable, real, shown
from tunesmith.foundation.worker_names import outside_worker

if TYPE_CHECKING:
    from tunesmith.study import Study
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.trial import Trial

LEASE_SECONDS = 24 * 3600.0  # seconds for which a trial is left to a program of which nothing more is known
UNNAMED_STUDY = "study"  # of a study that is given no name
TRIAL_ENDS = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}
# What an error says of the first ask; to assistants it is said in the words of their tools.
PARAMETERS = '-p "lr=log(1e-5, 1e-1)" for each parameter, and --minimize NAME or --maximize NAME'
MAKES_ONE = "`tunesmith ask -p NAME=WHAT --minimize NAME` makes one, and so does `tunesmith create-study`"


# -- the study -----------------------------------------------------------------------------------------------------


def study_to_ask(settings: Settings, *, change: bool = False) -> tuple[Study, int | None]:
    """Return the study to ask, made by the first call that has parameters.

    Args:
        settings: what was given, as for ``run``.
        change: whether a study that has other parameters gets these.

    Returns:
        The study, and how many trials it is to have in all; None: there is no limit.

    Raises:
        UsageError: there is no such study and too little is known to make it, or what was given does not fit it.
    """
    spec, name = settings.storage or STANDARD_STORAGE, _named_study(settings)
    is_new = "://" not in spec and not Path(spec).exists()
    if not settings.params:
        if is_new:
            raise click.UsageError(f"{spec} does not exist; the first ask makes the study, and needs {PARAMETERS}")
        study, settings = settings.load(_study_there(spec, name), spec)
        _agree_on_metrics(study, settings)
        return study, settings.trials
    there = [] if is_new else [record.name for record in existing(spec).list_studies()]
    if name is None and len(there) > 1:
        raise click.UsageError(f"there are {len(there)} studies; give --study, one of {listing(there)}, or a new name")
    name = name or (there[0] if there else UNNAMED_STUDY)
    space = space_of(settings)
    if name in there:
        study, settings = settings.load(name, spec)
    elif settings.metrics:
        study = settings.begin(name, existing(spec) if Path(spec).is_file() else spec)
        settings.keep(study)
    else:
        raise click.UsageError(
            f"there is no study {name!r} yet; to make it, say what is to be tuned for: give --minimize NAME or "
            "--maximize NAME, as in --minimize loss"
        )
    _agree_on_metrics(study, settings)
    declare(study, space, spec, change)
    return study, settings.trials


def study_to_tell(settings: Settings) -> Study:
    """Return the study of a trial; UsageError if there is none."""
    spec = settings.storage or STANDARD_STORAGE
    return settings.load(_study_there(spec, _named_study(settings)), spec)[0]


def _named_study(settings: Settings) -> str | None:
    """Return the name of the study, as ``run`` would name it; None: nothing says one."""
    return settings.study or (study_name(settings.command, bool(settings.shell)) if settings.command else None)


def _study_there(spec: str, name: str | None) -> str:
    """Return the name of a study that is there, or raise UsageError."""
    store = existing(spec)
    try:
        return study_record(store, spec, name).name
    except click.UsageError as error:
        if name is None and store.list_studies():
            raise  # there are several
        raise click.UsageError(f"{error.message}; {MAKES_ONE}") from None


def _agree_on_metrics(study: Study, settings: Settings) -> None:
    """Name the objectives of a study that have no names; UsageError if it is for others than those that are named."""
    from tunesmith.study.study import METRIC_NAMES

    if not settings.metrics:
        return
    ways = [str(way) for way in study.directions]
    if not _known_names(study) and ways == settings.directions:
        study.set_system_attr(METRIC_NAMES, settings.metrics)
        return
    there = dict(zip(names_of(study), ways, strict=True))
    if dict(zip(settings.metrics, settings.directions, strict=True)) != there:
        told = " and ".join(f"{way} {printable(name)}" for name, way in there.items())
        raise click.UsageError(
            f"the study {study.study_name!r} is to {told}; give --study NAME for a new study, or leave out --minimize "
            "and --maximize"
        )


def names_of(study: Study | Snapshot) -> list[str]:
    """Return the names of the objectives: those that are known, else ``value``, or ``value0`` and so on."""
    n = len(study.directions)
    return _known_names(study) or (["value"] if n == 1 else [f"value{i}" for i in range(n)])


def _known_names(study: Study | Snapshot) -> list[str]:
    known = study.metric_names or list(metrics_of(study))
    return known if len(known) == len(study.directions) else []


# -- ask -----------------------------------------------------------------------------------------------------------


def begin_trial(study: Study, below: int | None, lease: float, pid: int | None = None) -> dict[str, Any]:
    """Begin a trial of a program that holds the loop itself, and return what it is.

    Args:
        study: the study.
        below: how many trials the study is to have in all; None: there is no limit.
        lease: for how many seconds the trial is left to the program, where nothing is known of `pid`.
        pid: the process that holds the loop; None: not known.

    Raises:
        UsageError: there is no such process.
        SpaceExhaustedError: the sampler has nothing left to propose.
        TrialsSpentError: the study has all its trials.
    """
    until = time.time() + lease
    lend(study, until, pid)
    trial = study.ask(below=below)
    trial.take_whole()
    return trial_facts(study, trial, until)


def lend(study: Study, until: float, pid: int | None) -> None:
    """Let the trials that a study object begins belong to a program outside; see `outside_worker`."""
    try:
        study.worker = outside_worker(until, pid)
    except ProcessLookupError as error:
        raise click.UsageError(
            f"--pid: {error} on this machine; give that of the program that holds the loop, such as $$ in a shell"
        ) from error


def trial_facts(study: Study, trial: Trial, until: float) -> dict[str, Any]:
    """Return what a program needs to run a trial."""
    return {
        "study": study.study_name,
        "number": trial.number,
        "params": trial.params,
        "seed": trial.seed,
        "attempt": trial.attempt,
        "until": datetime.fromtimestamp(int(until)).astimezone().isoformat(),
    }


# -- tell ----------------------------------------------------------------------------------------------------------


def in_order(study: Study, given: Any) -> list[Any]:
    """Return values in the order of the study's objectives.

    Args:
        study: the study.
        given: a number, a list of them, or a mapping by the names of the objectives.

    Raises:
        UsageError: a name is unknown or missing, or the number of values is another one.
    """
    names = names_of(study)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise click.UsageError(
                    f"the study {study.study_name!r} has no objective {name!r}{did_you_mean(name, names)}; it has "
                    f"{listing(names)}. Other figures are attributes of the trial"
                )
        missing = [name for name in names if name not in given]
        if missing:
            raise click.UsageError(f"there is no value of {listing(missing)}; the objectives are {listing(names)}")
        given = [given[name] for name in names]
    values = list(given) if isinstance(given, list | tuple) else [given]
    if len(values) != len(names):
        raise click.UsageError(
            f"{len(values)} values were given, and the study {study.study_name!r} has {len(names)} objective"
            f"{'s' * (len(names) > 1)}: {listing(names)}"
        )
    for value in values:
        if isinstance(value, str | bytes | bool) or value is None:
            raise click.UsageError(f"{shown(value)} is no number; give the value, or that the trial failed")
        try:
            real(value)
        except (TypeError, ValueError, OverflowError):
            raise click.UsageError(f"{shown(value)} is no number that a trial can have as its value") from None
    return values


def report_step(
    study: Study,
    number: int,
    values: Sequence[Any],
    step: int,
    cost: float | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Store how a trial stands after a step, and return whether it should stop.

    Args:
        study: the study.
        number: the trial, which another process asked for.
        values: one for each objective.
        step: an epoch, a fold, from 0.
        cost: what was spent since the report before, in a unit of the user's own.
        attrs: notes by name.

    Raises:
        UsageError: the trial does not run, or the step is not one.
    """
    try:
        trial = study.take_up(number)
        for key, note in (attrs or {}).items():
            trial.set_user_attr(key, note)
        trial.report(values[0] if len(values) == 1 else values, step, cost)
        prune = trial.should_prune()
    except (TypeError, ValueError) as error:
        raise click.UsageError(_as_command(error)) from error
    return {"study": study.study_name, "number": number, "step": step, "values": list(values), "prune": prune}


def end_trial(
    study: Study,
    number: int,
    values: Sequence[Any] | None = None,
    state: TrialState | None = None,
    *,
    reason: str | None = None,
    cost: float | None = None,
    noise: Sequence[float] = (),
    constraints: Mapping[str, float] | None = None,
    attrs: Mapping[str, Any] | None = None,
    skip_if_finished: bool = False,
) -> dict[str, Any]:
    """Store how a trial ended, and return that.

    Args:
        study: the study.
        number: the trial, which another process asked for.
        values: one for each objective; None: the trial failed, or was pruned.
        state: how it ended; None: by the values.
        reason: why it failed or was pruned.
        cost: what it cost, in a unit of the user's own.
        noise: the standard deviation of the error of each value.
        constraints: figures by name, which are at most 0 where the trial is feasible.
        attrs: notes by name.
        skip_if_finished: change nothing if the trial is finished.

    Raises:
        UsageError: there is no such trial, or what is told does not fit it.
    """
    try:
        with suppress(TrialFinishedError):  # what that means, `study.tell` knows
            if constraints or attrs:
                trial = study.take_up(number)
                for key, figure in (constraints or {}).items():
                    trial.set_constraint(key, figure)
                for key, note in (attrs or {}).items():
                    trial.set_user_attr(key, note)
        told = study.tell(
            number, values, state, skip_if_finished, reason=reason, cost=cost, noise=list(noise) if noise else None
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(_as_command(error)) from error
    return {
        "study": study.study_name,
        "number": told.number,
        "state": told.state.name,
        "values": None if told.values is None else list(told.values),
        "reason": told.reason,
    }


def _as_command(error: Exception) -> str:
    text = str(error).removeprefix("tell: ").replace("skip_if_finished=True", "--skip-if-finished")
    return text.replace("ask()", "`tunesmith ask`")
