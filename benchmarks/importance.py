"""Importances with a known truth, and their speed, beside Optuna's evaluators on the same trials.

shares       variance shares 0.8, 0.2 and 0: in how many studies of 100 random trials do the 95 % intervals hold them?
noise        100 random trials with 3 parameters and values of noise: how often is a bar above its null line, and how
             much of all importance does the largest bar have?
product      (x0 - 1/2) (x1 - 1/2): the pair, and the main effects that are 0
conditional  a branch that is better than the other, and inside of it one parameter that matters
adaptive     100 trials of the default sampler on an objective of which two of three parameters matter, and on noise
speed        seconds for 10,000 trials with 30 parameters

A dash stands where an evaluator has no such figure.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tunesmith as ts
from tunesmith.importance import importance

Objective = Callable[[dict[str, Any], np.random.Generator], float]
Peer = Callable[[ts.Study], dict[str, float]]


def box(d: int) -> dict[str, ts.Float]:
    return {f"x{j}": ts.Float(0.0, 1.0) for j in range(d)}


def at_random(f: Objective, space: Mapping[str, Any], n: int, seed: int) -> ts.Study:
    rng = np.random.default_rng(seed)
    declared = ts.Space(space)
    study = ts.create_study(space=declared, seed=seed)
    study.add_trials(
        [
            ts.create_trial(params=p, distributions={k: declared[k] for k in p}, value=float(f(p, rng)))
            for p in declared.decode(declared.sample(rng, n))
        ]
    )
    return study


def searched(f: Objective, d: int, n: int, seed: int) -> ts.Study:
    rng = np.random.default_rng(seed)
    study = ts.create_study(seed=seed)
    study.optimize(lambda t: float(f({k: t.suggest_float(k, 0.0, 1.0) for k in box(d)}, rng)), n_trials=n)
    return study


def peers() -> dict[str, Peer]:
    """Optuna's evaluators, each as a function of one of our studies; none if Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")

    def converted(study: ts.Study) -> Any:
        def distribution(p: Any) -> Any:
            if isinstance(p, ts.Float):
                return optuna.distributions.FloatDistribution(p.low, p.high)
            return optuna.distributions.CategoricalDistribution(list(p.choices))

        theirs = optuna.create_study()
        kept = {name: distribution(p) for name, p in study.space.params.items()}
        theirs.add_trials(
            [
                optuna.trial.create_trial(params=t.params, distributions={k: kept[k] for k in t.params}, value=t.value)
                for t in study.trials
            ]
        )
        return theirs

    cache: dict[int, tuple[ts.Study, Any]] = {}

    def peer(make: Callable[[], Any]) -> Peer:
        def evaluate(study: ts.Study) -> dict[str, float]:
            if id(study) not in cache:
                cache.clear()
                cache[id(study)] = (study, converted(study))
            return optuna.importance.get_param_importances(cache[id(study)][1], evaluator=make(), normalize=False)

        return evaluate

    return {
        "optuna ped-anova": peer(optuna.importance.PedAnovaImportanceEvaluator),
        "optuna fanova": peer(lambda: optuna.importance.FanovaImportanceEvaluator(seed=0)),
    }


def show(section: str, who: str, text: str) -> None:
    print(f"{section:<12} {who:<17} {text}", flush=True)


def bars(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:6.3f}" for name, value in sorted(values.items()))


def means(values: list[dict[str, float]]) -> str:
    return bars({name: float(np.mean([v.get(name, 0.0) for v in values])) for name in values[0]})


def shares(p: dict[str, float], rng: np.random.Generator) -> float:
    return float(np.sqrt(1.6) * np.sin(2 * np.pi * p["x0"]) + np.sqrt(2.4) * (p["x1"] - 0.5))


def run_shares(others: dict[str, Peer], seeds: int) -> None:
    for noise in (0.0, 0.5):
        truth = {"x0": 0.8 / (1 + noise**2), "x1": 0.2 / (1 + noise**2), "x2": 0.0}
        studies = [
            at_random(lambda p, r, sd=noise: shares(p, r) + sd * r.normal(), box(3), 100, seed) for seed in range(seeds)
        ]
        tables = [importance(study, evaluator="fanova") for study in studies]
        held = np.array([[t[k].interval[0] <= v <= t[k].interval[1] for k, v in truth.items()] for t in tables])
        each = ", ".join(f"{k} {count}" for k, count in zip(truth, held.sum(axis=0), strict=True))
        text = f"held in {held.all(axis=1).sum()} of {seeds} ({each}); mean {means([t.values() for t in tables])}"
        show("shares", "fanova", f"noise {noise}: {text}")
        if "optuna fanova" in others:
            values = means([others["optuna fanova"](study) for study in studies])
            show("shares", "optuna fanova", f"noise {noise}: -; mean {values}")


def run_noise(others: dict[str, Peer], seeds: int) -> None:
    studies = [at_random(lambda p, r: r.normal(), box(3), 100, seed) for seed in range(seeds)]
    for name in ("ped-anova", "fanova", "shapley", "ablation"):
        tables = [
            importance(study, evaluator=name) for study in studies[: seeds if name == "ped-anova" else seeds // 3]
        ]
        above = [[row.stands_out for row in t.rows] for t in tables]
        of_bars = np.mean([found for part in above for found in part])
        text = f"bars above: {100 * of_bars:.1f} %, studies with one: {100 * np.mean([any(a) for a in above]):.1f} %"
        if any(t.pairs for t in tables):
            text += (
                f", studies with a pair: {100 * np.mean([any(r.stands_out for r in t.pairs) for t in tables]):.1f} %"
            )
        largest = np.mean([max((row.value for row in t.rows), default=0.0) for t in tables])
        show("noise", name, f"{text}; largest bar {largest:.3f} on average ({len(tables)} studies)")
    for name, peer in others.items():
        found = [peer(study) for study in studies[: seeds // 3]]
        shares_of_all = np.mean([max(v.values()) / max(sum(v.values()), 1e-12) for v in found])
        show("noise", name, f"no null line; largest bar is {shares_of_all:.2f} of all importance on average")


def run_product(others: dict[str, Peer], seeds: int) -> None:
    studies = [at_random(lambda p, r: (p["x0"] - 0.5) * (p["x1"] - 0.5), box(3), 100, s) for s in range(seeds)]
    tables = [importance(study, evaluator="fanova") for study in studies]
    pair = np.mean([t["x0", "x1"].value for t in tables])
    found = sum(t["x0", "x1"].stands_out for t in tables)
    main = means([t.values() for t in tables])
    show("product", "fanova", f"pair {pair:.3f}, above its null line in {found} of {seeds}; main effects {main}")
    for name, peer in others.items():
        show("product", name, f"pair -; {means([peer(study) for study in studies])}")


def run_conditional(others: dict[str, Peer], seeds: int) -> None:
    space = {
        "kind": ["a", "b"],
        "inside": ts.Float(0.0, 1.0).when(kind="a"),
        "idle": ts.Float(0.0, 1.0).when(kind="b"),
    }

    def only_inside(p: dict[str, Any], rng: np.random.Generator) -> float:
        return p["inside"] if p["kind"] == "a" else float(rng.random())

    def only_choice(p: dict[str, Any], rng: np.random.Generator) -> float:
        return float(p["kind"] == "b") + float(rng.normal())

    for what, f in (("inside decides", only_inside), ("kind decides", only_choice)):
        studies = [at_random(f, space, 300, seed) for seed in range(seeds)]
        for name in ("ped-anova", "fanova"):
            tables = [importance(study, evaluator=name) for study in studies]
            above = bars({k: np.mean([t[k].stands_out for t in tables]) for k in space})
            show("conditional", name, f"{what}: {means([t.values() for t in tables])}; above the line: {above}")
        for name, peer in others.items():
            values = [peer(study) for study in studies]
            show("conditional", name, f"{what}: {means(values)}")


def run_adaptive(others: dict[str, Peer], seeds: int) -> None:
    def bowl(p: dict[str, float], rng: np.random.Generator) -> float:
        return 2.0 * (p["x0"] - 0.3) ** 2 + 0.6 * (p["x1"] - 0.6) ** 2 + 0.05 * rng.normal()

    for what, f in (("bowl", bowl), ("noise", lambda p, rng: rng.normal())):
        studies = [searched(f, 3, 100, seed) for seed in range(seeds)]
        for name in ("ped-anova", "fanova", "shapley", "ablation"):
            tables = [importance(study, evaluator=name) for study in studies]
            above = [{row.name: row.stands_out for row in t.rows} for t in tables]
            lines = bars({k: np.mean([a.get(k, False) for a in above]) for k in box(3)})
            show("adaptive", name, f"{what}: {means([t.values() for t in tables])}; above the line: {lines}")
        for name, peer in others.items():
            show("adaptive", name, f"{what}: {means([peer(study) for study in studies])}")


def run_speed(others: dict[str, Peer], n: int, d: int, repeats: int = 3) -> None:
    study = at_random(lambda p, r: p["x0"] + 0.3 * p["x1"] + 0.2 * r.normal(), box(d), n, 0)
    importance(at_random(shares, box(2), 20, 0))  # what is imported at first use
    smaller = at_random(lambda p, r: p["x0"] + 0.3 * p["x1"] + 0.2 * r.normal(), box(10), 500 if n > 1000 else 50, 0)
    for name, case in (("ped-anova", study), ("fanova", smaller), ("shapley", smaller), ("ablation", smaller)):
        seconds = min(_seconds(lambda case=case, name=name: importance(case, evaluator=name)) for _ in range(repeats))
        size = f"{len(case.history):,} trials, {len(case.space)} parameters"
        show("speed", name, f"{seconds:.2f} s with intervals ({size})")
    for name, peer in others.items():
        case = study if name.endswith("ped-anova") else smaller
        peer(case)  # converts the study
        size = f"{len(case.history):,} trials, {len(case.space)} parameters"
        show("speed", name, f"{min(_seconds(lambda: peer(case)) for _ in range(repeats)):.2f} s without ({size})")  # noqa: B023  # called at once


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


SECTIONS = ("shares", "noise", "product", "conditional", "adaptive", "speed")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed: shows that it works, no more")
    parser.add_argument("--seeds", type=int, default=100, help="studies for shares; 3 times as many for noise")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a section; may be repeated")
    args = parser.parse_args(argv)
    others = peers()
    if not others:
        print("Optuna is not installed: its evaluators are left out")
    if args.quick:
        others.pop("optuna fanova", None)  # takes a second for each study
    sections = args.only or SECTIONS
    seeds = 1 if args.quick else args.seeds
    few = max(1, seeds // 5)
    for name, run, size in (
        ("shares", run_shares, seeds),
        ("noise", run_noise, 3 * seeds),
        ("product", run_product, few),
        ("conditional", run_conditional, few),
        ("adaptive", run_adaptive, few),
    ):
        if name in sections:
            run(others, size)
    if "speed" in sections:
        run_speed(others, *((200, 10, 1) if args.quick else (10_000, 30)))


if __name__ == "__main__":
    main()
