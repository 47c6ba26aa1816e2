"""Makes the pictures of docs/see-it.md, into docs/img/figures/: a hook of mkdocs, and a program.

Run it alone with `python .ci/figures.py`. It needs Matplotlib. Pictures that are there are made anew only if the code
of the figures has changed since.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "img" / "figures"
sys.path.insert(0, str(ROOT / "src"))


def classifier(seed: int = 0, sampler: str = "tpe") -> Any:
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
            trial.report(final + math.exp(-epoch / 3), epoch)
            if trial.should_prune():
                raise tunesmith.TrialPruned
        return final

    study = tunesmith.create_study(space=space, sampler=sampler, pruner="median", seed=seed, study_name=sampler)
    study.optimize(error, n_trials=100)
    return study


def make() -> None:
    """Write all pictures."""
    from tunesmith import visualization as v

    study = classifier()
    figures = {
        "optimization_history": v.plot_optimization_history(study, show_pruned=True, backend="matplotlib"),
        "intermediate_values": v.plot_intermediate_values(study, backend="matplotlib"),
        "slice": v.plot_slice(study, show_pruned=True, backend="matplotlib"),
        "edf": v.plot_edf([study, classifier(sampler="random")], backend="matplotlib"),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(OUT / f"{name}.png", dpi=110)


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    code = [Path(__file__), *(ROOT / "src" / "tunesmith" / "visualization").rglob("*.py")]
    made = [p.stat().st_mtime for p in OUT.glob("*.png")]
    if not made or min(made) < max(p.stat().st_mtime for p in code):
        make()


if __name__ == "__main__":
    make()
