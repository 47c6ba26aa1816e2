"""Objectives over a declared space: called with parameters instead of a trial."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tunesmith.space import Space
from tunesmith.text import close_matches
from tunesmith.trial import Trial


class ParamsObjective:
    """Calls a function of parameters on a trial's proposal.

    A function whose arguments are named like parameters (or that takes ``**keywords``) gets keywords; one with a single
    other argument gets one dict. An argument called ``trial`` gets the trial, for reports and notes.
    """

    def __init__(self, fn: Callable[..., Any], space: Space) -> None:
        self.fn = fn
        self.as_keywords, self.wants_trial = _style(fn, space)

    def __call__(self, trial: Trial) -> Any:
        """Run the function on the trial's parameters."""
        params = dict(trial.answers.take_whole())
        if self.wants_trial:
            return self.fn(trial=trial, **params) if self.as_keywords else self.fn(params, trial=trial)
        return self.fn(**params) if self.as_keywords else self.fn(params)


def _style(fn: Callable[..., Any], space: Space) -> tuple[bool, bool]:
    """Return whether the function takes keywords, and whether it takes the trial.

    Raises:
        TypeError: the function's arguments fit neither style.
    """
    try:
        arguments = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # a builtin
        return False, False
    outer = set(space.outer_names)
    wants_trial = "trial" in arguments and "trial" not in outer
    own = [a for n, a in arguments.items() if not (wants_trial and n == "trial")]
    named = {a.name for a in own if a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)}
    takes_any = any(a.kind is a.VAR_KEYWORD for a in own)
    required = [a for a in own if a.default is a.empty and a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
    if len(required) == 1 and required[0].name not in outer and required[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        return False, wants_trial
    missing = {a.name for a in required} - outer
    unknown = set() if takes_any else outer - named
    if missing or unknown:
        close = [m for name in sorted(missing) for m in close_matches(name.lower(), outer, cutoff=0.5)]
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise TypeError(
            f"the objective takes ({', '.join(arguments)}) and the space has ({', '.join(sorted(outer))}){hint}; "
            "write it with one argument (a dict of the parameters) or with one argument for each parameter"
        )
    conditional = {n for n in space.names if space.params[n].condition is not None} & {a.name for a in required}
    if conditional:
        raise TypeError(
            f"the parameters {sorted(conditional)} are not active in every trial; give those arguments of the "
            "objective a default value"
        )
    return True, wants_trial
