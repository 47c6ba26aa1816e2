"""The benchmarks run, and the score that they judge by is the one that they say."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import get_scorer_names

from tunesmith import Categorical, Float, Int, Ordinal, Space

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
SHARED = ROOT.parent / "shared" / "bench"
EVERY = sorted(p.stem for p in FOLDER.glob("*.py") if not p.name.startswith("_"))


@pytest.fixture(autouse=True)
def _benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are scripts, which import what stands beside them."""
    monkeypatch.syspath_prepend(str(FOLDER))


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **threads}, check=False
    )


# ------------------------------------------------------------------------------------------------------ the programs


@pytest.mark.parametrize("name", EVERY)
def test_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: the libraries that they measure are slow to import, and then are so once."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert not ended.value.code
    assert "--quick" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [*(n for n in EVERY if n not in ("run", "regret")), "honesty --cells", "decisions --searches"]
)
def test_quick(command: str) -> None:
    name, *more = command.split()
    done = run(str(FOLDER / f"{name}.py"), "--quick", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
def test_regret_runs_scores_and_resumes(tmp_path: Path) -> None:
    command = [str(FOLDER / "regret.py"), "--quick", "--live", "optuna-tpe", "--out", str(tmp_path)]
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tunesmith-random" in done.stdout
    assert "optuna-tpe" in done.stdout
    assert "12 to make, 0 there" not in done.stdout, "three optimisers, two seeds, at least three tasks"
    files = sorted((tmp_path / "builtin").glob("*/*/*.json"))
    record = json.loads(files[0].read_text())
    assert {"opt", "task", "seed", "y"} <= record.keys()
    assert len(record["y"]) == 12
    report = json.loads((tmp_path / "builtin" / "report.json").read_text())
    assert set(report["optimisers"]) == {"tunesmith-random", "tunesmith-qmc", "optuna-tpe"}
    files[0].unlink()
    again = run(*command)
    assert f"1 to make, {len(files) - 1} there" in again.stdout
    assert json.loads(files[0].read_text())["y"] == record["y"], "a run follows from its seed"


def test_regret_says_what_it_cannot_run(tmp_path: Path) -> None:
    done = run(str(FOLDER / "regret.py"), "--quick", "--samplers", "sourdough", "--live", "rye", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "'sourdough': not registered" in done.stdout
    assert "'rye': no such peer" in done.stdout
    done = run(str(FOLDER / "regret.py"), "--tasks", str(tmp_path))
    assert done.returncode == 2
    assert "no tasks.py" in done.stdout


def test_a_task_that_does_not_load_is_left_out_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(
        "SINGLE = ['good', 'bad']\n"
        "class Task:\n"
        "    space = [dict(name='x', kind='float', low=0.0, high=1.0, log=False)]\n"
        "    def __call__(self, params):\n"
        "        return params['x']\n"
        "def get(name):\n"
        "    if name == 'bad':\n"
        "        import package_that_is_not_there\n"
        "    return Task()\n"
    )
    usable = module("regret").usable_tasks(tmp_path, [])
    assert usable == ["good"]


# --------------------------------------------------------------------------------------------------------- the score


def test_regret_is_one_at_a_typical_trial_and_zero_at_the_best() -> None:
    score = module("_score")
    reference = score.Reference(best=2.0, typical=6.0)
    trace = score.best_so_far([9.0, 6.0, 7.0, 4.0, 1.0])
    assert trace.tolist() == [9.0, 6.0, 6.0, 4.0, 1.0]
    assert score.normalised(trace, reference, 7).tolist() == [1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    assert score.normalised(trace, reference, 2).tolist() == [1.0, 1.0]


def test_a_failed_trial_is_as_bad_as_can_be() -> None:
    score = module("_score")
    trace = score.best_so_far([np.nan, np.inf, 3.0])
    assert score.normalised(trace, score.Reference(3.0, 5.0), 3).tolist() == [1.0, 1.0, 0.0]


def test_the_reference_of_runs() -> None:
    score = module("_score")
    runs = [score.best_so_far(y) for y in ([5.0, 4.0], [7.0, 1.0], [9.0, 9.0])]
    assert score.Reference.of(runs) == score.Reference(best=1.0, typical=7.0)


def test_a_task_without_a_span_counts_as_solved_by_who_reaches_the_best() -> None:
    score = module("_score")
    reference = score.Reference(3.0, 3.0)
    assert score.normalised(np.array([3.0]), reference, 1).tolist() == [0.0]
    assert score.normalised(np.array([4.0]), reference, 1).tolist() == [1.0]


def test_ranks_and_means() -> None:
    score = module("_score")
    regret = {
        "a": {"t": np.array([[0.5, 0.0], [0.5, 0.2]]), "u": np.array([[0.3, 0.3]])},
        "b": {"t": np.array([[0.5, 0.4]]), "u": np.array([[0.3, 0.3]])},
    }
    assert score.mean_regret(regret["a"], ["t", "u"]) == pytest.approx([0.4, 0.2])
    assert score.mean_ranks(regret, ["t", "u"], 2) == {"a": 1.25, "b": 1.75}


def test_the_interval_holds_the_mean_and_shrinks_with_seeds() -> None:
    score = module("_score")
    rng = np.random.default_rng(0)
    few, many = ({t: rng.random((seeds, 3)) for t in "tuv"} for seeds in (3, 300))
    widths = []
    for curves in (few, many):
        low, high = score.interval(curves, list("tuv"))
        mean = score.mean_regret(curves, list("tuv"))
        assert np.all(low <= mean)
        assert np.all(mean <= high)
        widths.append(float((high - low).mean()))
    # Of 300 uniform numbers on each of three tasks: 2 * 1.96 * sqrt(1 / 12 / 300 / 3).
    assert widths[1] == pytest.approx(0.0377, rel=0.15)
    assert widths[1] < widths[0]
    assert np.isnan(score.interval({"t": np.ones((1, 3))}, ["t"])).all(), "one seed tells nothing of others"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the shared script leaves closing its files to Python
def test_the_score_agrees_with_the_shared_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED / "score.py").is_file():
        pytest.skip("the shared tasks are not beside this checkout")
    spec = importlib.util.spec_from_file_location("shared_score", SHARED / "score.py")
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the folder is not ours
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    peers = next(SHARED.glob("peers*.json.gz"))
    recorded = module("_tasks").recorded(SHARED)
    rng = np.random.default_rng(0)
    score, runs = module("_score"), dict(recorded)
    references = {
        task: score.Reference.of([t for by_task in recorded.values() for t in by_task[task].values()])
        for task in recorded["optuna_tpe"]
    }
    runs["new"] = {}
    for task, reference in references.items():
        for seed in range(2):
            y = reference.best + (reference.typical - reference.best) * 1.2 * rng.random(100)
            path = tmp_path / "new" / task.replace("/", "__") / f"{seed}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"opt": "new", "task": task, "seed": seed, "y": y.tolist()}))
            runs["new"].setdefault(task, {})[seed] = score.best_so_far(y)
    expected, per_task = theirs.table(theirs.peers(str(peers)), theirs.runs(str(tmp_path)))
    regret = score.regrets(runs, references, 100)
    tasks = sorted(references)
    for optimiser, figures in expected.items():
        mean = score.mean_regret(regret[optimiser], tasks)
        for n in theirs.POINTS:
            assert mean[n - 1] == pytest.approx(figures[n], abs=1e-12)
            assert score.mean_ranks(regret, tasks, n)[optimiser] == pytest.approx(figures["rank"][n])
        for task in tasks:
            assert regret[optimiser][task][:, -1].mean() == pytest.approx(per_task[optimiser][task], abs=1e-12)


# --------------------------------------------------------------------------------------------------------- the tasks


def built_in() -> list[str]:
    return ["function/sphere-5", "function/rosenbrock-5", "function/rastrigin-5", "function/hartmann-6",
            "mixed/training", "conditional/nested-14", "conditional/models-cancer", "table/svm-digits"]  # fmt: skip


def test_all_built_in_tasks_are_tested_here() -> None:
    assert module("_tasks").names(None) == built_in()


@pytest.mark.parametrize("name", built_in())
def test_a_built_in_task_is_never_below_its_best_and_has_something_to_win(name: str) -> None:
    task = module("_tasks").get(name, None)
    values = [task(p) for p in task.space.decode(task.space.sample(np.random.default_rng(1), 300))]
    assert np.isfinite(values).all()
    reference = task.reference()
    assert min(values) >= reference.best
    assert reference.typical > reference.best + 1e-3
    assert np.mean(np.array(values) < reference.typical) == pytest.approx(0.5, abs=0.12)


OPTIMA: dict[str, dict[str, Any]] = {
    "function/sphere-5": dict(zip([f"x{i}" for i in range(5)], [0.93, -1.26, 0.51, 1.65, -0.69], strict=True)),
    "function/rosenbrock-5": {f"x{i}": 1.0 for i in range(5)},
    "function/rastrigin-5": dict(zip([f"x{i}" for i in range(5)], [0.62, -0.84, 0.34, 1.1, -0.46], strict=True)),
    "function/hartmann-6": dict(
        zip([f"x{i}" for i in range(6)], [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573], strict=True)
    ),
    "mixed/training": {
        "optimiser": "adam", "lr": 1e-3, "momentum": 0.35, "dropout": 0.22, "layers": 4, "width": 256, "batch": 64,
    },
    "conditional/nested-14": {
        "model": "boosting", "subsample": 0.7, "features": 12, "rate": 0.05, "depth": 5, "leaf": "linear",
        "leaf_l2": 0.5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMA)
def test_the_best_value_of_a_task_is_reached(name: str) -> None:
    task = module("_tasks").get(name, None)
    task.space.validate(OPTIMA[name])
    assert task(OPTIMA[name]) == pytest.approx(task.best, abs=1e-8)


def test_a_table_is_exact_at_its_cells_and_between_them_in_between() -> None:
    tables = module("_tables")
    branch = {
        "axes": [tables.labels("kind", ["a", "b"]), tables.numeric("C", [1.0, 10.0, 100.0], log=True),
                 tables.whole("depth", [1, 3])],
        "error": np.arange(12.0).reshape(2, 3, 2),
    }  # fmt: skip
    assert tables.look_up(branch, {"kind": "a", "C": 1.0, "depth": 1}) == 0
    assert tables.look_up(branch, {"kind": "b", "C": 100.0, "depth": 3}) == 11
    assert tables.look_up(branch, {"kind": "a", "C": 10.0, "depth": 2}) == pytest.approx(2.5)
    assert tables.look_up(branch, {"kind": "b", "C": 10**1.5, "depth": 1}) == pytest.approx(9)


# ----------------------------------------------------------------------------------------------------------- honesty


def test_every_metric_of_scikit_learn_is_a_cell_and_has_a_row_in_the_docs() -> None:
    cells = module("_cells").CELLS
    rows = [line for line in (ROOT / "docs" / "trust.md").read_text().splitlines() if line.startswith("| ")]
    missing = [name for name in get_scorer_names() if name not in cells]
    assert not missing, "give each a cell in benchmarks/_cells.py"
    unmeasured = [name for name in cells if not any(line.startswith(f"| {name} |") for line in rows)]
    assert not unmeasured, "run benchmarks/honesty.py --cells, and put its table into docs/trust.md"


def test_a_row_of_the_table_says_what_falls_short() -> None:
    made = [
        {"name": "mae", "data": "rows", "model": "tree", "n": 50, "seed": s, "method": "rows"}
        | {"reported": -2.0 + 0.1 * s, "true": -1.0, "low": -3.0, "high": -0.5 if s < 6 else -1.5}
        for s in range(8)
    ]
    good = [{**r, "name": "acc", "true": r["reported"] + 0.01 * (-1) ** r["seed"], "high": 0.0} for r in made]
    none = [{"name": "none", "data": "rows", "model": "tree", "n": 50, "seed": 0, "method": "none", "true": 1.0}]
    lines = module("_cells").table(made + good + none).splitlines()
    assert lines[2] == "| mae | rows, tree, 50 | rows | **6 of 8** | **−0.650 ±0.087** | 2.250 |"
    assert lines[3] == "| acc | rows, tree, 50 | rows | 8 of 8 | +0.0000 ±0.0038 | 3.0000 |"
    assert lines[4] == "| none | rows, tree, 50 | none | 0 figures of 1 |  |  |"


def test_cells_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honesty, made = module("honesty"), []

    def measure(*job: Any) -> dict[str, Any]:
        made.append(job)
        return {"method": "rows", "reported": 0.5, "true": 0.5, "low": 0.4, "high": 0.6}

    monkeypatch.setattr(module("_cells"), "run", measure)
    command = ["honesty.py", "--cells", "--names", "accuracy;roc_auc*", "--out", str(tmp_path)]
    for seeds in ("1", "2"):
        monkeypatch.setattr(sys, "argv", [*command, "--seeds", seeds])
        honesty.main()
    names = [job[0] for job in made]
    assert names[: len(names) // 2] == names[len(names) // 2 :], "the second run has one more seed to measure"
    assert {"accuracy", "roc_auc", "roc_auc_ovo", "roc_auc, noise"} <= set(names)
    assert "f1" not in names


# ---------------------------------------------------------------------------------------------------- the optimisers


def all_kinds() -> Space:
    return Space(
        rate=Float(1e-4, 1.0, log=True),
        size=Int(1, 64, log=True),
        layers=Int(1, 4),
        batch=Ordinal([16, 32, 64]),
        model=Categorical(["svm", "tree", "none"]),
        C=Float(0.1, 10.0).when(model="svm"),
        shared=Int(1, 3).when(model=["svm", "tree"]),
        rule=Categorical(["gini", "entropy"]).when(model="tree"),
        base=Float(2.0, 3.0).when(rule="entropy"),
    )


@pytest.mark.parametrize("name", ["tunesmith-random", "optuna-tpe", "optuna-random", "rustuna-tpe", "hyperopt"])
def test_every_optimiser_searches_the_same_space(name: str) -> None:
    optimisers = module("_optimisers")
    if missing := optimisers.missing(name):
        pytest.skip(f"{missing} not installed")
    space, seen = all_kinds(), []

    def objective(params: dict[str, Any]) -> float:
        space.validate(params)  # just the active ones, each in its range
        seen.append(params)
        return float(params["rate"])

    task = module("_tasks").Task("test/all-kinds", space, objective)
    search = optimisers.search(name, task, 0, 60)
    assert search.y == [params["rate"] for params in seen]
    assert len(search.y) == 60
    assert search.seconds >= 0
    assert {p["model"] for p in seen} == {"svm", "tree", "none"}
    assert any("base" in p for p in seen)
    assert {p["batch"] for p in seen} == {16, 32, 64}
    assert optimisers.search(name, task, 0, 60).y == search.y, "a run follows from its seed"


def test_seeds_differ_by_task_and_number_and_not_by_optimiser() -> None:
    seed_of = module("_optimisers").seed_of
    assert seed_of("a", 0) == seed_of("a", 0)
    assert len({seed_of(task, seed) for task in "ab" for seed in range(5)}) == 10


# -------------------------------------------------------------------------------------------------------- the report


def test_the_report_tells_where_ours_loses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score, report = module("_score"), module("_report")

    def seeds(last: float) -> dict[int, Any]:
        return {s: score.best_so_far([1.0, last]) for s in range(2)}

    runs = {
        "tunesmith-gp": {"won": seeds(0.1), "lost": seeds(0.5)},
        "peer": {"won": seeds(0.2), "lost": seeds(0.3)},
        "peer-random": {"won": seeds(0.9), "lost": seeds(0.4)},
        "elsewhere": {"other": seeds(0.0)},
    }
    references = {t: score.Reference(0.0, 1.0) for t in ("won", "lost")}
    kinds = {"tunesmith-gp": "ours", "peer": "peer", "peer-random": "peer", "elsewhere": "recorded"}
    assert report.show(runs, references, kinds, {}, [1, 2], 2, tmp_path) == 0
    text = capsys.readouterr().out
    assert "elsewhere has no run on any of the tasks" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert lines["won"].endswith("wins")
    assert lines["lost"].endswith("WORSE THAN RANDOM, loses to peer by 0.200")
    assert "0.3000: 1.20 x the 0.2500 of the best peer, peer" in text
    assert (tmp_path / "report.txt").read_text().strip() in text


def test_the_curves_in_letters() -> None:
    score, report = module("_score"), module("_report")
    runs = {"good": {"t": {0: score.best_so_far(np.geomspace(1, 1e-3, 50))}}, "bad": {"t": {0: np.ones(50)}}}
    result, _ = report.result(runs, {"t": score.Reference(0.0, 1.0)}, dict.fromkeys(runs, "peer"), {}, [50], 50)
    assert result is not None
    lines = report.letters(result)
    assert lines[0].count("b") > 40, "one curve stays on top"
    assert "a good" in lines[-1]
    assert "b bad" in lines[-1]


# ------------------------------------------------------------------------------------- from a table to a tuned model


def test_nothing_that_portfolios_were_made_from_is_held_back() -> None:
    frames, datasets = module("_frames"), module("_datasets")
    measured = [s for kind in (datasets.CLASSIFICATION, datasets.REGRESSION) for s in kind["measured"].values()]
    known = {(s.package, s.table) for s in measured if isinstance(s, datasets.Source)}
    known |= {(raw.source.package, raw.source.table) for raw in frames.TABLES["development"].values()}
    held = {(raw.source.package, raw.source.table) for raw in frames.TABLES["held back"].values()}
    assert len(held) == 12
    assert not held & known


def test_the_error_of_a_test_score_is_its_spread_over_draws() -> None:
    automl = module("automl")
    rng = np.random.default_rng(0)
    for classifies in (True, False):
        scores, errors = [], []
        for _ in range(400):
            y = rng.integers(0, 2, 200) if classifies else rng.normal(size=200)
            predicted = np.where(rng.random(200) < 0.2, 1 - y, y) if classifies else y + rng.normal(0, 0.7, 200)
            score, error = automl.scored(y, predicted, classifies)
            scores.append(score)
            errors.append(error)
        assert np.mean(scores) == pytest.approx(0.8 if classifies else 0.51, abs=0.01)
        assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.1)


def test_ways_are_compared_on_the_splits_that_all_have(capsys: pytest.CaptureFixture[str]) -> None:
    automl = module("automl")

    def line(way: str, table: str, split: int, score: float, **more: Any) -> dict[str, Any]:
        return {"way": way, "table": table, "budget": 30.0, "split": split, "score": score, "se": 0.01} | more

    runs = [
        line("tune", "a", 0, 0.9, cpu=31.0, honest=0.85, low=0.84, high=0.86),
        line("tune", "b", 0, 0.6, cpu=30.0, honest=0.61, low=0.6, high=0.62),
        line("tune", "b", 1, 0.0, cpu=60.0, honest=0.5, low=0.4, high=0.6),
        line("flaml", "a", 0, 0.8, cpu=40.0),
        line("flaml", "b", 0, -3.0, failed="MemoryError"),
    ]
    automl.report(runs, ["tune", "flaml"], "flaml")
    rows = {text.split()[0]: text.split() for text in capsys.readouterr().out.splitlines() if text.strip()}
    assert rows["a"][1:] == ["10.00", "20.00"]
    assert rows["b"][1:] == ["40.00", "100.00"], "a constant is the worst"
    assert rows["tune"][1:] == ["1.00", "25.00", "-35.00", "±", "25.00", "0.5s", "1.0s", "0", "0", "1", "of", "2"]
    assert rows["flaml"][1:] == ["2.00", "60.00", "10.0s", "10.0s", "1", "1"]


def test_a_stopped_benchmark_of_tune_goes_on(tmp_path: Path) -> None:
    automl = module("automl")
    made: list[Any] = []

    def measured(job: Any) -> dict[str, Any]:
        made.append(job)
        return dict(zip(automl.KEY, job, strict=True)) | {"score": 0.9, "cpu": 1.0, "n": 100}

    jobs = [("tune", "a", 30.0, split, None) for split in range(3)]
    file = tmp_path / "there" / "runs.jsonl"
    assert len(automl.kept(file, jobs[:2], 1, measured)) == 2
    assert len(automl.kept(file, jobs, 2, measured)) == 3
    assert made == jobs


def test_models_of_the_peers_take_gaps_and_categories_that_are_new() -> None:
    pytest.importorskip("pandas")
    frames, tuners = module("_frames"), module("_tuners")
    for name in ("made classes", "made numbers"):
        drawn = frames.split(name, 0, 150)
        test = drawn.X_test[:50].assign(kind="never seen", x0=np.nan)
        for kind in tuners.SIMPLE:
            if kind == "lightgbm" and importlib.util.find_spec("lightgbm") is None:
                continue
            model = tuners.simple(drawn.X, kind, drawn.classifies, 0).fit(drawn.X, drawn.y)
            assert len(model.predict(test)) == 50, (name, kind)
