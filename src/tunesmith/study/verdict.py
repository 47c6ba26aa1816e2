"""What a search decided: stored with its study once, and read by all that says which configuration to use.

A search that chooses by itself (`tunesmith.sklearn.SearchCV` and its relatives) has better evidence than the values of
trials: the losses of single rows, fresh splits, the default. Who looks at its study later must not decide anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tunesmith.errors import StorageError
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import shown
from tunesmith.selection import Report
from tunesmith.selection.report import params_from_json, params_to_json, report_from_json, report_to_json
from tunesmith.selection.wording import count
from tunesmith.study.engine.replica import StudyReplica

VERDICT = "verdict"  # the attribute of the study
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the search of a study decided.

    Attributes:
        report: in full, with the score and its interval, the reason, and how the score was estimated.
        params: the configuration as the study knows it: objects by their names.
        trial: the number of its trial; None: it is the default, and lies outside of the space.
        ended: how many trials of the study had ended.
        asked: what identifies the settings that were decided by.
        others: numbers of the trials behind other configurations of the report, by their field; None: there is none.
        fresh: numbers of the trials whose configurations were evaluated again on each fresh set of splits.
    """

    report: Report
    params: Mapping[str, Any]
    trial: int | None
    ended: int
    asked: str = ""
    others: Mapping[str, int | None] = field(default_factory=dict)
    fresh: tuple[tuple[int, ...], ...] = ()

    def renumbered(self, numbers: Mapping[int, int]) -> Verdict:
        """Return the verdict for a copy of the study.

        Args:
            numbers: of the copied trials, by their numbers before.
        """
        others = {name: None if number is None else numbers.get(number, number) for name, number in self.others.items()}
        fresh = tuple(tuple(numbers.get(n, n) for n in again) for again in self.fresh)
        return replace(self, trial=None if self.trial is None else numbers[self.trial], others=others, fresh=fresh)

    def later(self, ended: int) -> str | None:
        """Say how many trials ended after the verdict and are not in it; None: none did."""
        n = ended - self.ended
        if n <= 0:
            return None
        ones = f"{n:,} {'trial' if n == 1 else 'trials'}"
        return (
            f"This was decided after {count(self.ended, 'trial')}; {ones} ended later and "
            f"{'is' if n == 1 else 'are'} not in it: run the search again to decide by all."
        )


def store_verdict(study: StudyReplica, verdict: Verdict, *, first: bool = False) -> Verdict | None:
    """Store what a search decided, in the place of what was decided before.

    Args:
        first: not in the place of one by the same settings from as many trials.

    Returns:
        that one, which stays; None: the verdict is stored.
    """
    if not isinstance(verdict, Verdict):
        raise TypeError(f"store_verdict: verdict must be a Verdict; got {shown(verdict)}")
    data = storable(
        VERDICT,
        {
            "format": FORMAT,
            "report": report_to_json(verdict.report),
            "params": params_to_json(verdict.params),
            "trial": verdict.trial,
            "ended": verdict.ended,
            "asked": verdict.asked,
            "others": dict(verdict.others),
            "fresh": [list(again) for again in verdict.fresh],
        },
    )
    if not first:
        study.set_system_attr(VERDICT, data)
        return None

    def unless_there(present: Any) -> Any:
        with suppress(StorageError):  # what cannot be read is stored anew
            there = read_verdict({VERDICT: present}, study.study_name)
            if there is not None and (there.asked, there.ended) == (verdict.asked, verdict.ended):
                return present
        return data

    kept = study.change_system_attr(VERDICT, unless_there)
    return None if kept is data else read_verdict({VERDICT: kept}, study.study_name)


def read_verdict(system: Mapping[str, Any], name: str) -> Verdict | None:
    """Return the verdict among the attributes of a study.

    Raises:
        StorageError: it is damaged, or was written by a later version.
    """
    data = system.get(VERDICT)
    if data is None:
        return None
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"it has format {data['format']}, and this version reads {FORMAT}; update tunesmith")
        trial = data["trial"]
        return Verdict(
            report_from_json(data["report"]),
            params_from_json(data["params"]) or {},
            None if trial is None else int(trial),
            int(data["ended"]),
            str(data["asked"]),
            dict(data["others"]),
            tuple(tuple(int(n) for n in again) for again in data.get("fresh", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"what the search of the study {name!r} decided cannot be read ({type(error).__name__}: {error}); "
            "fit the search again with the same data, and it is stored anew"
        ) from error
