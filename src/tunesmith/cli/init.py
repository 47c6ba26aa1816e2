"""``tunesmith init``: writes a first tune.toml for a program."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from tunesmith.cli.output import echo
from tunesmith.cli.scaffold import (
    RUN_DIR,
    Option,
    groups_in_help,
    merged,
    options_in_config,
    options_in_help,
    options_in_source,
    suggestion,
)
from tunesmith.cli.settings import study_name

PATIENCE = 60.0  # seconds that a program may take to say what its options are: imports of large libraries are slow
_METRICS = re.compile(
    r"\b((?:val|valid|test|eval|dev)[ _/]?\w*(?:loss|acc\w*|f1|auc|error|score|rmse|mae)|loss|accuracy)\b"
)


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example:  tunesmith init -- python train.py",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option("-o", "--output", metavar="FILE", default="tune.toml", show_default=True, help="What to write.")
@click.option("--minimize", metavar="METRIC", help="The metric, to be as low as possible.")
@click.option("--maximize", metavar="METRIC", help="The metric, to be as high as possible.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(command: tuple[str, ...], output: str, minimize: str | None, maximize: str | None, force: bool) -> None:
    """Write a first tune.toml for a program: its options, with ranges to begin with.

    COMMAND is the program, after --. It is run once with --help (a Hydra program with --cfg job), for a minute at most.
    """
    path = Path(output)
    if path.exists() and not force:
        raise click.UsageError(f"{output} is there already; give --force to replace it, or -o for another file")
    options, hydra = find_options(command)
    if not options:
        echo("warning: the program does not say what its options are; the parameters are left for you", err=True)
    path.write_text(as_toml(command, options, hydra, minimize, maximize), encoding="utf-8")
    active = [o.name for o in options if suggestion(o)[1]]
    rest = len(options) - len(active)
    more = f"; {rest} more option{'' if rest == 1 else 's'} in comments" if rest else ""
    echo(f"wrote {output}, with the parameters {', '.join(active) or '(none yet)'}{more}")
    echo("next: look at the ranges" + ("" if minimize or maximize else " and fill in the metric") + ", then:")
    echo("  tunesmith run" + ("" if output == "tune.toml" else f" -f {output}"))


def find_options(command: Sequence[str]) -> tuple[list[Option], bool]:
    """Return the options of a program, and whether it takes them as Hydra does.

    Args:
        command: its words, perhaps with placeholders, which are left out.
    """
    from tunesmith.program.template import places

    words = [word for word in command if not places(word)]
    sources = [Path(word) for word in words if word.endswith(".py") and os.path.isfile(word)]
    told = said([*words, "--help"])
    uses_hydra = "powered by hydra" in told.lower()
    for source in sources:
        uses_hydra = uses_hydra or bool(
            re.search(r"^\s*@hydra\.main|^from hydra import main", _text(source), re.MULTILINE)
        )
    if uses_hydra:
        config = options_in_config(said([*words, "--cfg", "job"]))
        for source in sources if not config else ():
            for folder in ("conf", "config", "configs", "."):
                config = config or options_in_config(_text(source.parent / folder / "config.yaml"))
        return [*config, *(group for group in groups_in_help(told) if len(group.choices or ()) > 1)], True
    return merged(options_in_help(told), [o for source in sources for o in options_in_source(source)]), False


def said(words: Sequence[str], patience: float = PATIENCE) -> str:
    """Return what a program prints; nothing if it takes too long, and it is ended then.

    Args:
        words: its command line.
        patience: seconds that it may take.

    Returns:
        its output, of both streams.

    Raises:
        UsageError: there is no such program.
    """
    env = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}
    try:
        process = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise click.UsageError(f"the program {words[0]!r} cannot be started: {error}") from error
    try:
        data = process.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        echo(f"warning: {' '.join(words)} took longer than {patience:g} s, and was ended", err=True)
        data = b""
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return data.decode(errors="replace") if process.returncode == 0 else ""


def as_toml(
    command: Sequence[str], options: Sequence[Option], hydra: bool, minimize: str | None, maximize: str | None
) -> str:
    """Return the file.

    Args:
        command: the program.
        options: what it can be given.
        hydra: whether it takes these as Hydra does.
        minimize: the metric, if it is known.
        maximize: the same.

    Returns:
        its text.
    """
    from tunesmith.program.template import places

    words = list(command)
    if not any(places(word) for word in words):
        words += ["{overrides}", RUN_DIR] if hydra else ["{args}"]
    how = (
        "{overrides} is each parameter as name=value"
        if hydra
        else "{args} is each parameter as --name value; {lr} would be the value of lr alone"
    )
    lines = [
        f"# What `tunesmith run` reads. {how[0].upper()}{how[1:]}.",
        f"command = [{', '.join(map(_quoted, words))}]",
        "",
        "# The metric, as the program prints it: a line such as `val_loss: 0.31`, or JSON.",
    ]
    if minimize or maximize:
        lines += [f"minimize = {_quoted(minimize)}"] if minimize else []
        lines += [f"maximize = {_quoted(maximize)}"] if maximize else []
    else:
        lines += [f"# minimize = {_quoted(_guess(words))}"]
    lines += [
        "",
        "trials = 50           # in all; the same command again goes on",
        "jobs = 1              # how many run at once",
        '# timeout = "8h"      # begin none after this time',
        'storage = "tune.db"',
        f"study = {_quoted(study_name(command, shell=False))}",
        "",
        "# log(1e-5, 1e-1), float(0, 1), int(1, 5), sgd | adam, small < large; one value is fixed(3).",
        "[params]",
    ]
    for option in options:
        described, safe = suggestion(option)
        if described is not None:
            default = "" if option.default is None else f"  # default: {_one_line(str(option.default))}"
            if option.is_group:
                default = "  # a group: settings that only one of them has need a condition, as in `... if NAME == one`"
            lines.append(f"{'' if safe else '# '}{_key(option.name)} = {_quoted(described)}{default}")
    if not any(suggestion(option)[0] for option in options):
        lines.append('# lr = "log(1e-5, 1e-1)"')
    rest = [o for o in options if suggestion(o)[0] is None]
    if rest:
        lines += ["", f"# Not suggested: {_one_line(', '.join(o.name for o in rest))}"]
    return "\n".join(lines) + "\n"


def _guess(words: Sequence[str]) -> str:
    """Return a name that the program may have for its metric."""
    for word in words:
        if word.endswith(".py") and os.path.isfile(word) and (found := _METRICS.findall(_text(Path(word)))):
            return str(max(found, key=len))  # val_loss rather than loss
    return "val_loss"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:100]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
