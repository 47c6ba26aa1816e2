"""Hyperopt's figures, drawn by Matplotlib; tunesmith's own are in `tunesmith.visualization`."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.base import STATUS_FAIL, STATUS_NEW, STATUS_OK, STATUS_RUNNING, loss_of

default_status_colors = {STATUS_NEW: "k", STATUS_RUNNING: "g", STATUS_OK: "b", STATUS_FAIL: "r"}
_LEGEND = 10  # lines, at most, that are named


def main_plot_history(
    trials: Any, do_show: bool = True, status_colors: Mapping[str, str] | None = None, title: str = "Loss History"
) -> None:
    """Draw the losses in their order, and the lowest one as a line.

    Args:
        do_show: whether the figure is shown at once.
        status_colors: the colour of each status.
    """
    plt = _pyplot()
    colors = default_status_colors if status_colors is None else status_colors
    points = [
        (i, y, colors.get(status, "k"))
        for i, (y, status) in enumerate(zip(trials.losses(), trials.statuses(), strict=True))
        if y is not None
    ]
    plt.scatter([i for i, _, _ in points], [y for _, y, _ in points], c=[color for _, _, color in points])
    plt.xlabel("trial")
    plt.ylabel("loss")
    plt.axhline(trials.average_best_error(), c="g")
    _finish(plt, title, do_show)


def main_plot_histogram(trials: Any, do_show: bool = True, title: str = "Loss Histogram") -> None:
    """Draw how many trials have which loss."""
    plt = _pyplot()
    plt.hist([y for y in trials.losses() if y is not None and math.isfinite(y)])
    plt.xlabel("loss")
    plt.ylabel("trials")
    _finish(plt, title, do_show)


def main_plot_vars(
    trials: Any,
    do_show: bool = True,
    fontsize: int = 10,
    colorize_best: int | None = None,
    columns: int = 5,
    arrange_by_loss: bool = False,
) -> None:
    """Draw the values of each parameter over the trials; a dark point has a low loss.

    Args:
        colorize_best: draw so many of the best trials in green.
        columns: of the grid of figures.
        arrange_by_loss: whether the loss is the horizontal axis, and not the trial.
    """
    plt = _pyplot()
    idxs, vals = trials.idxs_vals
    losses = {doc["tid"]: loss_of(doc) for doc in trials.trials}
    finite = sorted(y for y in losses.values() if math.isfinite(y))
    low, high = (finite[0], finite[-1]) if finite else (0.0, 1.0)
    best = -math.inf if not colorize_best or not finite else finite[min(colorize_best, len(finite)) - 1]
    labels = sorted(idxs)
    columns = max(1, min(columns, len(labels)))
    for place, label in enumerate(labels):
        axes = plt.subplot(math.ceil(len(labels) / columns), columns, place + 1)
        y = np.asarray(vals[label], dtype=float)
        at = [losses[tid] for tid in idxs[label]]
        colors = [_grey(loss, low, high, best) for loss in at]
        axes.set_title(label, fontsize=fontsize)
        axes.set_xticks([])
        if len(y) and y.min() > 0 and y.max() / y.min() > 100:  # that far apart, only a logarithm shows them
            axes.set_yscale("log")
        axes.scatter(at if arrange_by_loss else idxs[label], y, c=colors, edgecolors="0.5", linewidths=0.5)
    if do_show:
        plt.show()


def main_plot_1D_attachment(
    trials: Any,
    attachment_name: str,
    do_show: bool = True,
    colorize_by_loss: bool = True,
    max_darkness: float = 0.5,
    num_trails: int | None = None,
    preprocessing_fn: Callable[[Any], Any] = np.asarray,
    line_width: float = 0.1,
) -> None:
    """Draw an attachment of trials that is a pickled list of numbers, a line a trial.

    Args:
        colorize_by_loss: whether a line is darker, the higher the loss.
        max_darkness: of a line, between 0 and 1.
        num_trails: draw so many trials, evenly spread by their loss; None: all.
        preprocessing_fn: called with each list.
        line_width: of the lines.
    """
    plt = _pyplot()
    docs = sorted((doc for doc in trials.trials if math.isfinite(loss_of(doc))), key=loss_of)
    span = (loss_of(docs[-1]) - loss_of(docs[0])) or 1.0 if docs else 1.0
    if num_trails is not None and docs:
        docs = [docs[i] for i in np.linspace(0, len(docs), num_trails, endpoint=False, dtype=int)]
    for doc in docs:
        kept = trials.trial_attachments(doc)
        if attachment_name in kept:
            line = np.squeeze(np.asarray(pickle.loads(kept[attachment_name])))
            if line.ndim == 1:
                darkness = max_darkness * (loss_of(doc) - loss_of(docs[0])) / span
                color = (0.0, 0.0, 0.0, darkness) if colorize_by_loss else None
                label = f"loss: {loss_of(doc):.5}"
                plt.plot(preprocessing_fn(line), color=color, linewidth=line_width, label=label)
    if len(docs) < _LEGEND:
        plt.legend()
    _finish(plt, attachment_name, do_show)


def _grey(loss: float, low: float, high: float, best: float) -> tuple[float, float, float]:
    """Return the colour of a point: black for the lowest loss, white for the highest and for none."""
    if not math.isfinite(loss):
        return 1.0, 1.0, 1.0
    if loss <= best:
        return 0.0, 0.7, 0.0
    t = (loss - low) / ((high - low) or 1.0)
    return t, t, t


def _finish(plt: Any, title: str, do_show: bool) -> None:
    plt.title(title)
    if do_show:
        plt.show()


def _pyplot() -> Any:
    from tunesmith.errors import MissingDependencyError

    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingDependencyError("Hyperopt's figures are drawn by Matplotlib: pip install matplotlib") from None
    return plt
