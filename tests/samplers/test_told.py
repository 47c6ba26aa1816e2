"""What a trial says of its proposal: the improvement that was expected, priors, a warm start, the branch."""

from __future__ import annotations

import re

import pytest

import tunesmith as ts
from tunesmith import Float, Space
from tunesmith.trial.record import TrialRecord

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def searched(scale: float = 1.0, space: Space = SPACE, **more: object) -> list[str]:
    study = ts.create_study(space=space, seed=3, **more)  # type: ignore[arg-type]
    study.optimize(lambda t: scale * (1 + (t.params["x"] - 0.2) ** 2 + (t.params["y"] - 0.7) ** 2), n_trials=9)
    return [told(t) for t in study.trials[5:]]


def told(trial: TrialRecord) -> str:
    return str(trial.system_attrs.get("proposed_by", ""))


def gains(words: list[str]) -> list[float]:
    return [float(m[1]) for text in words if (m := re.search(r"expected improvement ([0-9.e+-]+)", text))]


def test_the_expected_improvement_has_the_unit_of_the_objective() -> None:
    one, thousand = gains(searched()), gains(searched(1000.0))
    assert len(one) == 4
    assert all(0 < gain < 1 for gain in one)
    assert thousand == pytest.approx([1000.0 * gain for gain in one], rel=0.02)


def test_a_sampler_by_name_says_it_too() -> None:
    assert all(text.startswith("expected improvement") for text in searched(sampler="gp"))


def test_priors_and_a_warm_start_are_named_with_their_weights() -> None:
    space = Space(x=Float(0, 1, prior=0.25), y=Float(0, 1))
    assert all("; priors of x with the weight 0." in text for text in searched(space=space))
    assert not any("prior" in text or "warm start" in text for text in searched())
    earlier = ts.create_study(space=SPACE, seed=1)
    earlier.optimize(lambda t: (t.params["x"] - 0.2) ** 2 + (t.params["y"] - 0.7) ** 2, n_trials=15)
    assert all("; warm start with the weight 0." in text for text in searched(warm_start_from=earlier))


def test_of_several_objectives_it_is_in_standard_deviations() -> None:
    for m, words in ((2, "expected hypervolume improvement"), (3, "standard deviations of a weighted sum")):
        study = ts.create_study(space=SPACE, directions=["minimize"] * m, seed=0)
        study.optimize(lambda t, m=m: [abs(t.params["x"] - k / m) + t.params["y"] for k in range(m)], n_trials=8)
        assert words in told(study.trials[-1])
        assert "standard deviations" in told(study.trials[-1])
