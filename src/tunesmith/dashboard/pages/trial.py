"""The page of one trial."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import Wrong, live_study, render, seen_of, studies_of, words_for
from tunesmith.dashboard.pages.studies import Line, named_lines
from tunesmith.dashboard.views import NOTE, number_cell
from tunesmith.foundation.formats import duration_text, json_value
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import TrialState
from tunesmith.history.curves import Reported
from tunesmith.study import Study, is_asked_to_stop
from tunesmith.study.snapshot import Snapshot
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import TrialRecord
from tunesmith.visualization.columns import objective_names
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.metrics import LoggedCurve, LoggedMetrics, metrics
from tunesmith.visualization.plotly_style import BLUE, Dict, axis, name_of, scatter
from tunesmith.visualization.svg_style import as_svg, said_of_points

MOST_PINNED = 6  # trials side by side
STEPS_SHOWN = 2000  # of a curve that are shown
CURVE_WIDTHS = {"desk": 1180, "phone": 320}  # pixels


def trial_page(request: Request, wrong: Wrong | None = None) -> Response:
    """Show a trial: parameters, values, curve, what it printed, artifacts, attempts."""
    opened, number = live_study(request), request.path_params["number"]
    study = studies_of(request).record(request.path_params["study"])
    trial = trial_of(opened, number)
    artifacts = opened.storage.artifacts_of(opened.study_id, number)
    points, words = curve_of(trial), words_for(request)
    logged = dict(trial.metrics)
    several, seen = len(study.directions) > 1, seen_of(request)
    objectives = [words.said(name) for name in objective_names(opened)] if several else []
    return render(
        request,
        "trial.html",
        {
            "study": study,
            "trial": trial,
            "state": str(trial.state).lower(),
            "stopping": is_asked_to_stop(study, number),
            "curve": drawn_curve(points, objectives, words) if points else None,
            "steps": [report_row(*report) for report in list(trial.intermediate_values.items())[-200:]],
            "objectives": objectives,
            "logged": drawn_metrics(seen, number, logged, words) if logged else None,
            "artifacts": artifacts,
            "note": str(trial.user_attrs.get(NOTE, "")),
            "attributes": {k: v for k, v in trial.user_attrs.items() if k != NOTE},
            "like": json.dumps({k: json_value(v) for k, v in trial.params.items()}, ensure_ascii=False),
            "best": seen.find_best() if len(study.directions) == 1 else None,
            "last": seen.n_trials - 1,
            "tab": "trial",
        },
        wrong=wrong,
    )


def trial_of(study: Study, number: int) -> TrialRecord:
    """Return a trial by its number.

    Args:
        study: whose it is.
        number: the trial.

    Raises:
        HTTPException: there is none.
    """
    try:
        (found,) = study.get_trials(numbers=[number])
    except (KeyError, ValueError):  # the latter: no database has so high a number
        raise HTTPException(404, f"The study has no trial {number}.") from None
    return found


def curve_of(trial: TrialRecord) -> list[list[Any]]:
    """Return the steps and values of a curve for JSON, in each row a step; of very many, evenly chosen ones."""
    points = [json_value(report_row(step, value)) for step, value in trial.intermediate_values.items()]
    return points[:: max(1, -(-len(points) // STEPS_SHOWN))]


def drawn_curve(points: list[list[Any]], objectives: list[str], words: Words) -> Dict:
    """Return a curve as SVG, for a desk and for a phone, and what the script says of its points.

    Args:
        points: the steps, each with its values.
        objectives: their names; several have a panel each, one below the other, since their units differ.
        words: the language.
    """
    names = objectives or [words("value")]
    m, traces = len(names), []
    layout: Dict = {"height": 300 + 130 * m, "meta": {"kind": "curve", "summary": ""}, "showlegend": False}
    layout["xaxis"] = axis(words("step"), anchor=f"y{name_of(m - 1)}")
    for k, name in enumerate(names):
        top = 1 - k / m
        layout[f"yaxis{name_of(k)}"] = axis(name, domain=[top - (0.9 if m > 1 else 1.0) / m, top])
        look = {"mode": "lines+markers", "line": {"color": BLUE}, "yaxis": f"y{name_of(k)}"}
        traces.append(scatter([p[0] for p in points], [p[k + 1] for p in points], name, xaxis="x", **look))
    figure = {"data": traces, "layout": layout}
    return _drawn(figure, "", words("Curve"))


def _drawn(figure: Dict, prefix: str, title: str) -> Dict:
    """Return a figure as SVG, for a desk and for a phone, and what the script says of its points."""
    drawn = {kind: as_svg(figure, f"{prefix}{kind}", title, width) for kind, width in CURVE_WIDTHS.items()}
    return {"told": said_of_points(figure), "drawn": drawn}


def drawn_metrics(seen: Snapshot, number: int, logged: Metrics, words: Words) -> Dict:
    """Return what a trial logged: drawn as a curve is, what is not drawn, the last values, and whom to compare it with.

    Args:
        seen: the study.
        number: of the trial.
        logged: its metrics.
        words: the language.
    """
    data = metrics(seen, [number]).in_language(words)
    last = [(name, len(step), int(step[-1]), float(value[-1])) for name, (step, value) in sorted(logged.items())]
    best = None if len(seen.directions) > 1 else seen.find_best()
    two = "" if best is None or best.number == number else f"number in ({best.number}, {number})"
    drawn = _drawn(draw(data, words), "metrics-", words("Metrics"))
    return {**drawn, "notes": data.notes, "last": last, "compared": two}


def side_by_side(request: Request) -> Response:
    """Show some trials of a study side by side: how they differ, and their curves in one figure."""
    seen, words, root = seen_of(request), words_for(request), request.scope.get("root_path", "")
    given = list(dict.fromkeys(request.query_params.getlist("trial")))
    if not given or len(given) > MOST_PINNED or not all(n.isascii() and n.isdecimal() and len(n) < 16 for n in given):
        raise HTTPException(400, f"Choose 1 to {MOST_PINNED} trials to compare.")
    trials = [trial_of(live_study(request), int(number)) for number in given]
    address = f"{root}/study/{seen.study_id}/trial/"
    lines = []
    for k, name in enumerate(objective_names(seen)):
        values = [math.nan if trial.values is None else trial.values[k] for trial in trials]
        ranked = [
            seen.signs[k] * value if trial.state is TrialState.COMPLETE else math.inf
            for trial, value in zip(trials, values, strict=True)
        ]
        best = int(np.argmin(ranked)) if len(trials) > 1 and math.isfinite(min(ranked)) else -1
        lines.append(Line(words.said(name), list(map(number_cell, values)), best))
    artifacts = [seen.storage.artifacts_of(seen.study_id, trial.number) for trial in trials]
    last = [{name: float(value[-1]) for name, (_, value) in sorted(trial.metrics.items())} for trial in trials]
    reports = [
        {words("Last report"): list(t.intermediate_values.values())[-1]} if t.intermediate_values else {}
        for t in trials
    ]
    context = {
        "study": seen.record,
        "heads": [
            (
                words("Trial {}", t.number),
                f"{address}{t.number}",
                str(t.state).lower(),
                words.translate(str(t.state).lower()),
            )
            for t in trials
        ],
        "lines": [*lines, Line(words("Duration"), [duration_text(trial.cost) for trial in trials])],
        "more": [
            *named_lines([trial.params for trial in trials]),
            *named_lines(reports),
            *named_lines(last),
            *(
                [Line(words("Artifacts"), [", ".join(a.name for a in own) for own in artifacts])]
                if any(artifacts)
                else []
            ),
        ],
        "curves": drawn_together(seen, trials, words),
    }
    return render(request, "compare.html", context)


def drawn_together(seen: Snapshot, trials: list[TrialRecord], words: Words) -> Dict | None:
    """Return what trials reported and logged, a colour for each, for a desk and for a phone; None: nothing.

    Args:
        seen: the study.
        trials: its trials.
        words: the language.
    """
    numbers = [trial.number for trial in trials]
    reported = [trial for trial in trials if trial.intermediate_values]
    panels: dict[str, tuple[LoggedCurve, ...]] = {}
    for k, name in enumerate(objective_names(seen) if reported else ()):
        panels[words.said(name)] = tuple(
            LoggedCurve(
                trial.number,
                np.array(list(trial.intermediate_values), np.int64),
                np.array([report_row(0, value)[k + 1] for value in trial.intermediate_values.values()], np.float64),
            )
            for trial in reported
        )
    if any(trial.metrics for trial in trials):
        data = metrics(seen, numbers)
        data = replace(data, number=np.array(numbers), panels={**panels, **data.panels})
    elif panels:
        told = words("What {} trials reported.", len(reported))
        data = LoggedMetrics(title="Curves", summary=told, number=np.array(numbers), panels=panels)
    else:
        return None
    data = data.in_language(words)
    drawn = _drawn(draw(data, words), "together-", words("Curves"))
    return {**drawn, "notes": data.notes, "summary": data.summary}


def report_row(step: int, value: Reported) -> list[float]:
    """Return a step and what was reported there, of each objective."""
    return [step, *(value if isinstance(value, tuple) else (value,))]


ROUTES = [
    Route("/study/{study:int}/trial/{number:int}", trial_page),
    Route("/study/{study:int}/compare", side_by_side),
]
