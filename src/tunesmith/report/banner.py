"""The answer of a study in five lines: what to use, what to expect, how sure that is, what it cost, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.languages import Said, Words
from tunesmith.program.files import params_text
from tunesmith.program.template import flags
from tunesmith.state import TrialState
from tunesmith.study import Study
from tunesmith.study.recommend import NOISY, Recommendation
from tunesmith.tables.leaderboard import ENSEMBLE
from tunesmith.text import printable, shorten

MOST_SAID = 3  # sentences on how sure it is; the others stand in the section of the result
LATE = 0.8  # a best trial after this share of the search came late
MANY_FAILED = 0.5  # a share of failed trials that is to be mended before anything else
FEWEST = 5  # complete trials by which a model can be had, and one more than parameters


@dataclass(slots=True)
class Banner:
    """What a reader looks for first.

    Attributes:
        lines: a label and the sentences beside it, in the reader's language.
        more: what else is known of the answer, for whoever reads on.
        params: what to use; empty: nothing was found yet.
        forms: these parameters as people copy them, by the name of the form.
    """

    lines: list[tuple[str, list[str]]] = field(default_factory=list)
    more: list[str] = field(default_factory=list)
    params: Mapping[str, Any] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)


def banner_of(study: Study, words: Words) -> Banner:
    """Return the answer of a study.

    Args:
        study: with any number of trials.
        words: the language.
    """
    made = Banner()
    if len(study.directions) > 1:
        _front(made, study, words)
    else:
        try:
            found = study.recommend()
        except ValueError:
            found = None
        if found is None:
            made.lines.append((words(USE), [words("No trial is complete yet, so there is no result.")]))
        else:
            made.params = chosen_by(found)
            made.forms = forms_of(made.params, is_program=ENSEMBLE not in made.params)
            _answer(made, found.sentences(), words)
        made.lines += _cost(study, words)
        made.lines.append((words(NEXT), [next_step(study, found, words)]))
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
    made.lines.append((words(COST), [*cost, pattern.format(n=f"{seconds:,.3g}")]))
    made.lines.append((words(NEXT), [words(USE_IT if report.score is not None else NO_SCORE)]))
    return made


USE, EXPECT, SURE = "What to use", "What to expect", "How sure that is"
COST, NEXT = "What it cost", "What to do next"
USE_IT = "Use it. A longer search, or more folds or runs of each candidate, would narrow the interval."
NO_SCORE = "No figure is known for new data: fit it again with a honest score to get one."
MORE = "Run more trials: from {} complete ones on, a model tells what to expect, with an interval."
CONFIRM = "Run the best points again with fresh seeds before you rely on it: study.confirm(...), or tunesmith confirm."
SEARCH_ON = "Search on: the best trial came late (trial {} of {}), so there may be more to gain."
ENOUGH = "Use it. The best trial came early (trial {} of {}), so a longer search may add little."
WEIGH = "Choose one of them by what matters more to you; none is better in all objectives."
MEND = "First mend what fails: {} of {} trials did, most often for this reason: {}"


def chosen_by(found: Recommendation) -> Mapping[str, Any]:
    """Return the parameters to use; of an average of several models, what it is made of."""
    chosen = None if found.report is None else found.report.chosen
    return chosen if chosen is not None and ENSEMBLE in chosen else found.params


def forms_of(params: Mapping[str, Any], is_program: bool) -> dict[str, str]:
    """Return parameters as people copy them, by the name of the form; none of none.

    Args:
        params: by name.
        is_program: whether a program may take them, which needs flags or a file.
    """
    if not params:
        return {}
    made = {"Python": repr(dict(params))}
    if is_program:
        # Python and YAML have escapes of their own for what is not printable; a shell's words have none.
        shown = {printable(key): printable(v) if isinstance(v, str) else v for key, v in params.items()}
        made |= {"flags": shlex.join(flags(shown)), "YAML": params_text(params, "yaml").rstrip("\n")}
    return made


def _answer(made: Banner, sentences: list[str], words: Words) -> None:
    """Add what to use, what to expect and how sure that is, from the sentences of what was decided."""
    verdict, *rest = sentences
    use, *expected = verdict.values if isinstance(verdict, Said) else (verdict,)
    made.lines.append((words(USE), [words.said(str(use) if not isinstance(use, str) else use)]))
    if expected:
        made.lines.append((words(EXPECT), [words.said(text) for text in expected if isinstance(text, str)]))
    sure = words.known(rest)
    made.more = sure[MOST_SAID:]
    if sure:
        made.lines.append((words(SURE), sure[:MOST_SAID]))


def _front(made: Banner, study: Study, words: Words) -> None:
    front = study.best_trials
    n = int(study.history.complete.sum())
    if front:
        said = words.translate("{n} of {all} complete trials are not dominated by any other.")
        made.lines.append((words(USE), [said.format(n=len(front), all=n)]))
    else:
        made.lines.append((words(USE), [words("No trial is complete yet, so there is no result.")]))
    made.lines += _cost(study, words)
    made.lines.append((words(NEXT), [words(WEIGH) if front else next_step(study, None, words)]))


def _cost(study: Study, words: Words) -> list[tuple[str, list[str]]]:
    costs = study.history.cost[np.isfinite(study.history.cost)]
    if not len(costs):
        return []
    pattern = "All trials together cost {total}, the median one {median} (seconds, or the unit that was reported)."
    said = words.translate(pattern).format(total=f"{costs.sum():,.4g}", median=f"{float(np.median(costs)):.4g}")
    return [(words(COST), [said])]


def next_step(study: Study, found: Recommendation | None, words: Words) -> str:
    """Return what to do next, as a sentence.

    Args:
        study: the study.
        found: what to use; None: there is nothing, or there are several objectives.
        words: the language.
    """
    history = study.history
    n = len(history)
    failed = int((history.state[:n] == TrialState.FAIL).sum())
    if n and failed > MANY_FAILED * n:
        reasons = study.failure_reasons()
        why = shorten(printable(reasons[0].text), 200) if reasons else ""
        return words(MEND, f"{failed:,}", f"{n:,}", why or words("no reason is known"))
    if found is not None and found.report is not None:
        return words(USE_IT if found.report.score is not None else NO_SCORE)
    if found is None or found.trial is None or found.method != "posterior":
        d = 0 if history.space is None else len(history.space)
        return words(MORE, max(FEWEST, d + 1))
    if any(getattr(note, "pattern", "") == NOISY for note in found.notes):
        return words(CONFIRM)
    if study.stop_reason is not None:
        return words("Use it: the search ended because little was left to gain.")
    at = int(np.flatnonzero(history.number[:n] == found.trial.number)[0]) + 1
    return words(SEARCH_ON if at > LATE * n else ENOUGH, f"{at:,}", f"{n:,}")
