"""The examples run as scripts, and show what they say they show."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import side_by_side

from tunesmith.foundation.languages.patterns import is_english

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: str, cwd: Path, without: tuple[str, ...] = (), lang: str = "en") -> str:
    """What an example prints, run as a user runs it; `without` packages as if they were not installed."""
    program = [str(EXAMPLES / name), *arguments]
    if without:
        blocked = "".join(f"sys.modules[{package!r}] = None; " for package in without)  # importing them then fails
        where = f"sys.path[0] = {str(EXAMPLES)!r}; sys.argv = sys.argv[1:]"
        start = f"{where}; runpy.run_path(sys.argv[0], run_name='__main__')"
        program = ["-c", f"import runpy, sys; {blocked}{start}", *program]
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "TUNESMITH_LANG": lang, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{name} failed:\n{done.stdout}\n{done.stderr}"
    assert "Warning" not in done.stderr, f"{name} warns:\n{done.stderr}"
    return done.stdout


def table(output: str, columns: int, words: int = 0) -> list[list[float]]:
    """The numbers of all lines that begin with `words` words and then have at least so many numbers."""
    number = r"\s+(-?[\d.,]+(?:e[+-]?\d+)?)"
    row = re.compile(r"^" + r" *\S+" * words + number * columns + r"(?=\s|$)", re.MULTILINE)
    return [[float(value.replace(",", "")) for value in found.groups()] for found in row.finditer(output)]


def only(pattern: str, output: str) -> float:
    """The number that a sentence of the output states."""
    found = re.findall(pattern, output)
    assert len(found) == 1, f"{pattern!r} stands {len(found)} times in:\n{output}"
    return float(found[0])


NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"


# ------------------------------------------------------------------------------------------------- gradient descent


def test_the_learning_rates_are_too_slow_right_and_too_large(tmp_path: Path) -> None:
    output = run("01_gradient_descent.py", cwd=tmp_path, without=("matplotlib",))
    slow, less_slow, good, large = table(output, columns=4)
    best_possible = only(rf"best possible loss is {NUMBER}\n", output)
    assert [slow[0], less_slow[0], good[0], large[0]] == [0.001, 0.01, 0.1, 0.42]
    assert large[1] < large[2] < large[3], "the largest rate must diverge"
    for _, start, middle, end in (slow, less_slow, good):
        assert start > middle > end >= best_possible
    assert slow[3] > less_slow[3] > good[3]
    assert good[3] < 1.05 * best_possible < less_slow[3], "one rate arrives, and it is not the small one"
    assert re.findall(r"too slow|converges|diverges", output)[:4] == ["too slow", "too slow", "converges", "diverges"]


def test_without_matplotlib_the_curves_are_letters(tmp_path: Path) -> None:
    output = run("01_gradient_descent.py", cwd=tmp_path, without=("matplotlib",))
    assert "pip install matplotlib" in output
    chart = [line[10:] for line in output.splitlines() if line.startswith("         |")]
    first_and_last_row = {letter: [i for i, row in enumerate(chart) if letter in row] for letter in "abcd"}
    assert first_and_last_row["d"][0] == 0, "the diverging curve ends at the top"
    assert first_and_last_row["c"][-1] == len(chart) - 1, "the converging one at the bottom"


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed")
    path = tmp_path / "curves.png"
    output = run("01_gradient_descent.py", str(path), cwd=tmp_path)
    assert str(path) in output
    pixels = image.imread(path)[:, :, :3]
    height, width, _ = pixels.shape
    assert width > 800
    assert height > 400
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    colours = {"diverging": red - blue, "converging": green - red, "too slow": blue - red}
    where = {curve: (difference > 0.3).nonzero()[0] for curve, difference in colours.items()}
    for curve, rows in where.items():
        assert len(rows) > 500, f"there is no {curve} curve in the picture"
    assert where["diverging"].mean() < where["too slow"].mean() < where["converging"].mean(), "from top to bottom"


def test_what_an_example_writes_is_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    before = sorted(EXAMPLES.iterdir())
    output = run("01_gradient_descent.py", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gradient_descent.png"]
    assert output.endswith("The curves are in gradient_descent.png\n")
    assert sorted(EXAMPLES.iterdir()) == before
    monkeypatch.setattr(sys, "argv", ["06_pytorch_mlp.py"])
    assert side_by_side.options("06_pytorch_mlp", budget=1).picture == Path("06_pytorch_mlp.png")


@pytest.mark.chinese
@pytest.mark.parametrize("name", ["01_gradient_descent", "02_grid_search", "03_random_search", "11_scaling_law"])
def test_an_example_speaks_chinese_to_who_reads_it(name: str, tmp_path: Path) -> None:
    output = run(f"{name}.py", cwd=tmp_path, lang="zh")
    lines = [line for line in output.splitlines() if re.search(r"[^\W\d_]{2}", line)]
    assert [line for line in lines if not re.search(r"[\u4e00-\u9fff]", line)] == []
    assert [line for line in lines if is_english(line)] == []
    assert not re.search(r"[\u4e00-\u9fff]", run(f"{name}.py", cwd=tmp_path))


def test_without_tunesmith_the_first_example_speaks_english(tmp_path: Path) -> None:
    output = run("01_gradient_descent.py", cwd=tmp_path, without=("tunesmith", "matplotlib"), lang="zh")
    assert "the best possible loss is" in output


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for name in ("a.svg", "b.svg"):
        run("01_gradient_descent.py", name, cwd=tmp_path)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


# ------------------------------------------------------------------------------------------------ grid and random


def test_the_grid_finds_the_best_of_its_values_and_explodes(tmp_path: Path) -> None:
    output = run("02_grid_search.py", cwd=tmp_path)
    tried = dict(table(output.partition("hyperparameters")[0], columns=2))
    assert list(tried) == [0.001, 0.01, 0.1]
    assert min(tried, key=lambda eta: tried[eta]) == 0.1
    assert re.search(r"0\.1 .*<- best", output)
    assert only(rf"leads to\n{NUMBER},", output) < min(tried.values()), "there is something better outside of the grid"
    assert table(output.partition("10 values")[2], columns=3) == [[d, 3**d, 10**d] for d in range(1, 7)]


def test_random_search_beats_the_grid(tmp_path: Path) -> None:
    output = run("03_random_search.py", cwd=tmp_path)
    tried = [eta for eta, _ in table(output.partition("best of the grid")[0], columns=2)]
    assert len(set(tried)) == len(tried) == 20
    assert all(0 < eta <= 1 for eta in tried)
    assert only(rf"best of random search: +{NUMBER} in 20", output) < only(rf"0\.1}}: {NUMBER} in 3", output)
    better, repetitions = re.findall(r"better in (\d+) of (\d+) repetitions", output)[0]
    assert int(repetitions) >= 200
    assert int(better) > 0.55 * int(repetitions)
    assert only(rf"random search: +{NUMBER}   \(9 ", output) < only(rf"grid of 3 x 3 values: +{NUMBER}", output)


# ------------------------------------------------------------------------------------------- scikit-learn, and peers


def test_each_search_beats_the_default_on_real_data(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    output = run("04_sgd_regressor.py", cwd=tmp_path)
    default, grid, random, search = table(output.partition("Every search")[0], columns=4, words=1)
    for cv_score, test_score, fits, _ in (grid, random, search):
        assert cv_score > default[0] + 0.03
        assert test_score > default[1]
        assert fits in (16, 101)
    assert random[0] > grid[0]
    complaint = output.partition("does not have:")[2]
    assert "SGDRegressor" in complaint
    assert "'learning_rate_init'" in complaint
    assert "did you mean 'eta0'?" in complaint


@pytest.mark.slow
def test_pruning_between_rounds_tries_more_for_the_same_rounds(tmp_path: Path) -> None:
    for package in ("sklearn", "lightgbm"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    output = run("10_lightgbm.py", "curves.png", "--budget", "648", cwd=tmp_path, without=("matplotlib",))
    (pruned,) = table(output.partition("full runs  ")[0], columns=6, words=1)
    (full,) = table(output.partition("pruned")[2], columns=6, words=2)
    assert full[:3] == [8, 8, 648]
    assert pruned[0] > 8, "more runs"
    assert 1 <= pruned[1] < pruned[0], "not all of them to the end"
    assert 648 <= pruned[2] <= 729, "the leader is run to its end"
    assert "num_leaves" in output
    assert "matplotlib is not installed" in output


PEERS = {"optuna": "Optuna", "hyperopt": "Hyperopt"}


def test_three_libraries_on_one_problem(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    output = run("05_three_libraries.py", cwd=tmp_path)
    for name in ("tunesmith, define-by-run", "tunesmith, declared space", *PEERS.values()):
        best = re.findall(rf"^{name} +[A-Za-z]+ +(0\.\d+) +\d", output, re.MULTILINE)
        if not best and importlib.util.find_spec(name.lower()) is None:
            assert f"{name}: pip install" in output
            continue
        assert 0.4 < float(best[0]) < 0.6


def test_a_library_that_is_not_installed_is_left_out(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    output = run("05_three_libraries.py", cwd=tmp_path, without=tuple(PEERS))
    assert len(re.findall(r"^tunesmith, .* 0\.\d+ +\d", output, re.MULTILINE)) == 2, "the tunesmith versions have run"
    for package, name in PEERS.items():
        assert f"left out, not installed - {name}: pip install {package}" in output
