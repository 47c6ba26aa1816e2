"""scikit-learn's own tests, out of the installed wheel, with our classes in place of its searches.

Every test of the modules below that a search takes part in must pass. A test that fails with scikit-learn's own
classes too (a new NumPy, say) does not count. ``KNOWN`` lists those that may fail with ours, each with its reason.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import check_dtype_object, check_estimator

from tunesmith.sklearn import SearchCV

HERE = Path(__file__).parent
SEARCHES = "GridSearchCV,RandomizedSearchCV,HalvingGridSearchCV,HalvingRandomSearchCV"

# node id -> why it may fail with our classes
KNOWN: dict[str, str] = {}

# Of each group: the classes that are swapped, the modules (a release may lack some of them), and the tests' words.
GROUPS: dict[str, tuple[str, list[str], str]] = {
    "searches": (
        f"{SEARCHES},BaseSearchCV",
        ["model_selection.tests.test_search", "model_selection.tests.test_successive_halving"],
        "",
    ),
    "meta-estimators": (
        SEARCHES,
        ["tests.test_metaestimators", "tests.test_metaestimators_metadata_routing"],
        "SearchCV or test_metaestimators.py or Search",
    ),
    # check_estimator and all other common checks, of every search that scikit-learn makes for them
    "estimator checks": (
        SEARCHES,
        ["tests.test_common"],
        "GridSearchCV or RandomizedSearchCV or HalvingRandomSearchCV",
    ),
    "users of searches": (
        SEARCHES,
        [
            "callback.tests.test_scoring_monitor",
            "callback.tests.test_progressbar",
            "metrics.tests.test_score_objects",
            "tests.test_pipeline",
            "tests.test_base",
            "tests.test_multiclass",
            "tests.test_multioutput",
            "utils.tests.test_pprint",
            "utils._repr_html.tests.test_estimator",
            "utils.tests.test_estimator_html_repr",
            "utils.tests.test_parallel",
            "ensemble.tests.test_voting",
            "neighbors.tests.test_kde",
            "decomposition.tests.test_kernel_pca",
        ],
        "search or grid or CV or parallel or config",
    ),
}


def there(module: str) -> bool:
    """Whether this release of scikit-learn has the module."""
    try:
        return importlib.util.find_spec(f"sklearn.{module}") is not None
    except ModuleNotFoundError:  # nor the package that it would be in
        return False


def run(classes: str, modules: list[str], words: str, folder: Path) -> dict[str, Any]:
    """Run modules of scikit-learn's tests with some classes swapped; return the plugin's report."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    options = ["-q", "-c", os.devnull, "--rootdir", str(folder), "--basetemp", str(folder / "tmp")]
    plugins = ["-p", "swapped", "-p", "no:cacheprovider"]
    chosen = [*(["-k", words] if words else []), "--pyargs", *(f"sklearn.{module}" for module in modules)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, *chosen],
        cwd=folder,
        env={**os.environ, **threads, "PYTHONPATH": path, "SWAP": classes, "SWAP_REPORT": str(report)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return {**json.loads(report.read_text()), "output": done.stdout}


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_scikit_learns_own_tests_pass_with_our_searches(group: str, tmp_path: Path) -> None:
    classes, modules, words = GROUPS[group]
    modules = [m for m in modules if there(m)]
    ours = run(classes, modules, words, tmp_path)
    failed = set(ours["failed"]) - KNOWN.keys()
    if failed:
        failed -= set(run("", modules, words, tmp_path)["failed"])
    assert not failed, ours["output"][-20_000:]
    assert ours["passed"] > 0
    assert ours["fits"] > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "space", "known"),
    [
        (LogisticRegression(), {"C": [0.1, 1.0]}, {}),
        (Ridge(), {"alpha": [0.1, 1.0]}, {"check_supervised_y_2d": "the ridge says nothing of it, in any search"}),
    ],
    ids=["classifier", "regressor"],
)
def test_search_cv_passes_the_checks_of_estimators(estimator: Any, space: Any, known: dict[str, str]) -> None:
    search = SearchCV(estimator, space, n_trials=2, cv=2, random_state=0, error_score="raise")
    results = check_estimator(search, expected_failed_checks=known, on_skip=None)
    assert {r["status"] for r in results} <= {"passed", "skipped", "xfail"}


@pytest.mark.filterwarnings("ignore")
def test_a_wrong_type_that_all_fits_meet_is_a_type_error() -> None:
    check_dtype_object("SearchCV", SearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_trials=2))
