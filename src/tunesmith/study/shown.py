"""A study as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.text import block

if TYPE_CHECKING:
    from tunesmith.study.study import Study


def study_html(study: Study) -> str:
    """Return the study's name, what it searches and how far it is, as HTML."""
    from tunesmith.selection.wording import Figures, params_of

    one = len(study.directions) == 1
    rows = [
        ("direction" if one else "directions", ", ".join(d.value for d in study.directions)),
        ("sampler", study.sampler.name),
        ("trials", study._tally()),
    ]
    best = study._storage.best(study._id, study.directions[0].value) if one else None
    notes: list[str] = []
    if best is not None and best.values is not None:
        value = Figures.of(best.values[0]).write(best.values[0])
        rows += [("best value", f"{value} (trial {best.number})"), ("best parameters", params_of(best.params))]
        notes.append("Of noisy values the best one is usually too good; study.recommend() corrects for it.")
    if study.stop_reason is not None:
        rows.append(("stopped", study.stop_reason))
    return block(f"Study {study.study_name!r}", notes, rows, kind="study")
