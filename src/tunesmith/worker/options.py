"""What a worker can be asked for on the command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith import __version__
from tunesmith.executors.resources import checked_jobs, checked_memory_limit, checked_time_limit
from tunesmith.foundation import registry
from tunesmith.foundation.text import seconds

WAIT_SECONDS = 120.0  # seconds: as long as a worker that runs waits for a server
STORAGE_VARIABLE = "TUNESMITH_STORAGE"  # the environment variable in which passwords are out of sight of `ps`
EXIT_STATUSES = """\
exit status: 0 the budget is spent; 1 an error, such as one that the objective raised; 2 the command cannot be run as it
was given; 130 Ctrl-C and 143 SIGTERM, after which the trials that ran wait to be run again.
"""


Options = argparse.Namespace  # what `parser_of` reads, by the names that create_study and study.optimize have for it


def parse(arguments: Sequence[str] | None, prog: str) -> Options:
    """Return the options of a command line.

    Args:
        arguments: the words after the program's name; None: those of this process.
        prog: the program's name in messages.

    Raises:
        SystemExit: with 2 if they cannot be understood, after a message; with 0 after ``--help``.
    """
    parser = parser_of(prog)
    options = parser.parse_args(_with_times(sys.argv[1:] if arguments is None else arguments))
    if not options.storage:
        parser.error(f"give --storage URL, or set the environment variable {STORAGE_VARIABLE}")
    of_new_ones = {"direction": options.directions, "seed": options.seed, "no-priors": None if options.priors else True}
    for name, value in of_new_ones.items():
        if value is not None and not options.create:
            parser.error(f"--{name} is for a new study: give --create as well")
    return options


def parser_of(prog: str) -> argparse.ArgumentParser:
    """Return what reads the options, and says what there are."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Run trials of a study that any number of workers share, on any machines.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # so that an option that comes later changes no script
    )
    parser.add_argument("objective", metavar="module:objective", help="what to run; the working folder is searched too")
    parser.add_argument("--version", action="version", version=f"tunesmith {__version__}")
    study = parser.add_argument_group("the study")
    study.add_argument(
        "--storage",
        metavar="URL",
        default=os.environ.get(STORAGE_VARIABLE),
        help=f"the database or file of the study; by default the value of {STORAGE_VARIABLE}, where no list of "
        "processes shows a password",
    )
    study.add_argument("--study", metavar="NAME", required=True, help="its name")
    study.add_argument("--create", action="store_true", help="create it if it does not exist")
    study.add_argument(
        "--direction",
        dest="directions",
        metavar="DIRECTION",
        choices=["minimize", "maximize"],
        action="append",
        help="of a new study, minimize (the default) or maximize; once for each objective",
    )
    study.add_argument("--seed", type=_whole_number, metavar="N", help="of a new study; by default a random one")
    study.add_argument(
        "--space",
        metavar="module:space",
        help="what to search; the objective is then called with parameters, as by study.optimize(space=...)",
    )
    study.add_argument("--sampler", metavar="NAME", choices=sorted(registry.names("samplers")), help="who proposes")
    study.add_argument("--pruner", metavar="NAME", choices=sorted(registry.names("pruners")), help="who stops trials")
    study.add_argument(
        "--no-priors",
        dest="priors",
        action="store_false",
        help="of a new study: parameter names mean nothing to the sampler, see create_study(priors=False)",
    )
    study.add_argument(
        "--artifact-store",
        metavar="PLACE",
        help="the folder or URL of its artifacts: stored with a new study, and for one that exists where it is, seen "
        "from here",
    )
    budget = parser.add_argument_group("the budget (without one, until the space is exhausted)")
    budget.add_argument("--n-trials", type=_whole_number, metavar="N", help="how many trials this worker runs")
    budget.add_argument("--n-trials-total", type=_whole_number, metavar="N", help="how many the study has in all")
    budget.add_argument(
        "--timeout", type=_refusing(seconds), metavar="TIME", help="begin none after 90, 90s, 15m, 8h or 2d"
    )
    budget.add_argument(
        "--max-cost",
        type=_cost,
        metavar="COST",
        help="begin none when all trials cost so much together, in the unit of trial.report(cost=), else in seconds",
    )
    budget.add_argument(
        "--wait",
        nargs="?",
        const=WAIT_SECONDS,
        type=_refusing(seconds),
        metavar="TIME",
        help="when nothing is left to begin, wait until the trials of other workers ended, and run those of workers "
        "that die; at the start, wait for a database that is away, for two minutes or for TIME: 90, 90s, 15m, 8h",
    )
    running = parser.add_argument_group("how trials run")
    running.add_argument("--n-jobs", type=_jobs, metavar="N", help="how many at once (1); -1: one a core")
    running.add_argument(
        "--executor",
        metavar="NAME",
        help=f"where: {', '.join(sorted(registry.names('executors')))}; or module:name of an executor or a client",
    )
    running.add_argument(
        "--timeout-per-trial",
        type=_refusing(lambda text: checked_time_limit(seconds(text))),
        metavar="TIME",
        help="end a trial that runs longer: 90s, 15m, 8h, 2d",
    )
    running.add_argument(
        "--memory-per-trial",
        type=_refusing(checked_memory_limit),
        metavar="SIZE",
        help="end a trial that uses more: 500MB, 16GB",
    )
    running.add_argument(
        "--catch",
        action="append",
        default=[],
        metavar="NAME",
        help="an exception or a kind of failure that fails its trial and does not end the worker: ValueError, LOST, "
        "module:MyError; may be given several times",
    )
    running.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _with_times(words: Sequence[str]) -> list[str]:
    """Write out the time of each ``--wait`` that has none; argparse would take the objective after it for one."""
    found = list(words)
    for i, word in enumerate(found):
        if word == "--wait" and (i + 1 == len(found) or ":" in found[i + 1] or found[i + 1].startswith("-")):
            found[i] = f"--wait={WAIT_SECONDS:g}"
    return found


def _refusing(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let what a check raises be told by argparse in the check's own words."""

    def read(text: str) -> Any:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


@_refusing
def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"expected a whole number, 0 or more; got {text!r}")
    return int(text)


@_refusing
def _jobs(text: str) -> int:
    try:
        return checked_jobs(int(text))
    except ValueError:
        raise ValueError(f"expected a whole number, 1 or more, or -1; got {text!r}") from None


@_refusing
def _cost(text: str) -> float:
    with contextlib.suppress(ValueError):
        if (cost := float(text)) >= 0:
            return cost
    raise ValueError(f"a cost is a number, 0 or more; got {text!r}")
