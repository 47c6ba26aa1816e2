"""`Banner`: an answer in five lines: what to use, what to expect, how sure that is, what it cost, what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.foundation.formats import duration_text
from tunesmith.foundation.languages import Said, Words, joined_texts, say
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import printable
from tunesmith.program.files import params_text
from tunesmith.program.template import flags
from tunesmith.selection.leaderboard import stored_leaderboard
from tunesmith.selection.report import AVERAGE, ONLY_THE_DEFAULT
from tunesmith.study.answer import NO_SCORE, USE_IT, Sureness, answer
from tunesmith.study.recommend import Recommendation
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.summary import middle

if TYPE_CHECKING:
    from tunesmith.foundation.look.card import Answer

MOST_SAID = 1  # sentences on how sure it is; the others stand where a report says how that was found


USE, EXPECT, SURE = "What to use", "What to expect", "How sure that is"
COST, NEXT = "What it cost", "What to do next"
# What was chosen, without its parameters, which stand below.
WITHOUT_PARAMS = {
    "Use trial {}: {}": "Use trial {}.", "Chosen from {}: {}": "Chosen from {}.",
    "Chosen: {}": "The search chose these parameters.", "Kept the default ({})": "The default is kept.",
    "Only one configuration was tried: {}": "Only one configuration was tried.",
    ONLY_THE_DEFAULT: "Only one configuration was tried, the default.",
}  # fmt: skip


@dataclass(slots=True)
class Banner:
    """What a reader looks for first.

    Attributes:
        lines: the sentences beside each label, `USE` and the others, in the reader's language.
        figure: what to expect, with its interval drawn; None: it is not known, or there are several objectives.
        sure: how sure that is; None: it is not known.
        more: what else is known of the answer, for whoever reads on.
        params: what to use; empty: nothing was found yet.
        forms: these parameters as people copy them, by the name of the form.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    figure: Answer | None = None
    sure: Sureness | None = None
    more: list[str] = field(default_factory=list)
    params: Mapping[str, Any] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)

    def said(self, words: Words) -> dict[str, list[str]]:
        """Return all that stands beside each label, as sentences."""
        if self.sure is None:
            return self.lines
        return self.lines | {SURE: [words.said(joined_texts((self.sure.name, self.sure.why), ": ")), *self.lines[SURE]]}


def banner_of(seen: Snapshot, words: Words) -> Banner:
    """Return the answer of a study, with any number of trials, in a language."""
    made, told = Banner(), seen.once(answer)
    if told.front:
        said = words.translate("{n} of {all} complete trials are not dominated by any other.")
        n = int(seen.history.complete.sum())
        made.lines[USE] = [said.format(n=len(told.front), all=n)]
    elif told.found is None:
        made.lines[USE] = [words("No trial is complete yet, so there is no result.")]
    else:
        made.params = chosen_by(told.found)
        made.forms = forms_of(made.params, is_program=not is_of_table(seen))
        score = None if told.found.report is None else told.found.report.score
        cautions = score.notes if score is not None and is_of_table(seen) else None
        _answer(made, told.found.sentences(), words, told.sure, cautions)
        if math.isfinite(told.found.value):
            made.figure = told.found.card_answer(middle(seen))
        if (why := told.found.why_not_best_seen()) and words.said(why) not in made.lines[USE]:
            made.lines[USE].append(words.said(why))
    if cost := _cost(seen, words):
        made.lines[COST] = [cost]
    made.lines[NEXT] = [words.said(told.next)]
    return made


def banner_of_search(search: Any, words: Words) -> Banner:
    """Return the answer of a fitted search, which is known by its attributes alone.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`.
        words: the language.
    """
    report = search.report_
    made = Banner(params=report.chosen or {}, forms=forms_of(report.chosen or {}, is_program=False))
    _answer(made, report.sentences(), words)
    cost = []
    if report.n_fits is not None:
        fits, saved = f"{report.n_fits:,}", f"{report.n_fits_saved or 0:,}"
        pattern = words.translate("The search took {n} fits, and saved {saved} by giving candidates up.")
        cost.append(pattern.format(n=fits, saved=saved))
    seconds = float(np.nansum(search.cv_results_["mean_fit_time"] * search.n_splits_))
    pattern = words.translate("Its fits on all folds would take about {n} seconds.")
    made.figure = None if report.score is None else report.score.card_answer()
    made.lines[COST] = [*cost, pattern.format(n=f"{seconds:,.3g}")]
    made.lines[NEXT] = [words(USE_IT if report.score is not None else NO_SCORE)]
    return made


def is_of_table(seen: Snapshot) -> bool:
    """Tell whether `tunesmith.tune` made a study: no program takes its parameters, and its costs are seconds."""
    return stored_leaderboard(seen.system_attrs) is not None


def chosen_by(found: Recommendation) -> Mapping[str, Any]:
    """Return the parameters to use; of an average of several models, what it is made of."""
    chosen = None if found.report is None else found.report.chosen
    return chosen if chosen is not None and AVERAGE in chosen else found.params


def forms_of(params: Mapping[str, Any], is_program: bool = True) -> dict[str, str]:
    """Return parameters as people copy them, by the name of the form; none of none.

    Args:
        params: by name. Flags and a file are not offered for values that they cannot hold, such as an estimator.
        is_program: whether a program may take them at all.
    """
    if not params or AVERAGE in params:  # an average of models is no set of parameters
        return {}
    made = {"Python": repr(dict(params))}
    if is_program and all(_is_plain(value) for value in params.values()):
        # Python and YAML have escapes of their own for what is not printable; a shell's words have none.
        shown = {printable(key): printable(v) if isinstance(v, str) else v for key, v in params.items()}
        made |= {"flags": command_line(flags(shown)), "YAML": params_text(params, "yaml").rstrip("\n")}
    return made


def _is_plain(value: Any) -> bool:
    """Tell whether a value is known as more than a text, and flags and files can hold it."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str | None)


def _answer(
    made: Banner,
    sentences: list[str],
    words: Words,
    how_sure: Sureness | None = None,
    cautions: Sequence[str] | None = None,
) -> None:
    """Add what to use, what to expect and how sure that is, from the sentences of what was decided.

    Args:
        cautions: the sentences that say how sure it is; None: the first ones do.
    """
    verdict, *rest = sentences
    use, *expected = verdict.values if isinstance(verdict, Said) else (verdict,)
    if made.forms and isinstance(use, Said) and (short := WITHOUT_PARAMS.get(use.pattern)) is not None:
        use = say(short, *use.values[:-1])
    made.lines[USE] = [words.said(str(use) if not isinstance(use, str) else use)]
    if expected:
        made.lines[EXPECT] = [words.said(text) for text in expected if isinstance(text, str)]
    sure = words.known(rest if cautions is None else [text for text in rest if text in cautions])[:MOST_SAID]
    made.more = [text for text in words.known(rest) if text not in sure]
    made.sure = how_sure
    if sure or how_sure is not None:
        made.lines[SURE] = sure


def _cost(seen: Snapshot, words: Words) -> str:
    costs = seen.history.cost[np.isfinite(seen.history.cost)]
    if not len(costs):
        return ""
    if is_of_table(seen):
        return words("All trials together took {}.", duration_text(float(costs.sum())))
    pattern = "All trials together cost {total}, the median one {median} (seconds, or the unit that was reported)."
    return words.translate(pattern).format(total=f"{costs.sum():,.4g}", median=f"{float(np.median(costs)):.4g}")
