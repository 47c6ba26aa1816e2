"""What ``tunesmith run`` is told: by tune.toml, and by options, which win over it."""

from __future__ import annotations

import math
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli.options import existing
from tunesmith.foundation.text import did_you_mean, listing, printable

if TYPE_CHECKING:
    from tunesmith.space import Space
    from tunesmith.storage.base import Storage
    from tunesmith.study import Study

STUDY_KEEPS = "run"  # the system attribute of a study with what `run` or `ask` was told besides the program
KEPT_SETTINGS = ("trials", "sampler", "pruner", "jobs", "timeout_per_trial", "cpus", "gpus")
SWITCHES = ("shell", "pty", "resumable", "as_written", "priors")

# Programs whose first argument is the program that matters.
_RUNNERS = re.compile(
    r"python[\d.]*|pypy[\d.]*|ba?sh|zsh|dash|sh|ruby|perl|node|deno|bun|julia|Rscript|java|go|cargo|uv|poetry|torchrun|"
    r"accelerate|srun|nice|env|time|run|launch"
)


@dataclass(kw_only=True)
class Settings:
    """The settings of a run; None: not given.

    Attributes:
        file: the file that they come from.
        params: what describes each parameter.
    """

    file: str | None = None
    command: list[str] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    minimize: list[str] = field(default_factory=list)
    maximize: list[str] = field(default_factory=list)
    trials: int | None = None
    timeout: float | None = None
    jobs: int | None = None
    storage: str | None = None
    study: str | None = None
    seed: int | None = None
    sampler: str | None = None
    pruner: str | None = None
    take: str | None = None
    value: str | None = None
    shell: bool | None = None
    as_written: bool | None = None
    pty: bool | None = None
    resumable: bool | None = None
    priors: bool | None = None
    params_file: str | None = None
    tensorboard: str | None = None
    directory: str | None = None
    timeout_per_trial: float | None = None
    memory_limit: int | None = None
    max_failures: int | None = None
    grace: float | None = None
    gpus: float | None = None
    cpus: float | None = None

    @property
    def metrics(self) -> list[str]:
        """The metrics, those that are minimised first."""
        return [*self.minimize, *self.maximize]

    @property
    def directions(self) -> list[str]:
        """The direction of each metric."""
        return ["minimize"] * len(self.minimize) + ["maximize"] * len(self.maximize)

    def begin(self, name: str, storage: str | Path | Storage) -> Study:
        """Return the study of that name, with what it is to have where it is made now.

        Raises:
            UsageError: a setting is not valid.
        """
        from tunesmith.study import create_study

        if self.take and self.value:
            raise click.UsageError(
                "--take and --value both say which value of the metric counts; give --value alone, which counts for "
                "stopped trials, too"
            )

        try:
            return create_study(
                study_name=name,
                storage=storage,
                directions=self.directions,
                load_if_exists=True,  # another process may make it at this moment
                seed=self.seed,
                sampler=self.sampler,
                pruner=self.pruner,
                priors=self.priors is not False,
                value=self.value,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def load(self, name: str, spec: str) -> tuple[Study, Settings]:
        """Return the study of that name, which is there, and the settings, with what it keeps where they say nothing.

        Raises:
            StudyNotFoundError: there is none.
        """
        from tunesmith.study import load_study

        store = existing(spec)
        study = load_study(study_name=name, storage=store)
        kept = study.system_attrs.get(STUDY_KEEPS) or {}
        earlier: dict[str, Any] = {key: kept.get(key) for key in KEPT_SETTINGS}
        settings = self.over(Settings(**earlier))
        if settings.sampler or settings.pruner:
            study = load_study(study_name=name, storage=store, sampler=settings.sampler, pruner=settings.pruner)
        return study, settings

    def keep(self, study: Study) -> None:
        """Let a study keep what a later command need not say again."""
        kept = {key: getattr(self, key) for key in KEPT_SETTINGS}
        before = study.system_attrs.get(STUDY_KEEPS)
        if before != kept and (before or any(kept.values())):
            study.set_system_attr(STUDY_KEEPS, kept)

    def over(self, other: Settings) -> Settings:
        """Return these settings, and those of another object where these are not given."""
        given = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in (None, [])}
        if self.metrics:
            given |= {"minimize": self.minimize, "maximize": self.maximize}
        return replace(other, **given | {"params": {**other.params, **self.params}})


def read_settings(path: str, converters: Mapping[str, Callable[[Any], Any]]) -> Settings:
    """Return the settings of a file.

    Args:
        path: the file.
        converters: what makes values of those that can be written in several ways, by name.

    Raises:
        UsageError: the file cannot be read, or something in it is not valid.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from error
    names = {f.name.replace("_", "-"): f for f in fields(Settings) if f.name != "file"}
    made: dict[str, Any] = {"file": path}
    for key, value in data.items():
        known = names.get(key.replace("_", "-"))
        if known is None:
            raise click.UsageError(
                f"{path}: there is no setting {key!r}{did_you_mean(key, names)}; there are {listing(names, 40)}"
            )
        try:
            made[known.name] = _converted(known.name, value, converters)
        except (ValueError, click.BadParameter) as error:
            raise click.UsageError(f"{path}: {key}: {error}") from error
    return Settings(**made)


def _converted(name: str, value: Any, converters: Mapping[str, Callable[[Any], Any]]) -> Any:
    if name == "params":
        if not isinstance(value, dict):
            raise ValueError('expected a table such as [params] with lr = "log(1e-5, 1e-1)"')
        return {key: description_of(spec) for key, spec in _flat(value)}
    if name == "command":
        given = shlex.split(value) if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
            raise ValueError("expected a text, or a list of words")
        return given
    if name in ("minimize", "maximize"):
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(metric, str) for metric in given):
            raise ValueError("expected the name of a metric, or a list of names")
        return given
    if name in SWITCHES:
        if not isinstance(value, bool):
            raise ValueError(f"expected true or false; got {value!r}")
        return value
    convert = converters.get(name, str)
    if convert is str and not isinstance(value, str):
        raise ValueError(f"expected a text; got {value!r}")
    return convert(value)


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the parameters of a table: ``[params.optimizer]`` with lr is ``optimizer.lr``."""
    found = []
    for key, value in table.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found


def description_of(spec: Any) -> Any:
    """Return what describes a parameter, as a table of TOML or an object of JSON has it, in the form for `Space`."""
    if isinstance(spec, list):
        return [tuple(item) if isinstance(item, list) else item for item in spec]
    return spec if isinstance(spec, str) else [spec]  # a constant


def parameter(text: str) -> tuple[str, str]:
    """Return the name and the description of ``NAME=DESCRIPTION``.

    Raises:
        BadParameter: it is something else.
    """
    name, equals, description = text.partition("=")
    if not name.strip() or not equals or not description.strip():
        raise click.BadParameter(
            "expected NAME=DESCRIPTION, such as 'lr=log(1e-5, 1e-1)', 'layers=int(1, 5)' or 'opt=sgd | adam'; got "
            f"{text!r}"
        )
    return name.strip(), description.strip()


def study_name(command: Sequence[str], shell: bool) -> str:
    """Return the name of a study that was given none: that of its program."""
    words = list(command)
    if shell:
        try:
            words = shlex.split(" ".join(command))
        except ValueError:
            words = " ".join(command).split()
    before = ""
    for word in words:
        if before == "-m":
            return word.rpartition(".")[2] or "program"
        before = word
        if not (word.startswith("-") or "{" in word or "=" in word or _RUNNERS.fullmatch(Path(word).name)):
            return Path(word).stem or "program"
    return Path(words[0]).stem or "program"


def space_of(settings: Settings) -> Space:
    """Return what is searched; UsageError if there is no parameter, or one is not valid."""
    from tunesmith.errors import SpaceError
    from tunesmith.space import Space

    if not settings.params:
        raise click.UsageError(
            'there is no parameter: give -p "lr=log(1e-5, 1e-1)" once for each, or a file with [params]; '
            "`tunesmith init -- COMMAND` suggests one"
        )
    try:
        return Space(settings.params)
    except SpaceError as error:
        raise click.UsageError(str(error)) from error


def params_of_json(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a JSON object describes them, in the form of `Settings`; UsageError if one is not valid."""
    for name, what in told.items():
        if isinstance(what, float) and math.isnan(what):
            raise click.UsageError(f"{printable(name)}: NaN is no value of a parameter")
        if isinstance(what, dict):
            raise click.UsageError(
                f'{printable(name)}: expected a text such as "log(1e-5, 1e-1)", a list of choices or one value; got '
                f"{what!r:.100}"
            )
    return {name: description_of(what) for name, what in told.items()}
