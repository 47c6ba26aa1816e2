"""Our Sobol' sequences are SciPy's, point for point."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import qmc

from tunesmith.foundation.numerics.sobol import MAX_OWN_DIMENSIONS, sobol


@pytest.mark.filterwarnings("ignore:The balance properties")
@pytest.mark.parametrize("scramble", [True, False])
@pytest.mark.parametrize("d", [1, 2, 7, MAX_OWN_DIMENSIONS, MAX_OWN_DIMENSIONS + 1])
def test_points_are_those_of_scipy(d: int, scramble: bool) -> None:
    for start, n in ((0, 1), (0, 512), (128, 128), (1_000, 77)):
        engine = qmc.Sobol(d, scramble=scramble, seed=np.random.default_rng(3))
        if start:
            engine.fast_forward(start)
        np.testing.assert_array_equal(sobol(d, n, 3 if scramble else None, start), engine.random(n))


def test_a_search_does_not_import_scipys_statistics() -> None:
    code = """
import sys
from tunesmith import Float, create_study
study = create_study(space={"x": Float(0, 1), "y": Float(1e-4, 1, log=True)}, seed=0)
study.optimize(lambda trial: sum(trial.params.values()), n_trials=8)
print("scipy.stats" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
