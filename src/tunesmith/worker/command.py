"""Runs trials of a shared study until the budget is spent, and says how it ended."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import math
import random
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunesmith import __version__, errors
from tunesmith.errors import StorageUnavailableError, StudyNotFoundError, TunesmithError
from tunesmith.executors.base import Executor
from tunesmith.executors.completion import is_async
from tunesmith.foundation.preemption import Terminated
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import did_you_mean, listing, printable
from tunesmith.foundation.worker_names import current_worker
from tunesmith.storage.redact import redact_within, shown_spec
from tunesmith.study import Study, create_study, load_study
from tunesmith.study.engine.away import retry_while_unavailable
from tunesmith.study.engine.loop import sigterm_raises
from tunesmith.study.optimize import choose_executor
from tunesmith.trial.record import FrozenTrial
from tunesmith.worker import target
from tunesmith.worker.options import Options, parse

SPENT, ERROR, USAGE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
LOOK_AT_OTHERS_SECONDS = 2.0  # give or take half, so that workers do not come at once


def main(arguments: Sequence[str] | None = None, prog: str = "python -m tunesmith.worker") -> int:
    """Run a worker.

    Args:
        arguments: the command line without the program's name; None: that of this process.
        prog: the program's name in messages.

    Returns:
        the exit status: 0 the budget is spent, 1 an error, 2 the command cannot be run as it was given, 130 Ctrl-C,
        143 SIGTERM.
    """
    options = parse(arguments, prog)
    try:
        with sigterm_raises():
            _run(options)
    except Terminated:
        _log("SIGTERM: the trials that ran here are released, and wait to be run again")
        return TERMINATED
    except KeyboardInterrupt:
        _log("Ctrl-C: the trials that ran here are released, and wait to be run again")
        return INTERRUPTED
    except target.UsageError as error:
        _log(f"error: {error}")
        return USAGE
    except TunesmithError as error:
        _log("\n".join([f"error: {type(error).__name__}: {error}", *getattr(error, "__notes__", ())]))
        return ERROR
    except Exception as error:  # of the objective, or of a module that it imports
        _log("error:\n" + "".join(traceback.format_exception(error)).rstrip())
        return ERROR
    return SPENT


def _run(options: Options) -> None:
    target.search_here()
    objective = target.load("objective", options.objective)
    if not callable(objective):
        raise target.UsageError(f"objective: {options.objective} is no function, but a {type(objective).__name__}")
    space = None if options.space is None else target.load("space", options.space)
    catch = tuple(_failure(name.strip()) for text in options.catch for name in text.split(","))
    executor = _executor(options, is_async(objective))
    place = shown_spec(options.storage)
    study = _reached(options, place)
    _log(f"worker of the study {options.study!r} in {place}: runs {options.objective}")
    for text in differences(study, options.objective):
        _log(f"warning: {text}")
    end = math.inf if options.timeout is None else time.monotonic() + options.timeout
    done = 0

    def count(study: Study, trial: FrozenTrial) -> None:
        nonlocal done
        done += 1

    while True:
        study.optimize(
            objective,
            n_trials=None if options.n_trials is None else options.n_trials - done,
            timeout=None if options.timeout is None else max(0.0, end - time.monotonic()),
            executor=executor,
            catch=catch,
            callbacks=[count],
            progress=not options.quiet,
            space=space,
            n_trials_total=options.n_trials_total,
            max_cost=options.max_cost,
        )
        spent = options.n_trials is not None and done >= options.n_trials
        if options.wait is None or spent or not _wait_for_others(study, options.n_trials_total, end):
            break
    _log(f"the budget is spent: {done} trials ended here; the study has {study.tally}")


def _reached(options: Options, place: str) -> Study:
    """Load the study, or create it; wait for a database that is away."""
    try:
        return _study(options)
    except StorageUnavailableError as error:
        if options.wait is None:
            error.add_note("--wait waits for a storage that is away")
            raise
        _log(f"waits for {place}, up to {options.wait:g} s: {error}")
        return retry_while_unavailable(lambda: _study(options), error, options.wait)


def _study(options: Options) -> Study:
    """Load the study, or create it.

    Raises:
        UsageError: there is no such study, or it has other directions.
    """
    try:
        if not options.create:
            return load_study(
                study_name=options.study,
                storage=options.storage,
                sampler=options.sampler,
                pruner=options.pruner,
                artifact_store=options.artifact_store,
            )
        return create_study(
            study_name=options.study,
            storage=options.storage,
            load_if_exists=True,
            directions=options.directions,
            seed=options.seed,
            sampler=options.sampler,
            pruner=options.pruner,
            artifact_store=options.artifact_store,
            priors=options.priors,
        )
    except StudyNotFoundError as error:
        raise target.UsageError(f"{error}. --create creates it") from None
    except ValueError as error:
        raise target.UsageError(str(error)) from error


def _wait_for_others(study: Study, total: int | None, end: float) -> bool:
    """Wait while other workers run trials; return whether there is one to run here now."""
    most = math.inf if total is None else total
    while time.monotonic() < end:
        study.recover()
        open_trials = study.get_trials(states=[TrialState.WAITING, TrialState.RUNNING])
        states = {trial.state for trial in open_trials if trial.number < most}
        if TrialState.WAITING in states:
            return True
        if not states:
            return False
        time.sleep(min(LOOK_AT_OTHERS_SECONDS * random.uniform(0.5, 1.5), max(0.0, end - time.monotonic())))
    return False


def _executor(options: Options, runs_async: bool) -> Executor:
    """Return what the trials run in.

    Raises:
        UsageError: there is no such executor, or the options do not go together.
    """
    name = options.executor
    given = target.load("executor", name) if name is not None and ":" in name else name
    try:
        return choose_executor(given, options.n_jobs, options.timeout_per_trial, options.memory_per_trial, runs_async)
    except (ValueError, TypeError) as error:
        raise target.UsageError(f"executor: {error}") from None


def _failure(name: str) -> Any:
    """Return what ``--catch`` names: an exception (a built-in one, one of ours, ``module:name``) or a kind of failure.

    Raises:
        UsageError: it is none of these.
    """
    if name in FailureKind.__members__:
        return FailureKind[name]
    ours = getattr(builtins, name, None) or getattr(errors, name, None)
    found = target.load("catch", name) if ":" in name else ours
    if not (isinstance(found, type) and issubclass(found, Exception)):
        known = [n for place in (builtins, errors) for n, k in vars(place).items() if isinstance(k, type)]
        raise target.UsageError(
            f"catch: {name!r} is no exception class and no kind of failure ({', '.join(FailureKind.__members__)})"
            f"{did_you_mean(name, [*known, *FailureKind.__members__])}; write an exception of yours as module:Name"
        )
    return found


def _log(text: str) -> None:
    """Print a line of the log to standard error, without passwords; a closed one is no reason to stop."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError, ValueError):
        print(f"{now} tunesmith: {printable(redact_within(text), lines=True)}", file=sys.stderr, flush=True)


# ----------------------------------------------------------------------------------------------------------------------
# Tells whether a worker has other code, or another tunesmith, than the first worker of its study.
#
# The study keeps the versions and a digest of each module as a system attribute. Differences are told and never
# refused: a changed comment is one, too.

FIRST_WORKER = "first_worker"  # the system attribute of the study
DIGEST_DIGITS = 12  # of a digest; enough to tell versions of one file apart
INSTALLED = {"site-packages", "dist-packages"}


def differences(study: Study, target: str) -> list[str]:
    """Return how this worker differs from the study's first, in words; the first one is noted.

    Args:
        target: the objective as it was named, ``module:name``; it is imported already.

    Returns:
        one text for each difference; none if this worker is the first.
    """
    own = _described(target)
    if study.system_attrs.get(FIRST_WORKER) is None:
        study.set_system_attr(FIRST_WORKER, own)
    first: dict[str, Any] = study.system_attrs[FIRST_WORKER]  # read again: another worker may have begun meanwhile
    found = []
    if first["tunesmith"] != own["tunesmith"]:
        found.append(
            f"this worker has tunesmith {own['tunesmith']}, the first worker of the study ({first['worker']}) had "
            f"{first['tunesmith']}; install the same version everywhere"
        )
    if first["objective"] != own["objective"]:
        found.append(
            f"this worker runs {own['objective']}, the first worker of the study ({first['worker']}) ran "
            f"{first['objective']}; their results are compared as if it was one objective"
        )
    elif first["code"] != own["code"]:
        modules = {*first["code"], *own["code"]}
        other = sorted(name for name in modules if first["code"].get(name) != own["code"].get(name))
        here, there = own["code"].get(other[0], "absent"), first["code"].get(other[0], "absent")
        found.append(
            f"the code of {target} is not that of the first worker of the study ({first['worker']}): other modules are "
            f"{listing(other)} ({other[0]}: {here} here, {there} there); their results are compared as if it was one "
            "objective"
        )
    return found


def _described(target: str) -> dict[str, Any]:
    return {
        "worker": ":".join(current_worker().split(":")[:2]),
        "tunesmith": __version__,
        "objective": target,
        "code": _digests(target.partition(":")[0]),
    }


def _digests(module_name: str) -> dict[str, str]:
    """Return a digest of the source of a module, and of all modules beside it that are imported now."""
    top = module_name.partition(".")[0]
    path = _source(module_name)
    # Installed packages lie side by side without having to do with one another.
    root = None if path is None or INSTALLED & set(path.parts) else path.parents[module_name.count(".")]
    if path is not None and path.name == "__init__.py" and root is not None:
        root = root.parent
    found = {}
    for name in sorted(sys.modules):
        source = _source(name)
        if source is None or name.partition(".")[0] in ("tunesmith", "__main__", "__mp_main__"):
            continue
        beside = root is not None and source.is_relative_to(root) and not INSTALLED & set(source.parts)
        if name.partition(".")[0] == top or beside:
            text = source.read_bytes().replace(b"\r\n", b"\n")
            found[name] = hashlib.sha256(text).hexdigest()[:DIGEST_DIGITS]
    return found


def _source(module_name: str) -> Path | None:
    """Return the file of a module's source, if there is one."""
    file = getattr(sys.modules.get(module_name), "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None
    return path if path is not None and path.is_file() else None
