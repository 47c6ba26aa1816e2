"""The page of one trial."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import Wrong, live_study, render, seen_of, studies_of, words_for
from tunesmith.dashboard.views import NOTE
from tunesmith.foundation.formats import json_value
from tunesmith.foundation.languages import Words
from tunesmith.history.curves import Reported
from tunesmith.study import Study, is_asked_to_stop
from tunesmith.study.snapshot import Snapshot
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import TrialRecord
from tunesmith.visualization.columns import objective_names
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.metrics import metrics
from tunesmith.visualization.plotly_style import BLUE, Dict, axis, name_of, scatter
from tunesmith.visualization.svg_style import as_svg, said_of_points

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
    several = len(study.directions) > 1
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
            "logged": drawn_metrics(seen_of(request), number, logged, words) if logged else None,
            "artifacts": artifacts,
            "note": str(trial.user_attrs.get(NOTE, "")),
            "attributes": {k: v for k, v in trial.user_attrs.items() if k != NOTE},
            "like": json.dumps({k: json_value(v) for k, v in trial.params.items()}, ensure_ascii=False),
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
    drawn = {kind: as_svg(figure, kind, words("Curve"), width) for kind, width in CURVE_WIDTHS.items()}
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
    figure = draw(data, words)
    drawn = {kind: as_svg(figure, f"metrics-{kind}", words("Metrics"), width) for kind, width in CURVE_WIDTHS.items()}
    last = [(name, len(step), int(step[-1]), float(value[-1])) for name, (step, value) in sorted(logged.items())]
    best = None if len(seen.directions) > 1 else seen.find_best()
    two = "" if best is None or best.number == number else f"number in ({best.number}, {number})"
    return {"told": said_of_points(figure), "drawn": drawn, "notes": data.notes, "last": last, "compared": two}


def report_row(step: int, value: Reported) -> list[float]:
    """Return a step and what was reported there, of each objective."""
    return [step, *(value if isinstance(value, tuple) else (value,))]


ROUTES = [Route("/study/{study:int}/trial/{number:int}", trial_page)]
