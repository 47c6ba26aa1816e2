"""A parameter of many choices: several of them are tried before one is believed to be the best."""

from __future__ import annotations

from typing import Any

import tunesmith as ts
from tunesmith.space import Categorical, Float, Space

SPACE = Space(kind=Categorical([f"k{i}" for i in range(40)]), x=Float(0, 1))


def test_the_design_has_a_third_of_the_choices_and_ten_at_most() -> None:
    kinds = [Categorical([f"k{i}" for i in range(n)]) for n in (5, 18, 40)]
    for kind, least in zip(kinds, (4, 6, 10), strict=True):
        study = ts.create_study(space=Space(kind=kind, x=Float(0, 1)), sampler="gp", seed=0)
        study.optimize(lambda t: t.params["x"], n_trials=least + 1)
        assert len({t.params["kind"] for t in study.trials[:least]}) == min(least, int(kind.n_values))
        assert "expected improvement" not in str(study.trials[least - 1].system_attrs.get("proposed_by"))
        assert "expected improvement" in study.trials[least].system_attrs["proposed_by"]


def test_no_trial_is_spent_where_nothing_is_expected() -> None:
    """The function is known after some trials: its choices are all alike."""

    def fn(p: dict[str, Any]) -> float:
        return (p["x"] - 0.3) ** 2 + 0.1 * (p["kind"] != "k7")

    late = [
        [t.params["kind"] for t in ts.minimize(fn, SPACE, sampler="gp", n_trials=70, seed=seed).trials[40:]]
        for seed in range(6)
    ]
    assert sum(len(set(kinds)) for kinds in late) > sum(map(len, late)) / 4
