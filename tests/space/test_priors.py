"""What users believe about good values: how it is written, kept and turned into a density."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space, merge
from tunesmith.space.base import priors_of
from tunesmith.space.parse import parse_parameter
from tunesmith.space.priors import DEFAULT_PRIOR_WIDTH, PRIOR_UNIFORM_SHARE, NormalPrior, UnitPrior
from tunesmith.space.serialize import parameter_from_json, parameter_to_json

BELIEVED: dict[str, Parameter] = {
    "float": Float(-1, 1, prior=0.25),
    "log": Float(1e-5, 1e-1, log=True, prior=3e-4, prior_width=10),
    "step": Float(0, 1, step=0.1, prior=0.3, prior_width=0.2),
    "int": Int(1, 9, prior=4, prior_width=1.5),
    "log int": Int(1, 1024, log=True, prior=64),
    "int step": Int(0, 30, step=10, prior=20),
    "constant": Int(3, 3, prior=3),
    "constant log": Float(2, 2, log=True, prior=2, prior_width=1.1),
    "ordinal": Ordinal(["s", "m", "l", "xl"], prior="m", prior_width=0.5),
    "choice": Categorical(["sgd", "adam", "lion"], prior="adam"),
    "weights": Categorical([None, True, 1, "a"], prior={None: 3, True: 1}),
    "one choice": Categorical(["only"], prior="only"),
    "object": Categorical({"square": lambda r: r * r, "absolute": abs}, prior="absolute"),
}
believed = pytest.mark.parametrize("param", BELIEVED.values(), ids=BELIEVED.keys())


def density_of(param: Parameter) -> UnitPrior:
    prior = param.unit_prior()
    assert prior is not None
    return prior


# ------------------------------------------------------------------------------------------------------------ keeping


@believed
def test_it_survives_text_pickle_and_copies(param: Parameter) -> None:
    again = parameter_from_json(parameter_to_json(param))
    assert again == param
    assert hash(again) == hash(param)
    assert (again.prior, again.prior_width) == (param.prior, param.prior_width)
    assert density_of(again).best == density_of(param).best
    conditional = param.when(parent="on")
    assert (conditional.prior, conditional.prior_width) == (param.prior, param.prior_width)
    assert parameter_from_json(parameter_to_json(conditional)) == conditional


@pytest.mark.parametrize("name", [n for n in BELIEVED if n != "object"])
def test_it_survives_pickling(name: str) -> None:
    param = BELIEVED[name]
    again = pickle.loads(pickle.dumps(param))
    assert again == param
    assert again.prior == param.prior


@believed
def test_it_counts_in_comparisons_and_can_be_changed(param: Parameter) -> None:
    plain = param.with_prior(None)
    assert plain.prior is None
    assert plain.prior_width is None
    assert plain != param
    assert plain.unit_prior() is None
    assert plain.with_prior(param.prior, param.prior_width) == param
    assert param.with_prior(param.prior, param.prior_width) == param
    assert "prior=" in repr(param)
    assert "prior" not in repr(plain)


def test_it_is_shown() -> None:
    assert repr(BELIEVED["log"]) == "Float(1e-05, 0.1, log=True, prior=0.0003, prior_width=10.0)"
    assert repr(BELIEVED["int step"]) == "Int(0, 30, step=10, prior=20)"
    assert repr(BELIEVED["choice"]) == "Categorical(['sgd', 'adam', 'lion'], prior='adam')"
    assert repr(BELIEVED["weights"]) == "Categorical([None, True, 1, 'a'], prior={None: 3.0, True: 1.0})"


def test_spaces_keep_it() -> None:
    space = Space({name: p for name, p in BELIEVED.items() if name != "object"}, extra=Float(0, 1))
    again = Space.from_json(space.to_json())
    assert again == space
    assert again.signature == space.signature
    assert pickle.loads(pickle.dumps(space)) == space
    bare = Space({name: p.with_prior(None) for name, p in space.params.items()})
    assert bare.signature != space.signature
    assert "prior" not in bare.to_json(), "a space without beliefs is written as it always was"
    assert sorted(priors_of(list(space.params.values()))) == list(range(len(space) - 1))


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("log(1e-5, 1e-1, prior=3e-4)", Float(1e-5, 1e-1, log=True, prior=3e-4)),
        ("log(1e-5, 1e-1, prior=3e-4, prior_width=10)", Float(1e-5, 1e-1, log=True, prior=3e-4, prior_width=10)),
        ("float(0, 1, step=0.1, prior=0.3)", Float(0, 1, step=0.1, prior=0.3)),
        ("int(1, 9, prior=4, prior_width=2)", Int(1, 9, prior=4, prior_width=2)),
        ("log int(1, 64, prior=8)", Int(1, 64, log=True, prior=8)),
        ("relu | tanh, prior=tanh", Categorical(["relu", "tanh"], prior="tanh")),
        ("s < m < l, prior=m, prior_width=1", Ordinal(["s", "m", "l"], prior="m", prior_width=1)),
        ("a | b, prior=b if c == d", Categorical(["a", "b"], prior="b").when(c="d")),
        ("prior | prior_width", Categorical(["prior", "prior_width"])),
    ],
)
def test_text(text: str, param: Parameter) -> None:
    assert parse_parameter(text) == param


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(1e-5, 1e-1, prior=3)", "3 is out of range"),
        ("log(1e-5, 1e-1, prio=3e-4)", "did you mean 'prior'"),
        ("int(1, 9, prior=many)", "expected a number"),
        ("a | b, prior=c", "'c' is not among the choices"),
        ("a | b, prior_width=2", "expected the option 'prior=…'"),
        ("a < b, prior_width=2", "without a prior"),
    ],
)
def test_text_with_mistakes(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        parse_parameter(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Float(0, 1, prior=2),
            r"Float\(0.0, 1.0\) with prior=2: 2 is out of range; valid is a number from 0.0",
        ),
        (lambda: Float(0, 1, prior="a"), "is not a number"),
        (lambda: Float(0, 1, step=0.1, prior=0.33), "not on the lattice"),
        (lambda: Float(0, 1, prior=math.nan), "out of range"),
        (lambda: Float(0, 1, prior_width=0.1), "without a prior; give prior=value"),
        (lambda: Float(0, 1, prior=0.5, prior_width=0), "finite number > 0, got 0"),
        (lambda: Float(0, 1, prior=0.5, prior_width=True), "finite number > 0, got True"),
        (lambda: Float(1, 9, log=True, prior=3, prior_width=0.5), "a factor > 1"),
        (lambda: Int(1, 9, prior=3, prior_width=math.inf), "finite number > 0"),
        (lambda: Int(1, 9, prior=3.5), "not on the lattice"),
        (lambda: Ordinal(["a", "b"], prior="c"), "'c' is not among the choices"),
        (lambda: Ordinal(["a", "b"], prior={"a": 1}), "is not among the choices"),
        (lambda: Ordinal(["a", "b"], prior="a", prior_width=-1), "finite number > 0"),
        (lambda: Categorical(["a", "b"], prior="A"), "did you mean 'a'"),
        (lambda: Categorical(["a", "b"], prior={"a": 1, "c": 2}), "prior: 'c' is not among"),
        (lambda: Categorical(["a", "b"], prior={"a": -1}), "weight of 'a' must be a finite number >= 0, got -1"),
        (lambda: Categorical(["a", "b"], prior={}), "at least one weight must be > 0"),
        (lambda: Categorical(["a", "b"]).with_prior("a", 2.0), "no prior_width"),
        (lambda: Space(x=stats.norm())["x"].with_prior(0.0), "takes no prior"),
        (lambda: parameter_from_json({"type": "categorical", "choices": ["a", "b"], "prior": 2}), "no prior of 2"),
        (lambda: parameter_from_json({"type": "float", "low": 0, "high": 1, "prior": 2}), "out of range"),
    ],
)
def test_mistakes_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


# ------------------------------------------------------------------------------------------------------------- growth


def test_a_suggestion_without_a_belief_does_not_change_the_space() -> None:
    space = Space(lr=Float(1e-5, 1e-1, log=True, prior=3e-4, prior_width=3), act=Categorical(["a", "b"], prior="b"))
    assert merge(space, {"lr": Float(1e-5, 1e-1, log=True), "act": Categorical(["a", "b"])}) is space
    assert merge(space, {"lr": Float(1e-5, 1e-1, log=True, prior=1e-2)}) is space, "the first belief is kept"


def test_beliefs_live_on_in_a_space_that_grows() -> None:
    space = Space(lr=Float(1e-5, 1e-1, log=True, prior=3e-4, prior_width=3), act=Categorical(["a", "b"], prior="b"))
    wide = merge(space, {"lr": Float(1e-6, 1, log=True), "act": Categorical(["c"])})
    assert wide["lr"] == Float(1e-6, 1, log=True, prior=3e-4, prior_width=3)
    assert wide["act"] == Categorical(["a", "b", "c"], prior="b")
    linear = merge(space, {"lr": Float(0, 1)})
    assert linear["lr"] == Float(0, 1, prior=3e-4), "a factor is no width of a range that is not logarithmic"
    weights = Categorical(["a", "b"], prior={"a": 2})
    assert weights.extended(Categorical(["c"])).prior == {"a": 2.0}


# ------------------------------------------------------------------------------------------------------------ density


def integral(prior: UnitPrior, n: int) -> float:
    return float(np.exp(prior.log_density((np.arange(n) + 0.5) / n)).mean())


@believed
def test_it_is_a_density_with_the_best_value_on_top(param: Parameter) -> None:
    prior = density_of(param)
    u = np.linspace(0, 1, 2001)
    density = np.exp(prior.log_density(u))
    assert prior.log_density(param.to_unit([prior.best])) >= np.log(density.max()) - 1e-9
    assert density.min() >= PRIOR_UNIFORM_SHARE - 1e-12, "nothing is ruled out"
    choices = isinstance(param, Categorical) and not param.is_ordered
    assert integral(prior, 840 if choices else 100_000) == pytest.approx(1.0, abs=1e-6)
    assert param.to_label(prior.best) == param.prior or param.prior == {None: 3.0, True: 1.0}


@believed
def test_draws_follow_the_density(param: Parameter) -> None:
    prior = density_of(param)
    drawn = prior.draw((np.arange(20_000) + 0.5) / 20_000)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    edges = np.linspace(0, 1, 13)
    share = np.histogram(drawn, edges)[0] / 20_000
    fine = np.exp(prior.log_density((np.arange(12_000) + 0.5) / 12_000)).reshape(12, -1).mean(axis=1) / 12
    if isinstance(param, Categorical) and not param.is_ordered:  # draws are cell centres
        k = len(param.choices)
        share = np.bincount((drawn * k).astype(int), minlength=k) / 20_000
        fine = np.exp(prior.log_density((np.arange(k) + 0.5) / k)) / k
    assert share == pytest.approx(fine, abs=2e-3)
    assert np.isfinite(prior.draw(np.array([0.0, 1e-300, PRIOR_UNIFORM_SHARE, np.nextafter(1, 0), 1.0]))).all()


@given(centre=st.floats(0, 1), sd=st.floats(1e-4, 2.0), u=st.floats(0.001, 0.999))
def test_the_slope_is_the_derivative(centre: float, sd: float, u: float) -> None:
    prior = NormalPrior(0.0, centre, sd, 0.0)
    h = 1e-7 * max(prior.sd, 1e-3)
    ends = prior.log_density(np.array([u - h, u + h]))
    assert prior.slope(np.array([u]))[0] == pytest.approx((ends[1] - ends[0]) / (2 * h), rel=1e-3, abs=1e-3 / prior.sd)


def test_what_a_width_means() -> None:
    """One standard deviation: in the parameter's unit, a factor with log, steps of an ordinal."""

    def sd(param: Parameter) -> float:
        prior = density_of(param)
        assert isinstance(prior, NormalPrior)
        return prior.sd

    assert sd(Float(0, 8, prior=1)) == DEFAULT_PRIOR_WIDTH
    assert sd(Float(0, 8, prior=1, prior_width=2)) == pytest.approx(2 / 8)
    assert sd(Float(1e-4, 1, log=True, prior=1e-2, prior_width=10)) == pytest.approx(1 / 4)
    cell = 1 / 10
    assert sd(Int(0, 9, prior=1, prior_width=3)) == pytest.approx(math.hypot(3 / 10, cell / math.sqrt(12)))
    assert sd(Ordinal(range(10), prior=2, prior_width=3)) == sd(Int(0, 9, prior=1, prior_width=3))
    assert sd(Float(0, 0.9, step=0.1, prior=0.5, prior_width=0.3)) == pytest.approx(
        sd(Int(0, 9, prior=1, prior_width=3))
    )
    assert sd(Int(0, 9, prior=1, prior_width=1e-9)) == pytest.approx(cell / math.sqrt(12)), "no narrower than a cell"


def test_what_a_choice_means() -> None:
    def p(param: Parameter) -> list[float]:
        k = int(param.n_values)
        return (np.exp(density_of(param).log_density((np.arange(k) + 0.5) / k)) / k).round(6).tolist()

    assert p(Categorical(["a", "b"], prior="b")) == [0.25, 0.75]
    assert p(Categorical(list("abcd"), prior="a")) == [0.625, *[0.125] * 3]
    assert p(Categorical(list("abcd"), prior={"a": 3, "b": 1})) == [0.7, 0.25, 0.025, 0.025]
