"""What ``tunesmith run`` does with its settings."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import click

from tunesmith.cli.options import STANDARD_STORAGE, declare, metrics_of
from tunesmith.cli.output import echo, print_json
from tunesmith.cli.progress import shows_progress
from tunesmith.cli.settings import Settings, space_of, study_name
from tunesmith.errors import MissingMetricError, ProgramError, StudyNotFoundError, WorkerDiedError
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import close_matches, printable, shorten
from tunesmith.program import Program, load_program, store_program
from tunesmith.program.program import LAST_LINE
from tunesmith.program.stored import PROGRAM_KEY, description
from tunesmith.program.template import VARIABLE_PREFIX, names_in_braces, variable
from tunesmith.space import Space
from tunesmith.storage.redact import shown_spec
from tunesmith.study import Study, create_study
from tunesmith.study.progress import Table
from tunesmith.study.summary import counts_of
from tunesmith.trial.record import FrozenTrial
from tunesmith.trial.running import seed_of_trial

# -- the program that ``tunesmith run`` is told to tune: made from its settings, and looked at before it runs -------

_IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]*")  # a name in braces that may be meant as a placeholder
PARAMS_FILE = "TUNESMITH_PARAMS_FILE"
FILE_CHARACTERS = 1_000_000  # characters of a file of the command that are looked through
PROGRAM_FIELDS = (
    "take",
    "shell",
    "pty",
    "resumable",
    "params_file",
    "tensorboard",
    "memory_limit",
    "grace",
)  # of a program, as settings


def program_of(settings: Settings, storage: str) -> Program:
    """Return the program.

    Args:
        settings: what was given.
        storage: where the study is.

    Returns:
        the program, with the name of its study.

    Raises:
        UsageError: the command, the metric or a parameter is missing, or something is not valid.
    """
    if not settings.command:
        raise click.UsageError(
            'there is no command: give it after --, as in `tunesmith run -p "lr=log(1e-5, 1e-1)" --minimize val_loss '
            "-- python train.py --lr {lr}`, or a file that has it"
        )
    if not settings.metrics:
        raise click.UsageError("there is no metric: give --minimize NAME or --maximize NAME, as the program prints it")
    name = settings.study or study_name(settings.command, bool(settings.shell))
    try:
        return Program(
            command=settings.command,
            metrics=settings.metrics,
            names=list(space_of(settings).names),
            directory=directory_of(settings, storage, name),
            study=name,
            storage=from_anywhere(storage),
            **given_fields(settings),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def given_fields(settings: Settings) -> dict[str, Any]:
    """Return the fields of a program that were given."""
    return {name: value for name in PROGRAM_FIELDS if (value := getattr(settings, name)) is not None}


def directory_of(settings: Settings, storage: str, name: str) -> str:
    """Return where the folders of the trials are.

    Args:
        settings: what was given.
        storage: where the study is; they are beside its file.
        name: the study's name.

    Returns:
        the folder, from anywhere.
    """
    if settings.directory is not None:
        return os.path.abspath(settings.directory)
    place = _file_of(storage) or "tunesmith"
    return os.path.join(os.path.abspath(f"{place}.trials"), _folder_name(name))


_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # to Windows these names are no files


def _folder_name(name: str) -> str:
    """Return a study's name where every system takes it for a folder, else a like one that no other study has."""
    text = re.sub(r"[^\w.+-]", "_", name)[:100].strip(".")
    if text and text == name and not _DEVICES.fullmatch(text):
        return text
    return f"{text.replace('.', '_') or 'study'}-{zlib.crc32(name.encode(errors='surrogatepass')):08x}"


def from_anywhere(storage: str) -> str:
    """Return a storage as programs that run in other folders name it."""
    file = _file_of(storage)
    if file is None:
        return storage
    scheme, sign, rest = storage.partition("://")
    if not sign:
        return os.path.abspath(file)
    return f"{scheme}:///{os.path.abspath(file)}{rest.removeprefix('/').removeprefix(file)}"


def _file_of(storage: str) -> str | None:
    """Return the file of a storage; None: it is not a file."""
    if "://" not in storage:
        return storage
    scheme, _, path = storage.partition("://")
    path = path.partition("?")[0].removeprefix("/")
    is_file = scheme.partition("+")[0] == "sqlite" and path not in ("", ":memory:") and not path.startswith("file:")
    return path if is_file else None


def check_placeholders(program: Program, space: Space) -> None:
    """Check that every parameter reaches the program, and that the names in braces are meant.

    Args:
        program: the program.
        space: what is searched.

    Raises:
        UsageError: a name in braces is near to one that is known, and not known itself; or the command has some of the
            parameters, and not others.
    """
    known = {*space.names, *program.placeholders}
    texts = [*program.command, *([] if program.tensorboard is None else [program.tensorboard])]
    used = [name for text in texts for name in names_in_braces(text)]
    meant = [
        name for text in texts for name in names_in_braces(re.sub(r"\$\{[^{}]*\}", "", text))
    ]  # ${HOME} is the shell's
    unknown = [name for name in dict.fromkeys(meant) if name not in known and _IDENTIFIER.fullmatch(name)]
    told = []
    for name in unknown:
        if close := _near(name, known):
            told.append(f"the command has {{{name}}}, and there is no parameter {name!r}; did you mean {{{close}}}?")
    unused = [
        name
        for name, parameter in space.params.items()
        if name not in used and getattr(parameter, "n_values", None) != 1
    ]
    if told or {"args", "overrides", "params_file"} & set(used) or _reads_by_itself(program):
        unused = []
    elif len(unused) == len(space.names) and not unknown:
        echo(
            "warning: no parameter stands in the command, so that each trial runs the same unless the program reads "
            f"{variable(unused[0])} from its environment; to give it all of them as options, write {{args}}",
            err=True,
        )
        unused = []
    for name in unused:
        other = f"; {{{unknown[0]}}} stays as it is, did you mean {{{name}}}?" if len(unknown) == 1 else ""
        told.append(f"the command does not use the parameter {name!r}{other or f': write {{{name}}} where it goes'}")
    if told:
        unless = f", if the program reads {variable(unused[0])} from its environment" if unused else ""
        raise click.UsageError("\n".join([*told, f"--as-written runs it as it is{unless}"]))


def _near(name: str, known: Collection[str]) -> str | None:
    """Return the known name for which a name may be a slip of the pen; for short names, of its letters' order only."""
    cutoff = 0.75 if len(name) > 2 else 0.99
    return next(iter(close_matches(name, known, cutoff)), None)


def _reads_by_itself(program: Program) -> bool:
    """Tell whether a command, or a file that it names, speaks of parameters in the environment or in a file."""
    words = " ".join(program.command).split() if program.shell else program.command
    texts = list(words)
    for word in words:
        if os.path.isfile(word):
            with contextlib.suppress(OSError), open(word, encoding="utf-8", errors="replace") as file:
                texts.append(file.read(FILE_CHARACTERS))
    return any(VARIABLE_PREFIX in text or PARAMS_FILE in text for text in texts)


def check_program(program: Program) -> None:
    """Raise UsageError if there is no such program."""
    word = program.command[0]
    if program.shell or "{" in word or shutil.which(word) is not None:
        return
    if os.path.isdir(word):
        raise click.UsageError(f"{word!r} is a folder, and no program")
    if os.path.isfile(word):
        with open(word, "rb") as file:
            first = file.readline(200)
        how = f"make it executable (chmod +x {command_line([word])})"
        if not first.startswith(b"#!"):
            how += ", or name what runs it, as in `python train.py`"
        beside = "" if os.sep in word else f"; write ./{word} for a file of this folder, and"
        raise click.UsageError(f"{word!r} is a file that cannot be run{beside}: {how}")
    hint = "; give --shell for a line that a shell is to read" if re.search(r"[\s|;&<>]", word) else ""
    raise click.UsageError(f"there is no program {word!r}, neither here nor in PATH{hint}")


EARLY_SECONDS, EARLY_FAILURES = 60.0, 3  # seconds, and failures within them, after which a command is wrong
FAILURES_TOLD = 5  # failures that are told one by one
WITH_VALUES = (TrialState.COMPLETE, TrialState.PRUNED)  # the states of trials that had their metric
COMMAND_FAILURES = (FailureKind.RAISED, FailureKind.LOST, FailureKind.OOM)  # kinds that speak against the command


def run_trials(settings: Settings, *, change: bool, progress: bool | None, quiet: bool, as_json: bool) -> int:
    """Run trials until there are as many as were asked for, and print what was found.

    Args:
        settings: what to run.
        change: whether a study that has other parameters gets these.
        progress: whether to show how it goes; None: in a terminal.
        quiet: whether to print no more than the result.
        as_json: whether to print JSON.

    Returns:
        the exit status: 0, or 1 if no trial has a result.

    Raises:
        UsageError: the settings are not complete, or do not fit the study.
        ClickException: the program fails again and again.
    """
    storage = settings.storage or STANDARD_STORAGE
    same = True
    if settings.command is None and settings.study is not None:
        study, program, settings = _resumed(settings, settings.study, storage)
    else:
        study, program, same = _begun(settings, storage, change)
    if not quiet and not as_json:
        _say_what_begins(study, settings, storage)
    failures = Failures(
        settings.max_failures, program, seen=same and any(study.counts.get(state) for state in WITH_VALUES)
    )
    try:
        executor = ProcessExecutor(
            jobs=settings.jobs or 1,
            resources={k: v for k, v in (("cpus", settings.cpus), ("gpus", settings.gpus)) if v},
            time_limit=settings.timeout_per_trial,
            grace=program.grace,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    shows = shows_progress(progress, quiet or as_json)
    study.optimize(
        program,
        n_trials_total=settings.trials,
        timeout=settings.timeout,
        executor=executor,
        catch=(ProgramError, WorkerDiedError),
        callbacks=[failures, _LastLine(program)],
        progress=partial(Table, go_on="the same command again") if shows else False,
    )
    if not (shows or quiet or as_json) and (saved := study.savings) is not None:  # the line says so, where there is one
        echo(str(saved), err=True)
    return _conclude(study, program, storage, as_json)


class Failures:
    """Ends a run whose program fails again and again; a callback of the study.

    Args:
        most: how many trials may fail; None: as many as want to, but three at the very beginning, and none without
            its metric before one had it.
        program: what fails.
        seen: whether its metric is known to appear.
    """

    def __init__(self, most: int | None, program: Program, *, seen: bool) -> None:
        self.most = most
        self.program = program
        self.seen = seen
        self.n = 0
        self.succeeded = False
        self.began = time.monotonic()

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Count a trial."""
        if trial.state in WITH_VALUES:
            self.succeeded = self.seen = True
        if trial.state is not TrialState.FAIL:
            return
        if self.most is None and not self.seen:
            self._end_without_metric(study, trial)
        if trial.failure not in COMMAND_FAILURES:
            return
        self.n += 1
        reason = printable(trial.reason or "it failed", lines=True)
        for kind in (ProgramError, MissingMetricError):
            reason = reason.removeprefix(f"{kind.__name__}: ")
        if self.n <= FAILURES_TOLD:
            head, _, _ = reason.partition("\n")
            echo(f"trial {trial.number} failed: {head.removesuffix('; it printed at last:')}", err=True)
        early = not self.succeeded and self.n >= EARLY_FAILURES and time.monotonic() < self.began + EARLY_SECONDS
        if self.n >= self.most if self.most is not None else early:
            more = "" if self.most is not None else ", and none succeeded; --max-failures N would bear more"
            raise click.ClickException(f"{self.n} trials failed{more}. The last one, trial {trial.number}: {reason}")

    def _end_without_metric(self, study: Study, trial: FrozenTrial) -> None:
        """Raise ClickException if nothing speaks for it that any trial will have the metric."""
        found = self.program.look_alikes(trial.number)
        if found is None:
            return
        if not found.metrics or trial.failure is FailureKind.NAN or trial.intermediate_values:
            self.seen = True
            return
        ended_well = (trial.reason or "").startswith(MissingMetricError.__name__)
        if not ended_well and not found.same_words:
            return  # it may have failed before it would have printed its metric
        if any(t.intermediate_values for t in study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))):
            self.seen = True
            return
        said = [f"trial {trial.number} ended without the metric {found.metrics[0]!r}, so the run stops."]
        if found.lines:
            said[0] += " Lines that look alike:"
            said += [f"    {line}" for line in found.lines]
        else:
            said.append((trial.reason or "").partition(": ")[2])
        if found.names:
            way = dict(zip(self.program.metrics, study.directions, strict=False))[found.metrics[0]]
            said.append(f"Give the name as it is printed: --{way} {command_line([found.names[0]])}")
        elif any(re.search(r"\d,\d", line) for line in found.lines):
            said.append("Numbers need a decimal point, and no comma: `env LC_ALL=C` before the program may do that")
        said.append(f"All that it printed: {self.program.folder(trial.number)}; --max-failures N would bear it")
        raise click.ClickException(printable("\n".join(said), lines=True))


class _LastLine:
    """Tells once that a program does not name its metric; a callback of the study."""

    def __init__(self, program: Program) -> None:
        self.metric = program.metrics[0]
        self.told = False

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Look whether the last line of what a trial printed was taken."""
        line = trial.user_attrs.get(LAST_LINE)
        if line is not None and not self.told:
            self.told = True
            echo(
                f"took the last line `{printable(str(line))}` as {printable(self.metric)}: the program prints no line "
                f"such as `{printable(self.metric)}: 0.31`",
                err=True,
            )


def dry_run(settings: Settings, as_json: bool) -> None:
    """Print the command line of the first trial, its environment, and nothing else."""
    storage = settings.storage or STANDARD_STORAGE
    if settings.command is None and settings.study is not None:
        kept, program, settings = _resumed(settings, settings.study, storage)
        space, seed = kept.space, kept.seed
    else:
        program, space = program_of(settings, storage), space_of(settings)
        if not settings.as_written:
            check_placeholders(program, space)
        seed = settings.seed or 0
    directions = ["minimize"] * len(program.metrics)
    priors = settings.priors is not False
    study = create_study(directions=directions, space=space, seed=seed, sampler=settings.sampler, priors=priors)
    trial = study.ask()  # in memory
    point = dict(trial.answers.take_whole())
    words = program.words(0, point, trial.seed)
    env = program.environment(0, point, trial.seed)
    if as_json:
        print_json({"command": words, "environment": env, "params": point})
        return
    echo(command_line(words))
    for name, value in env.items():
        if name.startswith("TUNESMITH_PARAM_"):
            echo(f"  {name}={value}")


# -- the study ---------------------------------------------------------------------------------------------------


def _begun(settings: Settings, storage: str, change: bool) -> tuple[Study, Program, bool]:
    """Create the study, or go on with it; tell also whether its program is the same as before."""
    program, space = program_of(settings, storage), space_of(settings)
    check_program(program)
    if not settings.as_written:
        check_placeholders(program, space)
    study = settings.begin(program.study, storage)
    declare(study, space, storage, change)
    before = study.system_attrs.get(PROGRAM_KEY) or {}
    differ = [k for k, v in description(program).items() if before.get(k) != v and k != "names"]
    if before and differ:
        echo(f"warning: the study {study.study_name!r} was begun with another {', '.join(differ)}", err=True)
    store_program(study, program)
    settings.keep(study)
    return study, program, not differ


def _resumed(settings: Settings, name: str, storage: str) -> tuple[Study, Program, Settings]:
    """Go on with a study as it was told the last time."""
    if settings.params or settings.metrics:
        raise click.UsageError("parameters and metrics are of no use without the command; give it after --")
    try:
        study, settings = settings.load(name, storage)
    except StudyNotFoundError as error:
        raise click.UsageError(str(error)) from error
    program = load_program(study, directory_of(settings, storage, study.study_name), from_anywhere(storage))
    try:
        program = replace(program, **given_fields(settings))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    check_program(program)
    return study, program, settings


# -- what is told ------------------------------------------------------------------------------------------------


def _say_what_begins(study: Study, settings: Settings, storage: str) -> None:
    n = len(study.history)
    goal = ", ".join(f"{way} {metric}" for way, metric in zip(study.directions, metrics_of(study), strict=False))
    there = f"; it has {n} finished trial{'s' if n != 1 else ''}" if n else ""
    of = "" if settings.trials is None or not n else f" of {settings.trials}"
    space = study.space
    count = 0 if space is None else len(space.names)
    echo(
        f"study {study.study_name!r} in {shown_spec(storage)}: {count} parameter{'s' if count != 1 else ''}, {goal}"
        f"{there}{of}",
        err=True,
    )


def _conclude(study: Study, program: Program, storage: str, as_json: bool) -> int:
    """Print what was found."""
    counts = counts_of(study.storage, study.study_id)
    try:
        best = study.best_trials if len(study.directions) > 1 else [study.best_trial]
    except ValueError:
        best = []
    words = [program.words(t.number, t.params, seed_of_trial(study.seed, t.number)) for t in best]
    if as_json:
        print_json(
            {
                "study": study.study_name,
                "storage": shown_spec(storage),
                "trials": counts,
                "metrics": list(program.metrics),
                "best": [
                    {
                        "number": trial.number,
                        "values": list(trial.values or ()),
                        "params": trial.params,
                        "command": command,
                        "trial_dir": str(program.folder(trial.number)),
                    }
                    for trial, command in zip(best, words, strict=True)
                ],
            }
        )
        return 0 if best else 1
    if not best:
        why = next((reason.text for reason in study.failure_reasons() if reason.text), "")
        most = f". Most often: {shorten(why, 300)}" if why else ""
        raise click.ClickException(printable(f"no trial has a result; the study has {study.tally}{most}", lines=True))
    for trial in best[:10]:
        values = ", ".join(f"{m} {cell_text(v)}" for m, v in zip(program.metrics, trial.values or (), strict=False))
        echo(f"best: trial {trial.number}, {values}" if len(best) == 1 else f"trial {trial.number}: {values}")
        for name, value in trial.params.items():
            echo(f"  {name} = {value!r}" if isinstance(value, str) else f"  {name} = {value}")
    if len(best) > 10:
        echo(f"and {len(best) - 10} more that no trial beats in all metrics")
    if len(best) == 1:
        again = words[0][-1] if program.shell else command_line(words[0])
        echo(f"run it again:\n  {again}")
    echo(f"what each trial printed: {program.directory}")
    return 0
