"""A golden record of what tunesmith proposes and reports, to compare before and after a change that moves code.

    python .ci/golden.py record FILE     # before the first move
    python .ci/golden.py compare FILE    # after each: prints what differs, and ends with 1 if anything does

It goes through the public names alone, so that it survives a move. The record holds every digit: make and compare it on
one machine, with the same versions and with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1. Times are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tunesmith as ts
from tunesmith import Categorical, Float, Int, Ordinal, Space, TrialState
from tunesmith.foundation import registry

Record = dict[str, Any]


def spaces() -> dict[str, Space]:
    conditional = Space(
        model=["svm", "forest"],
        kernel=Categorical(["linear", "rbf"]).when(model="svm"),
        gamma=Float(1e-3, 1e3, log=True).when(kernel="rbf"),
        depth=Int(1, 12).when(model=["forest"]),
    )
    return {
        "flat": Space(x=Float(-5, 5), lr=Float(1e-5, 1e-1, log=True), q=Float(0, 1, step=0.25)),
        "mixed": Space(
            x=Float(0, 1),
            n=Int(1, 64, log=True),
            act=Categorical(["relu", "tanh", None]),
            size=Ordinal(["s", "m", "l"]),
        ),
        "conditional": conditional,
        "constrained": Space(low=Int(0, 9), high=Int(0, 9), x=Float(0, 1), constraints=lambda low, high: low < high),
        "finite": Space(a=[1, 2, 3], b=Int(0, 4)),
    }


def score(params: dict[str, Any]) -> float:
    """A smooth value of any point, the same on each machine but for the last digits."""
    total = 0.0
    for i, (_, value) in enumerate(sorted(params.items())):
        number = float(len(str(value))) if value is None or isinstance(value, str) else float(value)
        total += (math.log1p(abs(number)) - 0.3 * (i + 1)) ** 2 + 0.1 * math.sin(3 * number)
    return total


def state_of_sampler(trial: Any) -> int:
    return trial.sampler_state if hasattr(trial, "sampler_state") else trial.tag  # the name before


def state_of(study: ts.Study) -> list[Any]:
    return [
        [
            t.number,
            t.state.name,
            list(t.params.items()),
            t.values,
            t.attempt,
            state_of_sampler(t),
            dict(t.system_attrs),
            t.reason,
        ]
        for t in study.trials
    ]


def objective(trial_params: dict[str, Any], number: int, m: int) -> Any:
    value = score(trial_params)
    if number % 7 == 5:
        raise ValueError("diverged")
    if number % 11 == 8:
        return math.nan
    return value if m == 1 else [value, score({"z": value, **trial_params}) - value]


def a_sampler(name: str) -> Any:
    return ts.samplers.GridSampler(resolution=3) if name == "grid" else name


def serial(sampler: str, space: Space, m: int, n: int, constrained: bool = False) -> list[Any]:
    """Ask and tell one after the other, with failures, NaN, pruned and enqueued trials."""
    study = ts.create_study(sampler=a_sampler(sampler), directions=["minimize", "maximize"][:m], seed=11)
    study.declare(space)
    study.enqueue_trial(space.decode(space.sample(np.random.default_rng(3), 1))[0])
    for _ in range(n):
        try:
            trial = study.ask()
        except ts.SpaceExhaustedError:
            break
        params = trial.take_whole()
        if constrained:
            trial.set_constraint("c", score(params) - 1.0)
        try:
            value = objective(params, trial.number, m)
        except ValueError:
            study.tell(trial, state=TrialState.FAIL)
            continue
        if m == 1 and trial.number % 13 == 9:
            trial.report(value, 0)
            study.tell(trial, state=TrialState.PRUNED)
            continue
        study.tell(trial, value)
    return state_of(study)


def pending(sampler: str, space: Space, n: int) -> list[Any]:
    """Three trials run at any time, and end in another order than they began."""
    study = ts.create_study(sampler=a_sampler(sampler), seed=5)
    study.declare(space)
    running: list[Any] = []
    for k in range(n):
        try:
            while len(running) < 3:
                running.append(study.ask())
        except ts.SpaceExhaustedError:
            pass
        if not running:
            break
        trial = running.pop((2 * k) % len(running))
        study.tell(trial, score(trial.take_whole()))
    return state_of(study)


def resumed(sampler: str, space: Space, n: int) -> list[Any]:
    """A third of the trials each in a new study object over one file; an interrupted one is left behind each time."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/golden.db"
        for _ in range(3):
            study = ts.create_study(
                sampler=a_sampler(sampler), seed=7, storage=url, study_name="golden", load_if_exists=True
            )
            study.declare(space)
            for _ in range(n // 3):
                try:
                    trial = study.ask()
                except ts.SpaceExhaustedError:
                    break
                study.tell(trial, score(trial.take_whole()))
            with contextlib.suppress(ts.SpaceExhaustedError):
                left = study.ask()
                study.release([left.number])
        return state_of(study)


def define_by_run(sampler: str) -> list[Any]:
    def run(trial: Any) -> float:
        params = {"x": trial.suggest_float("x", -3, 3), "kind": trial.suggest_categorical("kind", ["a", "b"])}
        if params["kind"] == "b":
            params["n"] = trial.suggest_int("n", 1, 20)
        if trial.number % 6 == 4:
            raise ValueError("diverged")
        for step in range(3):
            trial.report(score(params) + 1 / (1 + step), step)
            if trial.should_prune():
                raise ts.TrialPruned
        return score(params)

    study = ts.create_study(sampler=a_sampler(sampler), pruner="median", direction="maximize", seed=2)
    study.optimize(run, n_trials=24, catch=ValueError)
    return state_of(study)


def samplers() -> dict[str, Callable[[], Any]]:
    made: dict[str, Callable[[], Any]] = {}
    for sampler in registry.SAMPLERS:
        for name, space in spaces().items():
            made[f"sampler {sampler} {name}"] = lambda sampler=sampler, space=space: serial(sampler, space, 1, 32)
            made[f"sampler {sampler} {name} two"] = lambda sampler=sampler, space=space: serial(sampler, space, 2, 28)
        for name in ("flat", "conditional", "constrained"):
            space = spaces()[name]
            made[f"sampler {sampler} {name} constraints"] = lambda sampler=sampler, space=space: serial(
                sampler, space, 1, 28, True
            )
            made[f"sampler {sampler} {name} pending"] = lambda sampler=sampler, space=space: pending(sampler, space, 24)
            made[f"sampler {sampler} {name} resumed"] = lambda sampler=sampler, space=space: resumed(sampler, space, 24)
        made[f"sampler {sampler} define-by-run"] = lambda sampler=sampler: define_by_run(sampler)
    return made


# -------------------------------------------------------------------------------------------------------------- study


def confirmed(**settings: Any) -> Any:
    study = ts.create_study(seed=4)
    study.enqueue_trial({"x": 0.5, "n": 3})
    study.optimize(noisy, n_trials=20)
    report = study.confirm(noisy, top_k=3, repeats=3, **settings)
    return [str(report), {k: v for k, v in study.system_attrs.items() if k.startswith("confirm")}, study.recommend()]


def noisy(trial: Any) -> float:
    x, n = trial.suggest_float("x", -2, 2), trial.suggest_int("n", 1, 9)
    return float((x - 1) ** 2 + 0.1 * n + 0.3 * np.random.default_rng(trial.seed).standard_normal())


def converged() -> Any:
    study = ts.create_study(seed=1)
    study.optimize(lambda x: (x - 1) ** 2, n_trials=80, space={"x": Float(-5, 5)}, stop="converged")
    return [state_of(study), study.stop_reason]


def warm() -> Any:
    first = ts.create_study(seed=1, study_name="first")
    first.optimize(lambda x, y: (x - 1) ** 2 + y, n_trials=30, space={"x": Float(-5, 5), "y": Float(0, 1)})
    second = ts.create_study(seed=2, warm_start_from=[first])
    second.optimize(lambda x, y: (x - 1.3) ** 2 + y, n_trials=20, space={"x": Float(-5, 5), "y": Float(0, 1)})
    third = ts.create_study(seed=3)
    third.declare(Space(x=Float(-5, 5), y=Float(0, 1)))
    third.add_trials(first)
    third.optimize(lambda x, y: (x - 1.3) ** 2 + y, n_trials=10, space={"x": Float(-5, 5), "y": Float(0, 1)})
    return [
        state_of(second),
        state_of(third),
        ts.minimize(lambda x: x * x, {"x": Float(-1, 2)}, n_trials=15, seed=0).best_params,
    ]


def studies() -> dict[str, Callable[[], Any]]:
    return {
        "study confirm": confirmed,
        "study confirm risky": lambda: confirmed(prefer_default=False, level=0.8),
        "study confirm default": lambda: confirmed(default={"x": 0.0, "n": 9}),
        "study converged": converged,
        "study warm": warm,
    }


# ------------------------------------------------------------------------------------------------------- scikit-learn


def table_of(search: Any) -> Record:
    """All that does not name a time."""
    return {k: np.asarray(v).tolist() for k, v in search.cv_results_.items() if "time" not in k}


def fitted(search: Any, X: Any, y: Any, **fit: Any) -> Any:
    from tunesmith.sklearn import SearchCV

    search.fit(X, y, **fit)
    found: list[Any] = [
        table_of(search),
        getattr(search, "best_index_", None),
        search.best_params_ if hasattr(search, "best_params_") else None,
    ]
    if isinstance(search, SearchCV):
        report, score = search.report_, search.honest_score_
        found += [str(report), report._repr_html_() if hasattr(report, "_repr_html_") else None, repr(score)]
        found += [search.n_fits_, search.n_fits_saved_, state_without_times(search.study_)]
    return found


def state_without_times(study: ts.Study) -> list[Any]:
    kept = []
    for t in study.trials:
        notes = dict(t.user_attrs)
        for note in notes.values():
            if isinstance(note, dict):
                note.pop("fit", None), note.pop("score", None)
        kept.append([t.number, t.state.name, list(t.params.items()), t.values, notes, t.reason, state_of_sampler(t)])
    return kept


def searches() -> dict[str, Callable[[], Any]]:
    from sklearn.datasets import make_classification, make_regression
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge, SGDRegressor
    from sklearn.model_selection import GroupKFold, KFold, ParameterGrid, ShuffleSplit, TimeSeriesSplit  # noqa: F401  (kinds of splitters in one place)
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    from tunesmith.sklearn import (
        GridSearchCV,
        HalvingGridSearchCV,
        HalvingRandomSearchCV,
        RandomizedSearchCV,
        SearchCV,
    )

    Xc, yc = make_classification(160, 8, n_informative=4, random_state=0)
    Xm, ym = make_classification(200, 8, n_informative=5, n_classes=3, random_state=1)
    Xr, yr = make_regression(120, 6, noise=20.0, random_state=0)
    Xi, yi = make_classification(200, 6, weights=[0.93], random_state=2)
    rare = yi.astype(int)
    groups = np.repeat(np.arange(20), 8)
    C = {"C": "log(1e-3, 1e3)"}
    svc = {"C": "log(1e-2, 1e2)", "gamma": "log(1e-4, 1)", "kernel": ["rbf", "linear"]}
    tree = {"max_depth": Int(1, 12), "min_samples_leaf": Int(1, 30)}
    cv = KFold(4, shuffle=True, random_state=0)
    lr = LogisticRegression(max_iter=300)
    pipe = make_pipeline(StandardScaler(), SVC())
    in_pipe = {"svc__C": "log(1e-2, 1e2)", "svc__gamma": "log(1e-4, 1)"}
    choice = Space(
        clf=Categorical({"lr": lr, "tree": DecisionTreeClassifier(random_state=0)}),
        clf__max_depth=Int(1, 9).when(clf="tree"),
    )
    pipe2 = make_pipeline(StandardScaler(), lr)
    pipe2.steps[-1] = ("clf", lr)
    s: dict[str, Callable[[], Any]] = {
        "search plain": lambda: fitted(SearchCV(lr, C, n_trials=20, cv=cv, random_state=0), Xc, yc),
        "search svc": lambda: fitted(SearchCV(SVC(), svc, n_trials=20, cv=5, random_state=1), Xc, yc),
        "search wilcoxon": lambda: fitted(
            SearchCV(SVC(), svc, n_trials=15, cv=8, racing="wilcoxon", random_state=1), Xc, yc
        ),
        "search regression": lambda: fitted(
            SearchCV(Ridge(), {"alpha": "log(1e-3, 1e3)"}, n_trials=15, cv=cv, random_state=0), Xr, yr
        ),
        "search mae": lambda: fitted(
            SearchCV(
                Ridge(),
                {"alpha": "log(1e-3, 1e3)"},
                n_trials=15,
                cv=cv,
                random_state=0,
                scoring="neg_mean_absolute_error",
            ),
            Xr,
            yr,
        ),
        "search auc": lambda: fitted(
            SearchCV(
                DecisionTreeClassifier(random_state=0), tree, n_trials=15, cv=5, random_state=0, scoring="roc_auc"
            ),
            Xc,
            yc,
        ),
        "search rare": lambda: fitted(
            SearchCV(
                DecisionTreeClassifier(random_state=0),
                tree,
                n_trials=15,
                cv=5,
                random_state=0,
                scoring="average_precision",
            ),
            Xi,
            rare,
        ),
        "search recall": lambda: fitted(
            SearchCV(DecisionTreeClassifier(random_state=0), tree, n_trials=12, cv=5, random_state=0, scoring="recall"),
            Xi,
            rare,
        ),
        "search three classes": lambda: fitted(
            SearchCV(SVC(), svc, n_trials=15, cv=5, random_state=1, scoring="balanced_accuracy"), Xm, ym
        ),
        "search multimetric": lambda: fitted(
            SearchCV(lr, C, n_trials=12, cv=cv, random_state=0, scoring=["accuracy", "roc_auc"], refit="roc_auc"),
            Xc,
            yc,
        ),
        "search groups": lambda: fitted(
            SearchCV(lr, C, n_trials=12, cv=GroupKFold(5), random_state=0), Xc, yc, groups=groups
        ),
        "search series": lambda: fitted(
            SearchCV(Ridge(), {"alpha": "log(1e-3, 1e3)"}, n_trials=12, cv=TimeSeriesSplit(4), random_state=0), Xr, yr
        ),
        "search shuffle": lambda: fitted(
            SearchCV(lr, C, n_trials=12, cv=ShuffleSplit(6, random_state=0), random_state=0), Xc, yc
        ),
        "search reshuffle": lambda: fitted(
            SearchCV(SVC(), svc, n_trials=20, cv=ShuffleSplit(3, random_state=0), reshuffle=True, random_state=0),
            Xc,
            yc,
        ),
        "search pipeline": lambda: fitted(SearchCV(pipe, in_pipe, n_trials=14, cv=cv, random_state=0), Xc, yc),
        "search choice": lambda: fitted(SearchCV(pipe2, choice, n_trials=14, cv=cv, random_state=0), Xc, yc),
        "search no default": lambda: fitted(
            SearchCV(lr, C, n_trials=12, cv=cv, random_state=0, prefer_default=None), Xc, yc
        ),
        "search best": lambda: fitted(
            SearchCV(lr, C, n_trials=12, cv=cv, random_state=0, prefer_default=False, confirm=0), Xc, yc
        ),
        "search risk": lambda: fitted(
            SearchCV(SVC(), svc, n_trials=14, cv=5, random_state=3, risk=0.3, level=0.8), Xc, yc
        ),
        "search simplest": lambda: fitted(
            SearchCV(
                DecisionTreeClassifier(random_state=0),
                tree,
                n_trials=14,
                cv=5,
                random_state=0,
                simplest="one-se",
                complexity="max_depth",
            ),
            Xc,
            yc,
        ),
        "search confirm": lambda: fitted(
            SearchCV(RandomForestClassifier(10, random_state=0), tree, n_trials=12, cv=cv, random_state=0, confirm=3),
            Xc,
            yc,
        ),
        "search converged": lambda: fitted(
            SearchCV(lr, C, n_trials=60, cv=cv, random_state=0, stop="converged"), Xc, yc
        ),
        "search grid": lambda: fitted(
            SearchCV(lr, {"C": [0.01, 0.1, 1, 10]}, sampler="grid", cv=cv, random_state=0), Xc, yc
        ),
        "search threads": lambda: fitted(SearchCV(SVC(), svc, n_trials=14, cv=5, random_state=1, n_jobs=2), Xc, yc),
        "search custom scorer": lambda: fitted(
            SearchCV(
                lr, C, n_trials=10, cv=cv, random_state=0, scoring=lambda e, X, y: float((e.predict(X) == y).mean())
            ),
            Xc,
            yc,
        ),
        "search failing": lambda: fitted(
            SearchCV(
                SGDRegressor(random_state=0),
                {"alpha": "log(1e-6, 1e6)", "eta0": "log(1e-3, 1e3)"},
                n_trials=12,
                cv=cv,
                random_state=0,
            ),
            Xr,
            yr,
        ),
        "drop-in grid": lambda: fitted(
            GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}, cv=5, return_train_score=True), Xc, yc
        ),
        "drop-in grid multimetric": lambda: fitted(
            GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=5, scoring=["accuracy", "f1"], refit=False), Xc, yc
        ),
        "drop-in randomized": lambda: fitted(
            RandomizedSearchCV(lr, {"C": np.logspace(-3, 3, 30)}, n_iter=12, cv=cv, random_state=0), Xc, yc
        ),
        "drop-in halving grid": lambda: fitted(
            HalvingGridSearchCV(
                DecisionTreeClassifier(random_state=0),
                {"max_depth": [1, 2, 4, 8], "min_samples_leaf": [1, 5, 20]},
                cv=4,
                random_state=0,
            ),
            Xc,
            yc,
        ),
        "drop-in halving randomized": lambda: fitted(
            HalvingRandomSearchCV(
                DecisionTreeClassifier(random_state=0),
                {"max_depth": list(range(1, 12)), "min_samples_leaf": list(range(1, 30))},
                cv=4,
                random_state=0,
            ),
            Xc,
            yc,
        ),
    }
    return s


# ------------------------------------------------------------------------------------------------------------- record


def make(only: str) -> Record:
    found: Record = {}
    for name, case in {**samplers(), **studies(), **searches()}.items():
        if only not in name:
            continue
        begin, out = time.perf_counter(), io.StringIO()
        with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(out):
            warnings.simplefilter("always")
            try:
                result: Any = case()
            except Exception as error:
                result = f"{type(error).__name__}: {error}"
        texts = sorted(
            {str(w.message) for w in warned if "tunesmith" in str(w.filename) or "golden" in str(w.filename)}
        )
        found[name] = json.loads(json.dumps([result, out.getvalue(), texts], default=repr))
        print(f"{time.perf_counter() - begin:6.2f} s  {name}", file=sys.stderr)
    return found


def first_difference(old: Any, new: Any, where: str = "") -> str:
    if type(old) is type(new) and isinstance(old, list) and len(old) == len(new):
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        pairs = [(f"{where}[{k!r}]", old[k], new[k]) for k in old]
    else:
        return f"{where}: {str(old)[:300]!r} is now {str(new)[:300]!r}"
    return next(first_difference(a, b, at) for at, a, b in pairs if repr(a) != repr(b))


def without_tracebacks(kept: Any) -> Any:
    """The record without what names files and lines: these change with every move."""
    if isinstance(kept, str):
        return kept.partition("\nTraceback")[0]
    if isinstance(kept, list):
        return [without_tracebacks(one) for one in kept]
    return {k: without_tracebacks(v) for k, v in kept.items()} if isinstance(kept, dict) else kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="only the cases whose name holds this text")
    given = parser.parse_args()
    new = make(given.only)
    if given.what == "record":
        given.file.write_text(json.dumps(new))
        print(f"{len(new)} cases recorded in {given.file}")
        return
    new = without_tracebacks(new)
    old = {k: without_tracebacks(v) for k, v in json.loads(given.file.read_text()).items() if given.only in k}
    lines = [f"{name}: is missing" for name in old.keys() - new.keys()]
    lines += [f"{n} {first_difference(old[n], new[n])}" for n in new if n in old and repr(old[n]) != repr(new[n])]
    print("\n".join(lines) or f"{len(new)} cases are as they were")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
