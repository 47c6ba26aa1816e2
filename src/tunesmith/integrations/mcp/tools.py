"""What an assistant may do with studies: tools with JSON in and out, without the protocol that carries them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunesmith.cli import asking
from tunesmith.cli.enqueue import params_of
from tunesmith.cli.options import existing, look_at, open_study
from tunesmith.cli.records import trial_dict
from tunesmith.cli.settings import Settings, params_of_json
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import json_value
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean, listing, name_and_message, shorten, shown
from tunesmith.storage.redact import redact_within, shown_spec
from tunesmith.study.recommend import recommend
from tunesmith.study.summary import failure_reasons, summary_of
from tunesmith.study.verdict import read_verdict
from tunesmith.trial.metrics import evenly

if TYPE_CHECKING:
    from tunesmith.study import Study
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.trial.metrics import Metrics

Json = dict[str, Any]
TRIALS_IN_ANSWER = 100  # trials in one answer
TRIALS_LISTED = 20  # trials in an answer that says nothing else
METRICS_IN_ANSWER = 20  # metrics of one trial
POINTS_OF_CURVE = 50  # of a curve in an answer
TEXT_CHARACTERS = 1000  # characters of a text that somebody else wrote
# What errors of the commands say, and what an assistant can do.
_WORDS_OF_TOOLS = (
    (asking.MAKES_ONE, "ask makes one, from params, and minimize or maximize"),
    (asking.PARAMETERS, "params, and minimize or maximize"),
    ("`tunesmith ask`", "`ask`"),
    (" (pass --skip-if-finished to leave it as it is)", ""),
)
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def _argument(kind: str, description: str, **more: Any) -> Json:
    """Return the JSON Schema of an argument; `more` are further words of it."""
    return {"type": kind, "description": description, **more}


_STUDY = _argument("string", "The study's name; may be left out where there is only one.")


class ToolError(Exception):
    """What is wrong with a call, in words for the assistant."""


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        name: how it is called.
        description: what an assistant needs to know.
        call: does it, from the arguments by name.
        properties: the arguments, as JSON Schema has them.
        required: those that cannot be left out.
        writes: whether it changes a study.
    """

    name: str
    description: str
    call: Callable[..., Json]
    properties: Mapping[str, Json] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    writes: bool = False

    @property
    def schema(self) -> Json:
        """The JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise ToolError if the arguments do not fit."""
        for name in arguments:
            if name not in self.properties:
                known = listing(self.properties) if self.properties else "none"
                raise ToolError(
                    f"{self.name} has no argument {name!r}{did_you_mean(name, self.properties)}; it has {known}"
                )
        missing = [name for name in self.required if name not in arguments]
        if missing:
            raise ToolError(f"{self.name} needs {listing(missing)}")
        for name, value in arguments.items():
            schema = self.properties[name]
            kind, choices = schema["type"], schema.get("enum")
            is_kind = isinstance(value, JSON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
            if not is_kind or (choices and value not in choices):
                expected = f"one of {listing(choices)}" if choices else f"of the type {kind}"
                raise ToolError(f"{self.name}: {name} must be {expected}; got {shown(value)}")
            if "minimum" in schema and value < schema["minimum"]:
                raise ToolError(f"{self.name}: {name} must be {schema['minimum']} or more; got {shown(value)}")


class Toolbox:
    """The tools over one storage.

    Args:
        spec: the storage, a file or a URL; the file need not be there yet.
        write: whether the tools that change studies may be used.
        lease: for how many seconds a trial that was asked for is left to whoever asked.
    """

    def __init__(self, spec: str, *, write: bool = False, lease: float = asking.LEASE_SECONDS) -> None:
        self.write = write
        self._spec = spec
        self._lease = lease
        self._tools = {tool.name: tool for tool in _tools(self)}

    @property
    def tools(self) -> list[Tool]:
        """The tools that may be used."""
        return [tool for tool in self._tools.values() if self.write or not tool.writes]

    @property
    def instructions(self) -> str:
        """What an assistant reads first."""
        how = (
            "To tune something: ask, run it with the parameters, tell its value (or that it failed), and so on. "
            if self.write
            else "The server is read-only: whoever starts it allows ask, tell and enqueue with --write. "
        )
        return (
            f"Hyperparameter studies of tunesmith in {shown_spec(self._spec)}. {how}"
            "The best value seen is too good, because it was picked for being the best: report the expected value of "
            "`best` with its interval instead."
        )

    def call(self, name: str, arguments: Mapping[str, Any] | None) -> Json:
        """Use a tool.

        Args:
            name: of the tool.
            arguments: by name.

        Returns:
            the answer, of what JSON has.

        Raises:
            ToolError: there is no such tool, it may not be used, or what was given does not fit.
        """
        tool = self._tools.get(name)
        if tool is None:
            names = [one.name for one in self.tools]
            raise ToolError(f"there is no tool {name!r}{did_you_mean(name, names)}; there are {listing(names)}")
        if tool.writes and not self.write:
            raise ToolError(
                f"{name} changes a study, and this server is read-only: start it as `tunesmith mcp --write`"
            )
        given = {key: value for key, value in (arguments or {}).items() if value is not None}
        tool.check(given)
        try:
            answer: Json = json_value(tool.call(**given))
        except click.ClickException as error:
            raise ToolError(_for_assistants(error.message)) from error
        except (TunesmithError, ValueError, TypeError, KeyError, OSError) as error:
            text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            raise ToolError(_for_assistants(text or name_and_message(error))) from error
        return answer

    # -- the tools ---------------------------------------------------------------------------------------------------

    def list_studies(self) -> Json:
        """List the studies."""
        place = shown_spec(self._spec)
        if "://" not in self._spec and not Path(self._spec).exists():
            return {"storage": place, "studies": [], "sentence": f"{place} does not exist yet, so there is no study."}
        store = existing(self._spec)
        found = []
        for record in store.list_studies():
            summary = summary_of(store, record)
            found.append(
                {
                    "name": summary.name,
                    "directions": list(summary.directions),
                    "trials": summary.counts,
                    "best_value_seen": None if summary.best_record is None else summary.best_record.value,
                    "best_trial": summary.best_trial,
                }
            )
        names = f": {listing([one['name'] for one in found])}" if found else ""
        return {"storage": place, "studies": found, "sentence": f"{len(found)} studies in {place}{names}."}

    def best(self, study: str | None = None, level: float | None = None) -> Json:
        """Say which parameters to use, and what to expect of them."""
        found = look_at(self._spec, study)
        facts: Json = {
            "study": found.study_name,
            "objectives": self._objectives(found),
            "trials": found.named_counts,
        }
        if len(found.directions) > 1:
            front = found.best_trials
            told = [
                {"trial": t.number, "values": list(t.values or ()), "params": dict(t.params)}
                for t in front[:TRIALS_IN_ANSWER]
            ]
            sentence = (
                f"{len(front)} trials are not dominated by any other one; their values are as they were seen, and "
                "those of noisy objectives are too good."
                if front
                else "No trial is complete yet."
            )
            return {**facts, "front": told, "sentence": sentence}
        if read_verdict(found.system_attrs, found.study_name) is None and found.find_best() is None:
            return {
                **facts,
                "sentence": f"Nothing can be recommended: no trial is complete and feasible yet ({found.tally}).",
            }
        got = recommend(found, level=level)
        interval = list(got.interval)
        first, *notes = got.sentences()
        return {
            **facts,
            "trial": None if got.trial is None else got.trial.number,
            "params": dict(got.params),
            "expected_value": got.value,
            "interval": None if any(map(math.isnan, interval)) else interval,
            "level": got.level,
            "best_value_seen": got.naive,
            "optimism": got.optimism,
            "method": got.method,
            "sentence": first,
            "notes": notes,
        }

    def explain(self, study: str | None = None) -> Json:
        """Say what is searched, and where the search begins."""
        found = look_at(self._spec, study)
        space = found.space
        told = found.explain()
        params = (
            {}
            if space is None
            else {name: {"range": str(p), "begins": told.get(name)} for name, p in space.params.items()}
        )
        return {
            "study": found.study_name,
            "objectives": self._objectives(found),
            "parameters": params,
            "sentence": f"{len(params)} parameters are searched." if params else "No parameter is known yet.",
        }

    def trials(self, study: str | None = None, limit: int = TRIALS_LISTED, state: str | None = None) -> Json:
        """List the last trials."""
        if not 1 <= limit <= TRIALS_IN_ANSWER:
            raise ToolError(f"trials: limit must be 1 to {TRIALS_IN_ANSWER}; got {limit}")
        found = look_at(self._spec, study)
        numbers = found.numbers_in(None if state is None else [TrialState[state.upper()]])
        listed = found.get_trials(numbers=numbers[-limit:])
        failures = [
            {"trials": r.trials, "reason": shorten(r.text, TEXT_CHARACTERS) or "no reason is known"}
            for r in failure_reasons(found)
        ]
        logged = found.metrics([trial.number for trial in listed])
        told = [
            trial_dict(trial) | ({"metrics": _last(logged[trial.number])} if trial.number in logged else {})
            for trial in listed[::-1]
        ]
        return {
            "study": found.study_name,
            "objectives": self._objectives(found),
            "trials": [_with_short_texts(json_value(one)) for one in told],
            "failures": failures[:TRIALS_LISTED],
            "sentence": f"The study has {found.tally}.",
        }

    def curves(self, number: int, study: str | None = None, metrics: list[Any] | None = None) -> Json:
        """Return what a trial reported and logged, step by step."""
        found = look_at(self._spec, study)
        try:
            (trial,) = found.get_trials(numbers=[number])
        except KeyError:
            raise ToolError(f"curves: the study {found.study_name!r} has no trial {number}") from None
        logged = trial.metrics
        if unknown := [name for name in metrics or () if name not in logged]:
            known = f"it has {listing(logged)}" if logged else "it has none"
            guess = did_you_mean(str(unknown[0]), logged)
            raise ToolError(f"curves: trial {number} has no metric {unknown[0]!r}{guess}; {known}")
        reports = list(trial.intermediate_values.items())
        chosen = {name: logged[name] for name in metrics or sorted(logged)[:METRICS_IN_ANSWER]}
        return {
            "study": found.study_name,
            "trial": number,
            "reports": [list(reports[i]) for i in evenly(len(reports), POINTS_OF_CURVE)],
            "metrics": {
                name: [[int(step[i]), float(value[i])] for i in evenly(len(step), POINTS_OF_CURVE)]
                for name, (step, value) in chosen.items()
            },
            "sentence": f"Each curve has pairs of step and value, at most {POINTS_OF_CURVE} of them, evenly chosen; "
            f"the trial logged {len(logged)} metrics.",
        }

    def ask(
        self,
        study: str | None = None,
        params: Json | None = None,
        minimize: list[Any] | None = None,
        maximize: list[Any] | None = None,
        trials: int | None = None,
        sampler: str | None = None,
        seed: int | None = None,
    ) -> Json:
        """Begin a trial."""
        from tunesmith.foundation import registry

        for way, names in (("minimize", minimize), ("maximize", maximize)):
            if not all(isinstance(name, str) for name in names or ()):
                raise ToolError(f'ask: {way} takes a list of names, such as ["loss"]; got {shown(names)}')
        if sampler is not None and sampler not in registry.names("samplers"):
            known = sorted(registry.names("samplers"))
            raise ToolError(
                f"ask: there is no sampler {sampler!r}{did_you_mean(sampler, known)}; there are {listing(known)}"
            )
        settings = Settings(
            params=params_of_json(params or {}),
            minimize=minimize or [],
            maximize=maximize or [],
            storage=self._spec,
            study=study,
            trials=trials,
            sampler=sampler,
            seed=seed,
        )
        found, below = asking.study_to_ask(settings)
        facts = asking.begin_trial(found, below, self._lease)
        number = facts["number"]
        return {**facts, "sentence": f"Run trial {number} with these parameters, and call tell with number {number}."}

    def tell(
        self,
        number: int,
        study: str | None = None,
        value: float | None = None,
        values: Json | None = None,
        state: str | None = None,
        step: int | None = None,
        reason: str | None = None,
        noise: float | None = None,
        cost: float | None = None,
        attrs: Json | None = None,
    ) -> Json:
        """End a trial, or report how it stands."""
        if value is not None and values is not None:
            raise ToolError("tell: give value of one objective, or values of several by name, not both")
        ended = None if state is None else asking.TRIAL_ENDS[state]
        given = value if values is None else values
        if ended in (asking.TRIAL_ENDS["fail"], asking.TRIAL_ENDS["pruned"]) and given is not None:
            raise ToolError(f"tell: a trial of the state {state!r} takes no value")
        if given is None and ended in (None, asking.TRIAL_ENDS["complete"]):
            raise ToolError('tell: give the value, or state "fail" or "pruned"')
        found = asking.study_to_tell(Settings(storage=self._spec, study=study))
        numbers = None if given is None else asking.in_order(found, given)
        if step is not None:
            if ended is not None or numbers is None:
                raise ToolError("tell: step goes with a value, and with no state: the trial goes on")
            facts = asking.report_step(found, number, numbers, step, cost, attrs)
            stop = 'should stop: call tell with state "pruned"' if facts["prune"] else "goes on"
            return {**facts, "sentence": f"Trial {number} {stop}."}
        errors = [] if noise is None else [noise] * len(found.directions)
        facts = asking.end_trial(found, number, numbers, ended, reason=reason, cost=cost, noise=errors, attrs=attrs)
        return {**facts, "sentence": f"Trial {number} is {facts['state']}; the study has {found.tally}."}

    def enqueue(self, params: Json, study: str | None = None) -> Json:
        """Add a point to be run next."""
        found = self._open(study)
        given = params_of(found, params)
        found.enqueue_trial(given)
        return {
            "study": found.study_name,
            "params": given,
            "sentence": "The next ask, or whoever runs the study, takes these parameters.",
        }

    def _open(self, study: str | None) -> Study:
        return open_study(self._spec, study)

    @staticmethod
    def _objectives(study: Study | Snapshot) -> Json:
        return dict(zip(asking.names_of(study), map(str, study.directions), strict=True))


def _last(logged: Metrics) -> Json:
    """Return the last value of each metric, with its step; of very many metrics the first ones."""
    return {
        name: {"step": int(step[-1]), "value": float(value[-1])}
        for name, (step, value) in sorted(logged.items())[:METRICS_IN_ANSWER]
    }


def _for_assistants(text: str) -> str:
    """Return an error of the commands in the words of the tools, without passwords."""
    for command, tool in _WORDS_OF_TOOLS:
        text = text.replace(command, tool)
    return redact_within(re.sub(r"--([a-z]+)", r"`\1`", shorten(text, TEXT_CHARACTERS)))


def _with_short_texts(value: Any) -> Any:
    """Return plain values with long texts cut: an assistant reads all of an answer."""
    if isinstance(value, dict):
        return {key: _with_short_texts(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_short_texts(part) for part in value]
    return shorten(value, TEXT_CHARACTERS) if isinstance(value, str) else value


def _tools(box: Toolbox) -> list[Tool]:
    """Return the tools and what is said of them."""
    return [
        Tool(
            "list_studies",
            "List the studies that are there: name, directions, trials by state, and the best value seen.",
            box.list_studies,
        ),
        Tool(
            "best",
            "Which parameters to use, and what to expect of a new run with them: `expected_value` with its `interval`, "
            "corrected for the luck of the winner, and a sentence to quote. `best_value_seen` is too good by "
            "`optimism`: do not report it as the result. Of a study with several objectives: the trials that no other "
            "one dominates.",
            box.best,
            {"study": _STUDY, "level": _argument("number", "Of the interval, between 0 and 1; 0.95 if left out.")},
        ),
        Tool(
            "explain",
            "What is searched: each parameter's range, and which values the search begins with and why.",
            box.explain,
            {"study": _STUDY},
        ),
        Tool(
            "trials",
            "The last trials, the newest first: parameters, values, state, the last value of each metric that they "
            "logged, and why they failed.",
            box.trials,
            {
                "study": _STUDY,
                "limit": _argument("integer", f"How many, 1 to {TRIALS_IN_ANSWER}; {TRIALS_LISTED} if left out."),
                "state": _argument("string", "Only trials in this state.", enum=[s.name.lower() for s in TrialState]),
            },
        ),
        Tool(
            "curves",
            "What one trial reported and logged, step by step: its value, and metrics such as losses, accuracies and "
            "learning rates.",
            box.curves,
            {
                "number": _argument("integer", "The trial.", minimum=0),
                "study": _STUDY,
                "metrics": _argument(
                    "array", f"Only these; if left out, the first {METRICS_IN_ANSWER}.", items={"type": "string"}
                ),
            },
            ("number",),
        ),
        Tool(
            "ask",
            "Begin a trial: returns its number and the parameters to run now. Afterwards call tell with that number, "
            "once for each ask. The first ask makes the study, and needs params, and minimize or maximize; later ones "
            "need neither.",
            box.ask,
            {
                "study": _argument("string", f"{_STUDY['description']} A new name makes a new study."),
                "params": _argument(
                    "object",
                    'The search space: {"lr": "log(1e-5, 1e-1)", "layers": "int(1, 5)", "dropout": "float(0, 0.5)", '
                    '"opt": ["sgd", "adam"]}; a condition is "float(0, 1) if opt == sgd".',
                ),
                "minimize": _argument("array", 'Objectives, as in ["loss"].', items={"type": "string"}),
                "maximize": _argument("array", "The same, to be maximized.", items={"type": "string"}),
                "trials": _argument("integer", "How many trials the study is to have in all.", minimum=0),
                "sampler": _argument("string", 'Who proposes; "auto" if left out, which suits most.'),
                "seed": _argument("integer", "Of a new study.", minimum=0),
            },
            writes=True,
        ),
        Tool(
            "tell",
            'End a trial that ask began, with its value; or with state "fail" and a reason. With step, the value is '
            "how the trial stands after that step, and the answer says whether it should stop. Tell what was "
            "measured: an invented value spoils the search.",
            box.tell,
            {
                "number": _argument("integer", "The trial, as ask returned it.", minimum=0),
                "study": _STUDY,
                "value": _argument("number", "The value of the only objective."),
                "values": _argument("object", 'Of several objectives, by name: {"accuracy": 0.9, "size": 12}.'),
                "state": _argument("string", "How it ended, if without a value.", enum=list(asking.TRIAL_ENDS)),
                "step": _argument("integer", "An epoch or a fold, from 0: the trial goes on.", minimum=0),
                "reason": _argument("string", "Why it failed or was stopped."),
                "noise": _argument("number", "The standard deviation of the value's error, if it is known."),
                "cost": _argument("number", "What it cost, in a unit of your own; else seconds are measured."),
                "attrs": _argument("object", "Notes to keep with the trial."),
            },
            ("number",),
            writes=True,
        ),
        Tool(
            "enqueue",
            "Add a configuration to be run next, such as the present default or a guess; parameters that are left out "
            "are proposed.",
            box.enqueue,
            {"params": _argument("object", 'Values by name: {"lr": 0.01, "opt": "sgd"}.'), "study": _STUDY},
            ("params",),
            writes=True,
        ),
    ]
