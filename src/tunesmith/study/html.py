"""HTML of a study, for notebooks."""

from __future__ import annotations

from contextlib import suppress

from tunesmith.errors import StorageError
from tunesmith.study.engine.engine import TrialEngine
from tunesmith.text import block


def study_html(engine: TrialEngine) -> str:
    """Return the study's name, directions, sampler, tally and best trial as HTML."""
    from tunesmith.selection.wording import NumberFormat, params_of
    from tunesmith.study.verdict import stored_verdict

    one = len(engine.study.directions) == 1
    rows = [
        ("direction" if one else "directions", ", ".join(d.value for d in engine.study.directions)),
        ("sampler", engine.asker.sampler.name),
        ("trials", engine.study.tally()),
    ]
    best = engine.study.best() if one else None
    notes: list[str] = []
    if best is not None and best.values is not None:
        value = NumberFormat.of(best.values[0]).write(best.values[0])
        rows += [("best value", f"{value} (trial {best.number})"), ("best parameters", params_of(best.params))]
        notes.append("Of noisy values the best one is usually too good; study.recommend() corrects for it.")
    with suppress(StorageError):  # a notebook shows the rest
        if (decided := stored_verdict(engine.study)) is not None:
            notes = [decided.report.verdict()]
    if engine.study.stopped is not None:
        rows.append(("stopped", engine.study.stopped["reason"]))
    return block(f"Study {engine.study.study_name!r}", notes, rows, kind="study")
