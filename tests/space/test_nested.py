"""Nested choices and dicts: columns with conditions inside, nested points outside."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith import Categorical, Choice, Distribution, Float, Int, Ordinal, Space
from tunesmith.errors import SpaceError

MODEL = {
    "svm": {"C": Float(0.1, 10, log=True), "kernel": ["linear", "rbf"], "gamma": Float(0, 1).when(kernel="rbf")},
    "forest": {"depth": Int(1, 12), "inner": {"a": Float(0, 1), "constant": 3}},
    "none": {},
}

# -- laws --------------------------------------------------------------------------------------------------------------

names = st.sampled_from("abcd")
leaves = st.one_of(
    st.just(Float(0, 1)),
    st.just(Int(1, 3)),
    st.just(Categorical(["x", "y"])),
    st.just([True, None, 2.5]),
    st.sampled_from(["text", 7, None, 0.5, False]),
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    dicts = st.dictionaries(names, inner, min_size=1, max_size=3)
    return st.one_of(
        dicts,
        st.dictionaries(st.sampled_from(["p", "q", "r"]), inner, min_size=1, max_size=3).map(Choice),
        st.lists(dicts, min_size=1, max_size=3).map(Choice),
    )


parts = st.recursive(leaves, nested, max_leaves=8)
spaces = st.dictionaries(names, nested(parts), min_size=1, max_size=3)


@settings(max_examples=settings().max_examples // 2)
@given(written=spaces, seed=st.integers(0, 2**16))
def test_points_go_to_columns_and_back(written: dict[str, Any], seed: int) -> None:
    try:
        space = Space(written)
    except SpaceError:  # a dict in which no parameter stands is a choice of named objects, and constants describe none
        return
    x = space.sample(np.random.default_rng(seed), 8)
    points = space.decode(x)
    for row, point in zip(x, points, strict=True):
        flat = space.flat_row(row)
        assert space.nested(flat) == point
        active = [name for name, on in zip(space.names, space.active(row[None])[0], strict=True) if on]
        assert list(flat) == active  # columns that are not active are in no point
        back = space.flat(point)
        assert space.nested(dict(back)) == point  # two options that look alike are one to who reads the point
    assert space.decode(space.encode([space.flat_row(row) for row in x])) == points  # the names of columns do as well
    assert space.decode(space.encode(points)) == points
    named = {n: dict(zip(p.names, p.choices, strict=True)) for n, p in space.items() if isinstance(p, Categorical)}
    again = Space.from_json(space.to_json(), objects=named)
    assert again == space
    assert again.decode(x) == points
    assert pickle.loads(pickle.dumps(space)) == space


# -- what users write --------------------------------------------------------------------------------------------------


def test_an_option_that_lacks_nothing_goes_before_one_without_its_name() -> None:
    space = Space({"a": Choice({"p": {"a": Float(0, 1)}, "q": Choice([{"a": Float(0, 1)}])})})
    assert space.flat({"a": {"a": 0.5}})["a"] == "q"
    assert space.flat({"a": {"type": "p", "a": 0.5}})["a"] == "p"


def test_an_option_has_its_own_parameters_alone() -> None:
    space = Space(model=Choice(MODEL), lr=Float(0, 1))
    assert space.names == (
        "model", "model.svm.C", "model.svm.kernel", "model.svm.gamma", "model.forest.depth", "model.forest.inner.a",
        "lr",
    )  # fmt: skip
    seen = set()
    for point in space.decode(space.sample(np.random.default_rng(0), 60)):
        model = point["model"]
        seen.add(model["type"])
        if model["type"] == "svm":
            assert set(model) == {"type", "C", "kernel"} | ({"gamma"} if model["kernel"] == "rbf" else set())
        elif model["type"] == "forest":
            assert model["inner"]["constant"] == 3
            assert 0 <= model["inner"]["a"] <= 1
        else:
            assert model == {"type": "none"}
    assert seen == set(MODEL)


def test_lists_of_dicts_say_themselves_what_they_are() -> None:
    written = [{"type": "svm", "C": Float(0.1, 10)}, {"type": "forest", "depth": 3}]
    space = Space(model=Categorical(written))  # what users of Optuna and Hyperopt try first
    assert space == Space(model=written) == Space(model=Choice(written))
    assert space.names == ("model", "model.svm.C")
    space.validate({"model": {"type": "forest", "depth": 3}})
    unnamed = Space(model=[{"C": Float(0.1, 10)}, {"depth": Int(1, 3)}])
    assert unnamed.names == ("model", "model.0.C", "model.1.depth")
    assert unnamed.encode([{"model": {"depth": 2}}]).tolist() == [[1.0, pytest.approx(np.nan, nan_ok=True), 2.0]]


def test_options_may_be_values_and_objects() -> None:
    class Thing:
        pass

    space = Space(
        rate=Choice({"off": None, "number": Float(0, 1), "auto": "auto"}),
        thing=Choice({"a": {"cls": Thing, "n": Int(1, 2)}, "b": {"cls": dict}}, key=None),
        step=[0, Float(0.1, 0.2)],
    )
    kinds = set()
    for point in space.decode(space.sample(np.random.default_rng(0), 60)):
        kinds.add(type(point["rate"]).__name__)
        assert point["thing"]["cls"] in (Thing, dict)
        assert set(point["thing"]) == ({"cls", "n"} if point["thing"]["cls"] is Thing else {"cls"})
        assert point["step"] == 0 or 0.1 <= point["step"] <= 0.2
    assert kinds == {"NoneType", "float", "str"}


def test_a_dict_with_a_parameter_in_it_is_a_part_of_the_point() -> None:
    space = Space(optimizer={"lr": Float(1e-4, 1, log=True), "betas": {"b1": Float(0.8, 1)}, "name": "adam"})
    (point,) = space.decode(space.sample(np.random.default_rng(0), 1))
    assert set(point["optimizer"]) == {"lr", "betas", "name"}
    assert point["optimizer"]["name"] == "adam"
    assert Space(loss={"square": abs, "cube": abs.__class__})["loss"].n_values == 2  # without one: named choices


def test_conditions_and_constraints_reach_inside() -> None:
    space = Space(
        use=[True, False],
        model=Choice({"a": {"n": Int(1, 9), "m": Int(1, 9)}, "b": {"k": Int(1, 3).when(use=True)}}).when(use=[True]),
        z=Float(0, 1).when({"model": "b", "model.b.k": [1, 2]}),
        constraints=lambda model: model["type"] == "b" or model["n"] < model["m"],
    )
    for point in space.decode(space.sample(np.random.default_rng(0), 80)):
        assert ("model" in point) == point["use"]
        model = point.get("model", {"type": None})
        assert model["type"] != "a" or model["n"] < model["m"]
        assert ("z" in point) == (model["type"] == "b" and model["k"] < 3)


def test_a_prior_says_which_option_is_believed_to_be_good() -> None:
    assert Space(m=Choice(MODEL, prior="forest"))["m"].prior == "forest"
    assert Categorical([{"type": "a", "x": Float(0, 1)}, {"type": "b"}], prior={"a": 3.0}).prior == {"a": 3.0}


def test_text_describes_parameters_or_is_a_constant() -> None:
    space = Space(m=Choice({"a": {"lr": "log(1e-3, 1)", "act": "relu | tanh", "path": "x/y z", "name": "adam"}}))
    assert space["m.a.lr"] == Float(1e-3, 1, log=True).when(m="a")
    assert space["m.a.act"].n_values == 2
    assert {"path": "x/y z", "name": "adam"}.items() <= space.decode(np.array([[0, 1e-3, 0]]))[0]["m"].items()


def test_a_frozen_distribution_can_have_a_condition() -> None:
    from scipy.stats import norm, uniform

    space = Space(m=["a", "b"], shift=Distribution(norm(0, 2)).when(m="a"), c=Choice({"n": {"u": uniform(0, 2)}}))
    for point in space.decode(space.sample(np.random.default_rng(0), 30)):
        assert ("shift" in point) == (point["m"] == "a")
        assert 0 <= point["c"]["u"] <= 2
    for wrong in (norm, 3.0):
        with pytest.raises(SpaceError, match=r"give them|takes a frozen one"):
            Distribution(wrong)


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: Choice({}), "options are empty"),
        (lambda: Choice("svm"), "a dict by name, or a list"),
        (lambda: Choice({1: {}}), "non-empty text"),
        (lambda: Space(m=Choice({"a": {"type": "b", "x": Float(0, 1)}})), "of its own"),
        (lambda: Space(m=Choice([{"type": "a"}, {"type": "a"}])), "given more than once"),
        (lambda: Space({"m": Choice({"a": {"x": Float(0, 1)}}), "m.a.x": Float(0, 1)}), "would be called 'm.a.x'"),
        (lambda: Space([{"m": Choice(MODEL)}, {"k": [1]}]), "a list of dicts takes no nested"),
        (lambda: Space(m=Choice({"a": {"x": Float(0, 1).when(kernel="rbf")}})), "depends on 'kernel'"),
        (lambda: Space(m=Choice({"a": {"x": {1, 2}}})), "a set has no order"),
        (lambda: Ordinal([{"x": Float(0, 1)}]), "has no order"),
        (lambda: Categorical(Float(0, i) for i in (1, 2)), "given as a list or a dict"),
        (lambda: Categorical([Float(0, 1)], prior="x") and Space(m=Choice(MODEL, prior="x")), "'m': .*prior"),
    ],
)
def test_what_describes_no_space_is_an_error(write: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        write()


def test_what_is_no_point_is_an_error() -> None:
    space = Space(model=Choice(MODEL), o={"lr": Float(0, 1)})
    for model, message in (
        ({"type": "svn", "C": 1.0}, "fits none of the 3 options"),
        ({"type": "svm", "C": 99.0, "kernel": "linear"}, "out of range"),
        ({"type": "svm", "C": 1.0}, r"'model.svm.kernel' is missing"),
        ({"type": "svm", "C": 1.0, "kernel": "linear", "gamma": 0.5}, "exists only if"),
        (5, "fits none"),
    ):
        with pytest.raises(SpaceError, match=message):
            space.validate({"model": model, "o": {"lr": 0.5}})
    with pytest.raises(SpaceError, match="did you mean 'lr'"):
        space.validate({"model": {"type": "none"}, "o": {"lrr": 0.5}})
    space.validate({"model": {"type": "svm"}}, partial=True)


def test_a_pickle_of_1_0_finds_the_module_that_has_another_name_now() -> None:
    assert pickle.loads(b"ctunesmith.space.choice\nChoice\n.") is Choice
