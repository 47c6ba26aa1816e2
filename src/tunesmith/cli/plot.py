"""``tunesmith plot``: a figure of a study, as a file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import click

from tunesmith.cli.options import json_option, look_at, storage_argument, target_of, target_option
from tunesmith.cli.output import say
from tunesmith.foundation.reader import language
from tunesmith.foundation.system.replacing import replacing, write_text
from tunesmith.foundation.text import did_you_mean, listing

PAGES = (".html",)
NOT_OF_STUDIES = {  # figures of searches in Python, and of scaling laws
    *("racing", "honest_score"),
    *("calibration", "column_importances", "confusion", "learning_curve", "predictions", "residuals"),
    *("scaling_bowls", "scaling_coverage", "scaling_optimum", "scaling_plan"),
}


@click.command()
@click.argument("figure")
@storage_argument
@click.option("--study", "names", multiple=True, metavar="NAME", help="The study; some figures compare several.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; by default FIGURE.html or FIGURE.png.",
)
@click.option("--param", "params", multiple=True, metavar="NAME", help="Only these parameters; may be repeated.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Of what trials logged; may be repeated.")
@click.option(
    "--trial", "trials", multiple=True, type=click.IntRange(0), help="Only these, of metrics; may be repeated."
)
@target_option
@json_option
def plot(
    figure: str,
    storage: str,
    names: tuple[str, ...],
    output: Path | None,
    params: tuple[str, ...],
    metrics: tuple[str, ...],
    trials: tuple[int, ...],
    target: str | None,
    as_json: bool,
) -> None:
    """Draw a figure of a study: FIGURE is history, slice, contour, importances and others.

    A page (.html) is made by Plotly, a picture (.png, .svg, .pdf) by Matplotlib.
    """
    make = _maker(figure)
    studies = [look_at(storage, name) for name in names or (None,)]
    file = output or Path(f"{figure}.html" if _has("plotly") else f"{figure}.png")
    page = file.suffix.lower() in PAGES
    settings: dict[str, Any] = {"backend": "arrays"}
    known = inspect.signature(make).parameters
    chosen_by = "objective" if "objective" in known else "target"
    lists = [("param", params, "params"), ("trial", trials, "trials"), ("metric", metrics, "names")]
    if "metric" in known:
        if len(metrics) > 1:
            raise click.UsageError(f"the figure {figure!r} shows one --metric; `tunesmith plot metrics` shows several")
        lists[-1] = ("metric", metrics[:1], "metric")
    for option, given, name in (*lists, ("target", target, chosen_by)):
        if given and name not in known:
            raise click.UsageError(f"the figure {figure!r} has no --{option}")
    settings |= {name: given[0] if name == "metric" else list(given) for _, given, name in lists if given}
    if chosen_by in known:
        settings[chosen_by] = target_of(studies[0], target)
    try:
        data = make(studies[0] if len(studies) == 1 else studies, **settings)
        if page:
            write_text(file, data.drawn("plotly").to_html(include_plotlyjs=True))
        else:
            from tunesmith.visualization.matplotlib_style import fonts

            with fonts(language()), replacing(file) as part:
                made = data.drawn("matplotlib")
                getattr(made, "figure", made).savefig(part, dpi=150, bbox_inches="tight")
    except (ValueError, RuntimeError, TypeError) as error:
        raise click.ClickException(str(error)) from error
    say(as_json, str(file), file=str(file))


def _has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def _maker(figure: str) -> Any:
    """Return the function that makes a figure of this name."""
    from tunesmith.foundation import registry

    known = registry.names("figures").keys() - NOT_OF_STUDIES
    short = {"history": "optimization_history", "importances": "param_importances"}.get(figure, figure)
    short = short.removeprefix("plot_").replace("-", "_")
    if short not in known:
        raise click.UsageError(
            f"there is no figure {figure!r}{did_you_mean(figure, known)}; there are {listing(sorted(known), 30)}"
        )
    return registry.load_registered("figures", short)
