"""Studies that try to do harm, and the ordinary ones, for the tests of the dashboard."""

from __future__ import annotations

import math
from pathlib import Path

import tunesmith as ts

EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
EVIL_PARAMETER = "<b onclick=alert(1)>p</b>"


def hostile(path: Path) -> ts.Study:
    """A study whose name, parameters, categories, metrics, attributes, notes, failures and artifacts are markup."""
    study = ts.create_study(storage=path, study_name=f"study {EVIL}", seed=1)

    def objective(trial: ts.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        kind = trial.suggest_categorical(EVIL_PARAMETER, ["sgd", EVIL, "adam"])
        if kind == "adam":
            trial.suggest_float("beta", 0, 0.999)
        trial.set_user_attr("tag", EVIL)
        for step in range(4):
            trial.report(abs(math.log10(lr) + 2.5) + 1 / (step + 1), step)
            trial.log({EVIL: lr * step, "rate": lr / (step + 1)}, step)
        if trial.number % 17 == 5:
            raise ValueError(f"bad {EVIL}")
        return abs(math.log10(lr) + 2.5) + 0.01 * (trial.number % 7)

    study.sampler = ts.samplers.RandomSampler()
    study.optimize(objective, n_trials=40, catch=(ValueError,))
    study.set_user_attr("note", f"# Hello\n**bold** {EVIL} [link](javascript:alert(1)) [ok](https://example.org)")
    study.set_trial_attr(3, "note", EVIL)
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    study.artifacts.of(3).save("plot.svg", svg, media_type="image/svg+xml")
    return study


def plain(path: Path, name: str = "plain", n: int = 30) -> ts.Study:
    """A study with nothing strange in it."""
    study = ts.create_study(storage=path, study_name=name, seed=2, sampler="random")
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_int("n", 1, 9), n_trials=n)
    return study


def two_objectives(path: Path) -> ts.Study:
    """A study with two objectives."""
    study = ts.create_study(
        storage=path, study_name="two", seed=3, directions=["minimize", "maximize"], sampler="random"
    )
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)), n_trials=20)
    return study
