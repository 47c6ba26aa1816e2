"""The bootstrap of a choice: it is made again on resampled units, and judged on the units left out.

Symbols: U units, C candidates, B resamples; k[B, U] how often a resample drew a unit. One matrix product gives the
means of all candidates on a chunk of resamples. A chunk holds CHUNK_CELLS numbers, so memory does not grow with B. Of
many rows, `LossTable` makes blocks, so that U stays below MAX_UNITS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.numerics.arrays import Floats, Indices, Singles
from tunesmith.selection.gains import Moments, PairedGains

MAX_UNITS = 2048
CHUNK_CELLS = 4_000_000

Leaders = Callable[[NDArray[np.floating], NDArray[np.floating]], Indices]


@dataclass(frozen=True)
class BootstrapChoices:
    """What each of B resamples chose; all gains are over the same reference.

    Attributes:
        picked: [B], position of the candidate that led on the units drawn.
        gain: [B], its mean gain there.
        error: [B], the standard error of that gain.
        oob_picked: [B], its mean gain on the units left out.
        oob_leader: [B], on the same units, that of the candidate that leads on all units.
    """

    picked: Indices
    gain: Floats
    error: Floats
    oob_picked: Floats
    oob_leader: Floats


def bootstrap(
    gains: PairedGains,
    leaders: Leaders,
    leader: int,
    *,
    strata: Indices | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> BootstrapChoices:
    """Draw units with replacement, choose by `leaders`, and evaluate the choice on the units left out.

    `leaders` maps gain[B, C] and error[B, C] to the positions [B] of the candidates that lead; `leader` leads on all
    units. As many units of each of `strata` [U] are drawn as there are. Resamples that leave out no unit do not count.
    """
    rng = np.random.default_rng([seed, 632])
    weights = gains.weights.astype(np.float32)
    moments = Moments(gains, np.float32)

    parts = []
    for k in _draws(rng, strata, len(weights), n_resamples, max(1, CHUNK_CELLS // max(gains.losses.shape))):
        out = (k == 0) * weights
        some = out.any(axis=1)
        out, bag = out[some], k[some] * weights
        out /= out.sum(axis=1, keepdims=True)
        bag /= bag.sum(axis=1, keepdims=True)
        mean, error = moments.gains(bag)
        picked = leaders(mean, error)
        at = np.arange(len(picked)), picked
        parts.append((picked, mean[at], error[at], moments.gain(out, picked), moments.gain(out, leader)))
    picked, *figures = (np.concatenate(part) for part in zip(*parts, strict=True))
    return BootstrapChoices(picked, *(figure.astype(np.float64) for figure in figures))


def _draws(rng: np.random.Generator, strata: Indices | None, n: int, n_resamples: int, chunk: int) -> Iterator[Singles]:
    """Yield k[b, U] in chunks, for `n_resamples` resamples in all."""
    groups = [np.arange(n)] if strata is None else [np.flatnonzero(strata == label) for label in np.unique(strata)]
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start)
        k = np.zeros((size, n), np.float32)
        for group in groups:
            k[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size)
        yield k
