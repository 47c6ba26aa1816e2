"""Ranges in which places have words."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith import Categorical, Float, Int, Space, create_study
from tunesmith.errors import SpaceError
from tunesmith.space import merge
from tunesmith.space.estimators import FloatOr, IntOr
from tunesmith.space.words import with_range, without_words, words_of_parameter

WORDS = st.one_of(st.none(), st.sampled_from(["scale", "auto", "sqrt"]))


@st.composite
def ranges(draw: Any) -> Any:
    whole = draw(st.booleans())
    log = draw(st.booleans())
    low = draw(st.integers(1, 50)) if whole else draw(st.floats(0.01, 50))
    high = low + (draw(st.integers(1, 500)) if whole else draw(st.floats(0.01, 500)))
    place = draw(st.integers(low, high)) if whole else draw(st.floats(low, high))
    word = draw(WORDS)
    return (IntOr if whole else FloatOr)(low, high, log, words={word: place}), word, place


@given(ranges(), st.floats(0, 1))
def test_a_word_is_the_point_at_its_place(made: Any, u: float) -> None:
    param, word, place = made
    assert param.contains(word)
    assert param.to_internal(word) == place
    assert param.to_external(float(place)) == word
    x = float(param.from_unit(np.array([u]))[0])
    value = param.to_external(x)
    assert param.to_internal(value) == x
    assert (value == word) == (x == place)


@given(ranges())
def test_a_word_survives_copies(made: Any) -> None:
    param, word, _ = made
    space = Space(x=param.when(kind="a"), kind=Categorical(["a", "b"]))
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert copy.decode(copy.encode([{"kind": "a", "x": word}])) == [{"kind": "a", "x": word}]
    assert param != (Int if isinstance(param, Int) else Float)(param.low, param.high, param.log)
    assert words_of_parameter(with_range(param, param.low, param.high, dict(param.words))) == words_of_parameter(param)
    assert words_of_parameter(without_words(param, [word])) == ()
    assert Space.from_json(space.to_json()) == space
    assert Space.from_json(space.to_json()).to_json() == space.to_json()


def test_words_stay_where_ranges_are_joined() -> None:
    wide = Space(x=FloatOr(0.1, 2, words={"scale": 1.0}), n=IntOr(1, 8, words={None: 8}))
    older = Space(x=Float(0.01, 1), n=Int(1, 9))  # as it was stored without them
    for first, second in ((wide, older), (older, wide)):
        assert dict(merge(first, second.params)) == {
            "x": FloatOr(0.01, 2, words={"scale": 1.0}),
            "n": IntOr(1, 9, words={None: 8}),
        }


def test_zero_stands_in_a_logarithmic_range() -> None:
    param = FloatOr(1e-3, 1, log=True, words={0.0: 1e-3})
    assert param.to_internal(0) == param.to_internal(0.0) == 1e-3
    assert param.to_external(1e-3) == 0.0
    assert not param.contains(False)


def test_a_prior_may_be_a_word() -> None:
    param = IntOr(1, 32, words={None: 32}, prior=8)
    assert param.prior == 8
    assert param.with_prior(4).prior == 4
    study = create_study(seed=0, space={"x": param}, sampler="gp")
    assert study.ask().params == {"x": 8}


def test_printing_says_what_stands_where() -> None:
    assert repr(FloatOr(0.1, 1, words={"all": 1.0})) == "FloatOr(0.1, 1.0, words={'all': 1.0})"
    with pytest.raises(SpaceError, match=r"from 0\.1 to 1\.0, or 'all'"):
        FloatOr(0.1, 1, words={"all": 1.0}).to_internal(3)


@pytest.mark.parametrize(("kind", "words"), [(FloatOr, {None: 7}), (IntOr, {"x": 2.5})])
def test_a_place_outside_is_an_error(kind: Any, words: Any) -> None:
    with pytest.raises(SpaceError, match="the place of the word"):
        kind(1, 5, words=words)
    with pytest.raises(SpaceError, match="without a prior"):
        kind(1, 5, words={}, prior_width=2)
