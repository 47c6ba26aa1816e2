"""``make demo``: one pipeline tuned on real data by grid search, by random search and by tunesmith, side by side.

Run it:    make demo, or python examples/demo.py [--quick]
It needs:  pip install '.[sklearn]' in a clone

Finished candidates are kept in ``tunesmith.db`` in the working directory, so the demo may be interrupted or killed at
any moment. Run again, it resumes.
"""

from __future__ import annotations

# Everything else is imported later: Ctrl-C has to be handled before those imports, which take a second or two.
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from demo_interrupts import Interrupts, block_interrupts, tell

if TYPE_CHECKING:
    from tunesmith.sklearn import BaseSearchCV
    from tunesmith.study import Study

STORAGE = "tunesmith.db"
SEED = 0
TUNED_ROWS = 1000  # of 1,797; the others tell how good the winners are
N_FOLDS = 5
N_JOBS = 2
N_TRIALS = 60  # candidates of random search, and of tunesmith
QUICK_TRIALS = 4
SESSIONS = "sessions"  # the attribute of a study that says when it was worked on: [begin, end or None] of each time

MISMATCH = (
    f"{STORAGE} holds something else than this demo's searches, or was made by another version of it or of "
    "scikit-learn. Move it away, and run the demo again."
)


def main(argv: list[str] | None = None) -> int:
    """Run the demo.

    Args:
        argv: the arguments of the command line; those of this process if None.

    Returns:
        The exit code: 0; 1 if something is in the way, which a message tells; 2 for wrong arguments; 130 after Ctrl-C.
    """
    args = sys.argv[1:] if argv is None else argv
    if unknown := [a for a in args if a != "--quick"]:
        print(f"usage: {command()} [--quick]\n\n  --quick  only a few candidates in each search")
        return 0 if unknown[0] in ("-h", "--help") else 2
    interrupts = Interrupts(farewell([]))
    searches: list[Search] = []
    try:
        load()
        interrupts.become_exceptions()
        searches = open_searches("--quick" in args)
        run(searches)
    except KeyboardInterrupt as error:
        if not hasattr(error, "told"):  # the display of a search has said what there is to say
            from spoken import said

            tell(said(farewell(searches)))
        return 130
    except ObstacleError as error:
        tell(f"demo: {error}")
        return 1
    finally:
        interrupts.become_exits()
    return 0


def command() -> str:
    """Return what the user typed to come here, as far as one can know."""
    if "MAKELEVEL" in os.environ:
        return "make demo"
    here, folder = Path(__file__), Path.cwd()
    return f"python {here.relative_to(folder) if here.is_relative_to(folder) else here}"


class ObstacleError(Exception):
    """Something outside of the program is in its way; the message says what, and what to do."""


# ------------------------------------------------------------------------------------------------------ what is tuned


def load() -> None:
    """Import what takes long."""
    import importlib

    try:
        for name in ("rich.table", "scipy.stats", "sklearn.ensemble", "sklearn.svm"):
            importlib.import_module(name)
        from tunesmith.sklearn import SearchCV  # noqa: F401 - importing it is what takes long
    except ImportError as error:
        raise ObstacleError(
            f"something that it needs is not installed ({error}): run make demo, or pip install '.[sklearn]' in a clone"
        ) from error


def data() -> tuple[Any, Any, Any, Any]:
    """Return rows to tune on, rows held out, and the targets of both: handwritten digits, images of 8 x 8 pixels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    parts: tuple[Any, Any, Any, Any] = train_test_split(X, y, train_size=TUNED_ROWS, stratify=y, random_state=SEED)
    return parts


class Search(NamedTuple):
    """One row of the table.

    Attributes:
        name: what it is called.
        search: does it.
        wanted: how many candidates it is to try.
        study: where they are kept.
    """

    name: str
    search: BaseSearchCV
    wanted: int
    study: Study

    def n_finished(self) -> int:
        """Return how many candidates are finished."""
        return sum(t.state.is_finished() for t in self.study.trials)


def open_searches(quick: bool) -> list[Search]:
    """Return four searches of the same pipeline on the same folds; two try the same number of candidates.

    Args:
        quick: whether a few candidates are enough.
    """
    from scipy.stats import loguniform, randint
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import ParameterGrid
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import SVC

    from tunesmith import Categorical, Float, Int
    from tunesmith.sklearn import GridSearchCV, RandomizedSearchCV, SearchCV

    pipeline = Pipeline([("scale", StandardScaler()), ("reduce", "passthrough"), ("model", SVC())])
    scalers = {"standard": StandardScaler(), "range": MinMaxScaler(), "none": "passthrough"}
    pca, svm, neighbours = PCA(svd_solver="full"), SVC(), KNeighborsClassifier()
    trees = ExtraTreesClassifier(n_estimators=50, random_state=SEED)

    # scikit-learn's way to say that parameters belong to a choice: a dict for each combination of such choices
    models_grid = [
        {"model": [svm], "model__C": [1, 10, 100], "model__gamma": [1e-4, 1e-3, 1e-2, 1e-1]},
        {"model": [neighbours], "model__n_neighbors": [1, 3, 9], "model__weights": ["uniform", "distance"]},
        {"model": [trees], "model__max_features": [0.05, 0.3], "model__min_samples_leaf": [1, 4]},
    ]
    reductions_grid = [{"reduce": ["passthrough"]}, {"reduce": [pca], "reduce__n_components": [30]}]
    grid = [{"scale": list(scalers.values()), **r, **m} for r in reductions_grid for m in models_grid]
    models_random = [
        {"model": [svm], "model__C": loguniform(1e-2, 1e3), "model__gamma": loguniform(1e-5, 1e1)},
        {"model": [neighbours], "model__n_neighbors": randint(1, 31), "model__weights": ["uniform", "distance"]},
        {"model": [trees], "model__max_features": loguniform(0.02, 1), "model__min_samples_leaf": randint(1, 21)},
    ]
    reductions_random = [{"reduce": ["passthrough"]}, {"reduce": [pca], "reduce__n_components": randint(5, 61)}]
    distributions = [{"scale": list(scalers.values()), **r, **m} for r in reductions_random for m in models_random]
    # ours
    space = {
        "scale": Categorical(scalers),
        "reduce": Categorical({"none": "passthrough", "pca": pca}),
        "reduce__n_components": Int(5, 60).when(reduce="pca"),
        "model": Categorical({"svm": svm, "neighbours": neighbours, "trees": trees}),
        "model__C": Float(1e-2, 1e3, log=True).when(model="svm"),
        "model__gamma": Float(1e-5, 1e1, log=True).when(model="svm"),
        "model__n_neighbors": Int(1, 30).when(model="neighbours"),
        "model__weights": Categorical(["uniform", "distance"]).when(model="neighbours"),
        "model__max_features": Float(0.02, 1, log=True).when(model="trees"),
        "model__min_samples_leaf": Int(1, 20).when(model="trees"),
    }
    n_trials = QUICK_TRIALS if quick else N_TRIALS
    if quick:
        grid = [{**grid[0], "model__C": [10], "model__gamma": [1e-3]}]
    made = {
        "default": (GridSearchCV(pipeline, {}), 1),
        "grid": (GridSearchCV(pipeline, grid), len(ParameterGrid(grid))),
        "random": (RandomizedSearchCV(pipeline, distributions, n_iter=n_trials, random_state=SEED), n_trials),
        "tunesmith": (SearchCV(pipeline, space, n_trials=n_trials, sampler="auto", random_state=SEED), n_trials),
    }
    check_file()
    with obstacles():
        return [opened(name, search, wanted) for name, (search, wanted) in made.items()]


def opened(name: str, search: BaseSearchCV, wanted: int) -> Search:
    """Set what all searches have in common, and open the study that a search keeps its candidates in."""
    from tunesmith.study import create_study

    study_name = f"demo-{name}"
    search.set_params(cv=N_FOLDS, n_jobs=N_JOBS, storage=STORAGE, study_name=study_name, progress=True)
    search.how_to_resume = command()
    try:
        study = create_study(
            storage=STORAGE, study_name=study_name, direction="maximize", seed=SEED, load_if_exists=True
        )
    except ValueError as error:  # such a study is there, and minimises
        raise ObstacleError(f"{error}\n{MISMATCH}") from error
    return Search(name, search, wanted, study)


def check_file() -> None:
    """Make sure that the file, if it is there, is not another program's."""
    import sqlite3
    from contextlib import closing

    path = Path(STORAGE).absolute()
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    except sqlite3.Error:
        return  # the storage has better words for what is wrong with it
    if tables and not any(name.startswith("tunesmith") for name in tables):
        raise ObstacleError(
            f"{path} is the database of another program (it holds {', '.join(tables[:5])}); "
            f"move it away, or run the demo in another folder"
        )


@contextmanager
def obstacles() -> Iterator[None]:
    """Turn what is no mistake of the program into something to be told without a traceback."""
    from concurrent.futures.process import BrokenProcessPool

    from tunesmith.errors import ResumeError, StorageError

    try:
        yield
    except BrokenProcessPool as error:
        raise ObstacleError(
            "a process that fits models was killed; is there too little memory? What is finished is kept in "
            f"{STORAGE}. To go on:\n  {command()}"
        ) from error
    except StorageError as error:
        raise ObstacleError(f"{error}\nThe demo keeps its results in {os.path.abspath(STORAGE)}.") from error
    except ResumeError as error:
        raise ObstacleError(f"{error}\n{MISMATCH}") from error


# ------------------------------------------------------------------------------------------------------------ running


def run(searches: list[Search]) -> None:
    """Search, or go on with it, and show what came out."""
    X, X_held, y, y_held = data()
    say(
        f"Handwritten digits, {len(X):,} to tune on and {len(X_held):,} held out: which digit is it?\n"
        "A scaler or none, a PCA or none, then SVC, nearest neighbours or extra trees.\n"
        f"Accuracy by {N_FOLDS}-fold cross-validation.\n"
        f"What is finished is kept in {STORAGE}. Ctrl-C at any moment; to go on:\n  {command()}"
    )
    known = sum(s.n_finished() for s in searches)
    if known:
        say(f"\nResuming: {known} finished candidates were found in {STORAGE} and are not fitted again.", "bold")
    if any(s.n_finished() < s.wanted for s in searches):
        say(f"\nStarting {N_JOBS} processes.")
        with obstacles():
            start_workers()
    scores = []
    for i, search in enumerate(searches, 1):
        left = search.wanted - search.n_finished()
        heading = f"\n[{i}/{len(searches)}] {search.name}: {search.wanted} candidate{'s' * (search.wanted > 1)}"
        say(heading if left > 0 else f"{heading}, finished before")
        search.search.set_params(progress=left > 0)
        with obstacles(), session(search):
            search.search.fit(X, y)
        scores.append(float(search.search.score(X_held, y_held)))
    show(searches, scores, len(X_held))
    fitted = sum(s.n_finished() for s in searches) - known
    say(
        f"\nIn this run {fitted:,} candidates were tried, and {known:,} were known. "
        f"All of it is in {STORAGE}:\n"
        f'  tunesmith.load_study(storage="{STORAGE}", study_name="{searches[-1].study.study_name}")'
    )


def start_workers() -> None:
    """Start the processes that fit models now, or it would count as time of the first search."""
    from importlib import import_module
    from multiprocessing import resource_tracker

    from joblib import Parallel, delayed

    resource_tracker.ensure_running()  # when it starts, it lets through the signals that are blocked
    block_interrupts()
    Parallel(N_JOBS)(delayed(import_module)("sklearn.ensemble") for _ in range(N_JOBS))


def say(text: str, style: str | None = None) -> None:
    """Print text, in lines as wide as the terminal."""
    from rich.console import Console
    from spoken import said

    Console(highlight=False, emoji=False, markup=False).print(said(text), style=style)


@contextmanager
def session(search: Search) -> Iterator[None]:
    """Note in a search's study when it is worked on, so that the time of all runs can be told, killed ones too."""
    if search.n_finished() >= search.wanted:  # fitting the winner again is no part of the search
        yield
        return
    before = [[begin, ended(search.study, begin, end)] for begin, end in search.study.user_attrs.get(SESSIONS, [])]
    begin = time.time()
    search.study.set_user_attr(SESSIONS, [*before, [begin, None]])
    try:
        yield
    finally:
        search.study.set_user_attr(SESSIONS, [*before, [begin, time.time()]])


def ended(study: Study, begin: float, end: float | None) -> float:
    """Return when a session ended: if it was killed, with the last candidate that it finished."""
    if end is not None:
        return end
    times: list[float] = [t.finished for t in study.trials if t.state.is_finished()]
    return max([begin, *times])


def seconds(study: Study) -> float:
    """Return how long a study was worked on, in all runs together."""
    sessions: list[tuple[float, float | None]] = study.user_attrs.get(SESSIONS, [])
    return sum(ended(study, begin, end) - begin for begin, end in sessions)


# ------------------------------------------------------------------------------------------------------ what is shown


def show(searches: list[Search], scores: list[float], n_held: int) -> None:
    """Print the table, how to read it, and the best parameters."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from spoken import said

    from tunesmith.foundation.languages import told

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(said("search"))
    for heading in ("candidates", "model fits", "seconds", "cv score", "held out"):
        table.add_column(said(heading), justify="right")
    ours = searches[-1]
    for (name, search, _, study), score in zip(searches, scores, strict=True):
        n = len(search.cv_results_["params"])
        table.add_row(
            f"{name} ({proposers(study)})" if search is ours.search else name,
            str(n),
            f"{getattr(search, 'n_fits_', n * search.n_splits_):,}",
            f"{seconds(study):.1f}",
            f"{search.best_score_:.4f}",
            f"{score:.4f}",
        )
    Console(highlight=False).print(table)
    error = max((score * (1 - score) / n_held) ** 0.5 for score in scores[1:])
    say(
        f"cv score: the best of many noisy ones, so too good. held out: accuracy on {n_held:,} digits that no search "
        f"has seen, with a standard error of {error:.4f}; smaller differences are luck. seconds: of all runs. "
        "In brackets: the sampler that proposed the candidates; 'auto' chose it."
    )
    say("\nBest parameters (tunesmith):")
    for name, value in sorted(ours.search.best_params_.items()):
        say(f"  {name} = {value:.4g}" if isinstance(value, float) else f"  {name} = {value}")
    say("\nWhat they are worth, without the digits held out (search.report_):")
    for sentence in ours.search.report_.sentences()[1:]:
        say(f"  {told(sentence)}")


def proposers(study: Study) -> str:
    """Return the names of the samplers that proposed a study's trials, the most active one first."""
    own = study.sampler.name
    # "auto" notes with each trial whom it chose, and why
    names = Counter(str(t.system_attrs.get("proposed_by", own)).partition(":")[0] for t in study.trials)
    return ", ".join(name for name, _ in names.most_common())


def farewell(searches: list[Search]) -> str:
    """Return what a user wants to know who has pressed Ctrl-C."""
    kept = ""
    if searches:
        n = sum(s.n_finished() for s in searches)
        kept = f" {n} finished candidates are kept in {os.path.abspath(STORAGE)}."
    return f"Interrupted.{kept}\nTo go on:\n  {command()}"


if __name__ == "__main__":
    sys.exit(main())
