"""Scrambled Sobol' sequences, the same points as those of ``scipy.stats.qmc.Sobol``.

``scipy.stats`` takes as long to import as thirty proposals take, and the first points of a search need nothing else of
it. So the sequences of up to `MAX_OWN_DIMENSIONS` are made here, and those of more by SciPy.

Direction numbers: Joe & Kuo, "Constructing Sobol' sequences with better two-dimensional projections" (SIAM J. Sci.
Comput. 30, 2008). Scrambling: a random lower triangular matrix of bits for each dimension and a digital shift
(Matousek, J. Complexity 14, 1998).
"""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats

BITS = 30  # of each coordinate
# For each dimension after the first: its primitive polynomial as a number, and the first direction numbers.
TABLE = """
3:1 7:1,3 11:1,3,1 13:1,1,1 19:1,1,3,3 25:1,3,5,13 37:1,1,5,5,17 41:1,1,5,5,5 47:1,1,7,11,19 55:1,1,5,1,1
59:1,1,1,3,11 61:1,3,5,5,31 67:1,3,3,9,7,49 91:1,1,1,15,21,21 97:1,3,1,13,27,49 103:1,1,1,15,7,5 109:1,3,1,15,13,25
115:1,1,5,5,19,61 131:1,3,7,11,23,15,103 137:1,3,7,13,13,15,69 143:1,1,3,13,7,35,63 145:1,3,5,9,1,25,53
157:1,3,1,13,9,35,107 167:1,3,1,5,27,61,31 171:1,1,5,11,19,41,61 185:1,3,5,3,3,13,69 191:1,1,7,13,1,19,1
193:1,3,7,5,13,19,59 203:1,1,3,9,25,29,41 211:1,3,5,13,23,1,55 213:1,3,7,3,13,59,17 229:1,3,1,3,5,53,69
239:1,1,5,5,23,33,13 241:1,1,7,7,1,61,123 247:1,1,7,9,13,61,49 253:1,3,3,5,3,55,33 285:1,3,1,15,31,13,49,245
299:1,3,5,15,31,59,63,97 301:1,3,1,11,11,11,77,249
"""
DIRECTIONS = TABLE.split()
MAX_OWN_DIMENSIONS = len(DIRECTIONS) + 1


def sobol(d: int, n: int, seed: int | None, start: int = 0) -> Floats:
    """Return points [n, d] of a Sobol' sequence in [0, 1)ᵈ.

    Args:
        n: how many points.
        seed: of the scrambling; None: the sequence as it is, which begins at 0.
        start: how many points are left out before them.
    """
    if d > MAX_OWN_DIMENSIONS:
        from scipy.stats import qmc

        engine = qmc.Sobol(d, scramble=seed is not None, bits=BITS, seed=np.random.default_rng(seed))
        return np.asarray((engine.fast_forward(start) if start else engine).random(n))
    directions = np.array([_directions(text) for text in ("1:", *DIRECTIONS[: d - 1])], np.uint32)  # [d, BITS]
    shift = np.zeros(d, np.uint32)
    if seed is not None:
        rng = np.random.default_rng(seed).spawn(1)[0]
        place = np.arange(BITS, dtype=np.uint32)
        shift = rng.integers(2, size=(d, BITS), dtype=np.uint32) @ (np.uint32(1) << place)
        matrix = np.tril(rng.integers(2, size=(d, BITS, BITS), dtype=np.uint32), -1) + np.eye(BITS, dtype=np.uint32)
        bits = directions[:, None, :] >> place[::-1, None] & 1  # [d, bit of the number, number], the highest bit first
        directions = ((matrix @ bits & 1) << place[::-1, None]).sum(axis=1, dtype=np.uint32)
    index = np.arange(start, start + n, dtype=np.uint32)
    gray = index ^ index >> 1  # two that follow one another differ in one bit
    points = np.repeat(shift[None], n, axis=0)
    for j in range(int(gray.max(initial=0)).bit_length()):
        points ^= (gray >> j & 1)[:, None] * directions[:, j]
    scaled: Floats = points / 2.0**BITS
    return scaled


def _directions(text: str) -> list[int]:
    """Return the direction numbers [BITS] of a dimension, each shifted to its place."""
    polynomial, first = text.split(":")
    p = int(polynomial)
    degree = p.bit_length() - 1
    m = [int(number) for number in first.split(",")] if first else [1] * BITS
    while len(m) < BITS:  # m_j = m_{j-s} xor the sum of 2^k a_k m_{j-k}
        new = m[-degree]
        for k in range(1, degree + 1):
            if p >> (degree - k) & 1:
                new ^= m[-k] << k
        m.append(new)
    return [number << (BITS - 1 - j) for j, number in enumerate(m)]
