"""Runs at several scales as arrays: what was given is read, checked, and failures are told from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunesmith.errors import ScalingError
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.text import did_you_mean, printable, shown

FORMS = ("log", "linear")
DIVERGED = 2.0  # times the median of its scale's sound runs: a run that ended there has learnt nothing
FEW_TOKENS = 0.05  # tokens for each parameter: fewer are no language model's training, but a count of steps or batches


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of one problem at several scales.

    Symbols: n runs, s scales (each a tuple of values of the scale variables), q scale variables, k hyperparameters.

    Attributes:
        scale: names of the scale variables [q].
        names: of the hyperparameters [k].
        forms: "log" or "linear" for each hyperparameter.
        scales: the scales in rising order of their product [s, q], in the user's units.
        groups: what `group` said of each scale [s]; all the empty text without groups.
        z: hyperparameters [n, k], logarithms where the form is "log".
        loss: final losses [n]; NaN: the run failed.
        cell: which of `scales` a run is of [n].
        notes: sentences on what was found in the data and what was done about it.
    """

    scale: tuple[str, ...]
    names: tuple[str, ...]
    forms: tuple[str, ...]
    scales: Floats
    groups: tuple[str, ...]
    z: Floats
    loss: Floats
    cell: Indices
    notes: tuple[str, ...]

    @property
    def failed(self) -> Mask:
        """Which runs failed [n]."""
        return np.isnan(self.loss)

    def natural(self, z: Floats) -> Floats:
        """Return hyperparameters in the user's units."""
        return np.where([form == "log" for form in self.forms], np.exp(z), z)


def read_runs(
    runs: Any,
    scale: Sequence[str],
    hyperparameters: Mapping[str, str],
    loss: str,
    group: str | None,
) -> Runs:
    """Read a table of runs.

    Args:
        runs: a data frame, a mapping of columns, or a sequence of mappings, one a run.
        scale: columns of the scale variables.
        hyperparameters: column to "log" or "linear".
        loss: column of final losses, lower is better; not finite, or above twice the median of its scale: failed.
        group: column of a category, such as a family of architectures; None: there is none.

    Raises:
        ScalingError: a column is missing, has no numbers or numbers that cannot be, or nothing is left.
    """
    wanted = [*scale, *hyperparameters, loss, *([] if group is None else [group])]
    columns = dict(zip(wanted, _columns(runs, wanted), strict=True))
    y = _numbers(columns[loss], loss, finite=False)
    if not len(y):
        raise ScalingError("there are no runs")
    sizes = np.column_stack([_positive(columns[name], name, "a scale variable") for name in scale])
    z = np.column_stack(
        [
            np.log(
                _positive(columns[name], name, f"a hyperparameter on a log scale; give {{{name!r}: 'linear'}} if not")
            )
            if form == "log"
            else _numbers(columns[name], name)
            for name, form in hyperparameters.items()
        ]
    )
    labels = np.full(len(y), "", object) if group is None else np.array([str(v) for v in columns[group]], object)
    notes: list[str] = []
    rows = _first_of_duplicates(sizes, z, y, labels)
    if len(rows) < len(y):
        notes.append(say("{} runs are the same as another to the last digit and count once.", len(y) - len(rows)))
        sizes, z, y, labels = sizes[rows], z[rows], y[rows], labels[rows]
    y = np.where(np.isfinite(y), y, np.nan)
    kinds = sorted(
        {(float(np.log(row).sum()), tuple(row), label) for row, label in zip(sizes.tolist(), labels, strict=True)}
    )
    place = {(row, label): i for i, (_, row, label) in enumerate(kinds)}
    cell = np.array([place[tuple(row), label] for row, label in zip(sizes.tolist(), labels, strict=True)])
    for i in range(len(kinds)):
        here = cell == i
        if np.isfinite(y[here]).any() and np.nanmin(y[here]) > 0:  # where most diverged, the median of all is no guide
            usual = np.median(y[here & (y <= DIVERGED * np.nanmin(y[here]))])
            y[here & (y > DIVERGED * usual)] = np.nan
    if np.isnan(y).any():
        notes.append(
            say(
                "{} of {} runs failed (no finite loss, or above twice the median of their scale): the best is taken to "
                "be elsewhere, and they are not dropped.",
                int(np.isnan(y).sum()),
                len(y),
            )
        )
    empty = [i for i in range(len(kinds)) if not np.isfinite(y[cell == i]).any()]
    if empty:
        notes.append(say("{} scales have failed runs only, and say nothing.", len(empty)))
        kept = np.isin(cell, empty, invert=True)
        z, y = z[kept], y[kept]
        kinds = [kind for i, kind in enumerate(kinds) if i not in empty]
        cell = np.unique(cell[kept], return_inverse=True)[1]
    if not len(y):
        raise ScalingError(f"no run has a finite {loss!r}")
    scales = np.array([row for _, row, _ in kinds])
    notes += _units(scale, scales)
    return Runs(
        tuple(scale),
        tuple(hyperparameters),
        tuple(hyperparameters.values()),
        scales,
        tuple(label for _, _, label in kinds),
        z,
        y,
        cell,
        tuple(notes),
    )


def _columns(runs: Any, wanted: Sequence[str]) -> list[Any]:
    if isinstance(runs, Mapping):
        known, take = list(runs), runs.__getitem__
    elif hasattr(runs, "columns"):
        known, take = list(runs.columns), runs.__getitem__
    elif isinstance(runs, Sequence) and runs and all(isinstance(run, Mapping) for run in runs):
        known = list(dict.fromkeys(key for run in runs for key in run))

        def take(name: str) -> list[Any]:
            return [run.get(name) for run in runs]
    else:
        raise ScalingError(f"runs are a data frame, a mapping of columns, or mappings, one a run; got {shown(runs)}")
    for name in wanted:
        if name not in known:
            raise ScalingError(
                f"the runs have no column {name!r}{did_you_mean(name, list(map(str, known)))}; "
                f"they have {', '.join(printable(str(k)) for k in known)}"
            )
    found = [take(name) for name in wanted]
    lengths = {name: len(column) for name, column in zip(wanted, found, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ScalingError(f"the columns have different lengths: {lengths}")
    return found


def _numbers(column: Any, name: str, finite: bool = True) -> Floats:
    try:
        values = np.asarray([np.nan if v is None else v for v in column], np.float64)
    except (TypeError, ValueError) as error:
        raise ScalingError(f"the column {name!r} has something else than numbers: {error}") from error
    if values.ndim != 1:
        raise ScalingError(f"the column {name!r} has {values.ndim} dimensions, not one")
    if finite and not np.isfinite(values).all():
        raise ScalingError(f"the column {name!r} has {int((~np.isfinite(values)).sum())} values that are not finite")
    return values


def _positive(column: Any, name: str, what: str) -> Floats:
    values = _numbers(column, name)
    if (values <= 0).any():
        raise ScalingError(f"the column {name!r} has the value {values.min():g}; it must be above 0, as {what}")
    return values


def _first_of_duplicates(sizes: Floats, z: Floats, y: Floats, labels: Any) -> Indices:
    table = np.column_stack([sizes, z, y, np.unique(labels.astype(str), return_inverse=True)[1]])
    return np.sort(np.unique(table, axis=0, return_index=True)[1])


def _units(scale: Sequence[str], scales: Floats) -> list[str]:
    kinds = {kind_of(name): scales[:, i] for i, name in enumerate(scale)}
    params, tokens = kinds.get("params"), kinds.get("tokens")
    if params is None or tokens is None or np.median(tokens / params) >= FEW_TOKENS:
        return []
    return [
        say(
            "There are {} tokens for each parameter; a training run has 1 to 1,000. If the column counts steps or "
            "batches, multiply by the tokens of one: the slopes mean nothing otherwise.",
            f"{np.median(tokens / params):.2g}",
        )
    ]


NAMES = {  # what people call them; a key is how `PUBLISHED` says it
    "lr": {"lr", "learning_rate", "learningrate", "eta", "peak_lr", "max_lr", "base_lr", "lr_max"},
    "batch": {"bs", "batch", "batch_size", "batchsize", "batch_sequences", "batch_tokens", "global_batch_size"},
    "params": {"params", "parameters", "n_params", "n", "num_params", "model_size", "non_embedding_params"},
    "tokens": {"tokens", "d", "n_tokens", "num_tokens", "train_tokens", "data", "samples", "examples"},
    "width": {"width", "d_model", "hidden", "hidden_size", "n_embd", "hidden_dim"},
}


def kind_of(name: str) -> str:
    """Return what a name stands for: a key of `NAMES`, or the name itself.

    Args:
        name: of a hyperparameter or a scale variable.
    """
    small = name.lower().replace("-", "_")
    return next((kind for kind, names in NAMES.items() if small in names), name)


def written(values: Mapping[str, float]) -> str:
    """Return named numbers as text, safe to print: ``params 1e+09, tokens 1e+11``."""
    return ", ".join(f"{printable(name)} {value:.4g}" for name, value in values.items())
