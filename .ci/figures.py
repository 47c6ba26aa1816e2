"""Makes the pictures of docs/gallery.md and docs/chapter.md, into docs/img/figures/: a hook of mkdocs, and a program.

Each is made in Chinese too, as NAME-zh: those of the chapter by the code of the Chinese page, where Matplotlib knows a
Chinese font. Run it alone with `python .ci/figures.py`. It needs Matplotlib. Pictures that are there are made anew only
if the code of the figures has changed since.
"""

from __future__ import annotations

import html
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
import drawn
from pages import CHINESE, LANGUAGES, blocks

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "img" / "figures"
CHAPTER = ROOT / "docs" / "chapter.md"  # its own code draws its pictures
# The pictures that are kept in docs/img/, of runs that take hours, and the Chinese of their labels.
KEPT = ("gradient_descent", "honesty-calibration", "honesty-fits")
LABELS = {
    "The same training at four learning rates η": "同一训练，四种学习率 η",
    "best possible": "最低可达",
    "gradient descent step": "梯度下降的步数",
    "loss (mean squared error)": "损失（均方误差）",
    "η = 0.001: too slow": "η = 0.001：太慢",
    "η = 0.01: too slow": "η = 0.01：太慢",
    "η = 0.1: converges": "η = 0.1：收敛",
    "η = 0.42: diverges": "η = 0.42：发散",
    "optuna: 77 % covered": "optuna：覆盖 77 %",
    "scikit-learn: 77 % covered": "scikit-learn：覆盖 77 %",
    "tunesmith: 94 % covered": "tunesmith：覆盖 94 %",
    "reported": "报告的准确率",
    "true accuracy": "真实准确率",
    "mean true accuracy": "平均真实准确率",
    "model fits": "模型训练次数",
}
LABEL = re.compile(
    r'(<g id="text_\d+">\s*)<!-- ([^>]*) -->\s*<g ((?:style="[^"]*" )?)transform="(translate[^"]*?) '
    r'scale\(([\d.]+) -[\d.]+\)">(.*?)</g>(?=\s*</g>)',
    re.DOTALL,
)


def classifier(sampler: str = "tpe", pruner: str = "median") -> Any:
    """A study as in the guide."""
    import tunesmith
    from tunesmith import Categorical, Float, Int, Space

    space = Space(
        model=["svm", "forest"],
        C=Float(1e-3, 1e3, log=True).when(model="svm"),
        gamma=Float(1e-5, 1e1, log=True).when(model="svm"),
        depth=Int(1, 12).when(model="forest"),
        scale=Categorical([True, False]),
    )

    def error(trial: tunesmith.Trial) -> float:
        p = trial.params
        if p["model"] == "svm":
            final = 0.1 + 0.02 * (math.log10(p["C"]) - 1) ** 2 + 0.02 * (math.log10(p["gamma"]) + 2) ** 2
        else:
            final = 0.2 + 0.01 * (p["depth"] - 6) ** 2
        final += 0.05 * (not p["scale"]) + 0.01 * math.sin(7.0 * trial.number)
        for epoch in range(1, 11):
            loss = final + math.exp(-epoch / 3)
            trial.log({"train loss": 0.9 * loss - 0.002 * epoch, "accuracy": math.exp(-loss)}, epoch)
            trial.report(loss, epoch)
            if trial.should_prune():
                raise tunesmith.TrialPruned
        return final

    study = tunesmith.create_study(space=space, sampler=sampler, pruner=pruner, seed=0, study_name=sampler)
    study.optimize(error, n_trials=100)
    return study


def from_default() -> Any:
    """A study that begins with a default configuration."""
    import tunesmith
    from tunesmith import Float, Int, Space

    space = Space(lr=Float(1e-5, 1e-1, log=True), layers=Int(1, 6), activation=["relu", "gelu", "tanh"])

    def loss(p: dict[str, Any]) -> float:
        activation = {"relu": 0.1, "gelu": 0.0, "tanh": 0.25}[p["activation"]]
        return 0.3 + 0.1 * (math.log10(p["lr"]) + 3.0) ** 2 + 0.04 * (p["layers"] - 4) ** 2 + activation

    study = tunesmith.create_study(space=space, sampler="random", seed=0)
    study.enqueue_trial({"lr": 0.1, "layers": 2, "activation": "relu"})
    study.optimize(loss, n_trials=80, space=space)
    return study


def trade_off() -> Any:
    """A study with two objectives."""
    import tunesmith

    def cost_and_accuracy(trial: tunesmith.Trial) -> tuple[float, float]:
        width, depth = trial.suggest_int("width", 8, 512, log=True), trial.suggest_int("depth", 1, 8)
        return width * depth / 100.0, 1.0 - 0.4 / math.log(width) - 0.03 * (depth - 4) ** 2 / depth

    study = tunesmith.create_study(directions=["minimize", "maximize"], sampler="random", seed=0)
    study.optimize(cost_and_accuracy, n_trials=150)
    return study


def timed() -> Any:
    """A study that eight workers ran in a (virtual) hour."""
    import tunesmith
    from tunesmith import Float, Space, TrialState
    from tunesmith.trial.record import TrialRecord

    space, start, free = Space(x=Float(0.0, 1.0)), 1_767_258_000.0, [0.0] * 8
    ends = [TrialState.COMPLETE] * 7 + [TrialState.PRUNED] * 2 + [TrialState.FAIL]
    records = []
    for k in range(90):
        began, state = start + min(free), ends[k * 7 % 10]
        seconds = (150.0 + 140.0 * math.sin(13.0 * k)) * (0.4 if state is TrialState.PRUNED else 1.0)
        free[free.index(min(free))] += seconds + 4.0
        value = None if state is TrialState.FAIL else (k / 90.0,)
        records.append(
            TrialRecord(-1, state, space=space, x=[k / 90.0], values=value, started=began, finished=began + seconds)
        )
    study = tunesmith.create_study(space=space, seed=0)
    study.add_trials(records)
    return study


def search() -> Any:
    """A search with a race."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.tree import DecisionTreeClassifier

    from tunesmith import Float, Int
    from tunesmith.sklearn import SearchCV

    X, y = load_breast_cancer(return_X_y=True)
    space = {"max_depth": Int(1, 20), "min_samples_leaf": Int(1, 60, log=True), "max_features": Float(0.05, 1)}
    return SearchCV(DecisionTreeClassifier(random_state=0), space, n_trials=40, random_state=0).fit(X, y)


def model() -> Any:
    """A model that was tuned for a table."""
    from sklearn.datasets import load_breast_cancer

    import tunesmith

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    given = {"n_trials": 12, "timeout": None, "random_state": 0, "verbose": False}
    return tunesmith.tune(["linear", "neighbours", "tree"], X, y, **given)


def law() -> Any:
    """A scaling law of real pretraining runs, the small ones of example 11."""
    import csv

    from tunesmith.scaling import ScalingLaw

    with (ROOT / "examples" / "scaling" / "step_law_runs.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    small = [row for row in rows if row["params"] * row["tokens"] < 1e19]
    return ScalingLaw(["params", "tokens"], ["lr", "batch_sequences"]).fit(small)


def make() -> None:
    """Write all pictures."""
    from tunesmith import visualization as v
    from tunesmith.visualization.matplotlib_style import chinese_fonts

    study, random, two, fitted = classifier(), classifier("random", "nop"), trade_off(), search()
    table = model()
    small, large = law(), {"params": 1.07e9, "tokens": 5.69e10}
    figures = {
        "optimization_history": v.plot_optimization_history(study, show_pruned=True, backend="arrays"),
        "intermediate_values": v.plot_intermediate_values(study, backend="arrays"),
        "metrics": v.plot_metrics(study, backend="arrays"),
        "slice": v.plot_slice(study, show_pruned=True, backend="arrays"),
        "timeline": v.plot_timeline(timed(), backend="arrays"),
        "terminator_improvement": v.plot_terminator_improvement(classifier("auto", "nop"), backend="arrays"),
        "belief": v.plot_belief(classifier("auto", "nop"), backend="arrays"),
        "contour": v.plot_contour(random, ["C", "gamma"], backend="arrays"),
        "rank": v.plot_rank(random, ["C", "gamma", "model"], backend="arrays"),
        "parallel_coordinate": v.plot_parallel_coordinate(random, backend="arrays"),
        "param_importances": v.plot_param_importances(random, backend="arrays"),
        "ablation": v.plot_ablation(from_default(), backend="arrays"),
        "edf": v.plot_edf([study, random], backend="arrays"),
        "pareto_front": v.plot_pareto_front(two, target_names=["cost", "accuracy"], backend="arrays"),
        "hypervolume_history": v.plot_hypervolume_history(two, backend="arrays"),
        "honest_score": v.plot_honest_score(fitted, backend="arrays"),
        "racing": v.plot_racing(fitted, backend="arrays"),
        "leaderboard": v.plot_leaderboard(table, backend="arrays"),
        "confusion": v.plot_confusion(table, backend="arrays"),
        "calibration": v.plot_calibration(table, backend="arrays"),
        "residuals": v.plot_residuals(table, "mean area", backend="arrays"),
        "column_importances": v.plot_column_importances(table.explain(n_repeats=2), backend="arrays"),
        "learning_curve": v.plot_learning_curve(table.learning_curve(), backend="arrays"),
        "scaling_bowls": v.plot_scaling_bowls(small, backend="arrays"),
        "scaling_optimum": v.plot_scaling_optimum(small, large, backend="arrays"),
        "scaling_coverage": v.plot_scaling_coverage(small, backend="arrays"),
        "scaling_plan": v.plot_scaling_plan(small.plan(large, 0.2), backend="arrays"),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    for (name, figure), (ending, language) in product(figures.items(), LANGUAGES.items()):
        (OUT / f"{name}{ending}.svg").write_text(drawn.svg(figure, name, language), encoding="utf-8")
    chinese = chinese_fonts()
    draw(CHAPTER, "", [])
    if chinese:
        draw(CHINESE / CHAPTER.name, "-zh", chinese)
    for name in KEPT:
        svg = (OUT.parent / f"{name}.svg").read_text(encoding="utf-8")
        (OUT.parent / f"{name}-zh.svg").write_text(relabelled(svg), encoding="utf-8")


def draw(page: Path, suffix: str, fonts: list[str]) -> None:
    """Run the code of a page, and keep the pictures that it draws, with a suffix to their names."""
    found = [block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "python"]
    code = "\n".join(line for block in found for line in block.lines)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "matplotlibrc"
        settings.write_text(f"backend: agg\nfont.family: {', '.join(['sans-serif', *fonts])}\n", encoding="utf-8")
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MATPLOTLIBRC": str(settings)}
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)
        for picture in Path(folder).glob("*.svg"):
            shutil.copyfile(picture, OUT / f"{picture.stem}{suffix}.svg")


def relabelled(svg: str) -> str:
    """A picture of Matplotlib with Chinese labels, in the reader's fonts, in the places of those in `LABELS`."""
    return LABEL.sub(_label, svg)


def _label(found: re.Match[str]) -> str:
    head, said, group, place, size, inside = found.groups()
    words = LABELS.get(said)
    if words is None:
        return found[0]
    ends = [float(x) for x in re.findall(r"<use [^>]*translate\(([\d.]+)", inside)]
    middle = float(size) * (max(ends, default=0.0) + 60.0) / 2.0  # a glyph is about 60 wide
    glyphs = "".join(re.findall(r"<defs>.*?</defs>", inside, re.DOTALL))  # other labels use them
    text = f'<text x="{middle:.1f}" text-anchor="middle" font-family="sans-serif" font-size="{100 * float(size):g}">'
    return f'{head}<!-- {said} --><g {group}transform="{place}">{glyphs}{text}{html.escape(words)}</text></g>'


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    words = [*(ROOT / "src/tunesmith/visualization").rglob("*.py"), ROOT / "src/tunesmith/foundation/languages/zh.json"]
    code = [Path(__file__), CHAPTER, CHINESE / CHAPTER.name, *words]
    made = [p.stat().st_mtime for p in OUT.glob("*.svg")]
    if len(made) < 40 or min(made) < max(p.stat().st_mtime for p in code):
        make()


if __name__ == "__main__":
    make()
