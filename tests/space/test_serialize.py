"""The JSON form: what survives it, and what it says where something cannot."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Space
from tunesmith.space.labels import label_key
from tunesmith.space.serialize import label_from_json, label_to_json, parameter_from_json, parameter_to_json

LABELS: list[Any] = [
    None, True, False, 0, 1, 1.0, -0.5, 1e300, math.inf, -math.inf, math.nan, "", "1", "é\ud800",
    (), (1, "a", (None, 2.0)), [1, [2]], {"a": [1, (2,)], "tuple": 3}, 10**30,
]  # fmt: skip


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_labels_keep_their_type(label: Any) -> None:
    again = label_from_json(json.loads(json.dumps(label_to_json(label), allow_nan=False)))
    assert label_key(again) == label_key(label)


def test_a_space_of_everything_round_trips() -> None:
    space = Space(
        a=Float(1e-5, 0.1, log=True),
        b=Float(0, 1, step=0.1).when(c=(1, "a", (None, 2.0))),
        c=Categorical(LABELS),
        d=Ordinal([1, 2.0, "x"]).when(c=[None, True, 1.0, math.nan]),
        e=Int(1, 1024, log=True).when(d="x", c=None),
        f=Int(0, 100, step=10),
        g=Float(0, 3, step=1),
    )
    text = space.to_json()
    again = Space.from_json(text)
    assert again == space
    assert again.to_json() == text
    assert [type(p) for p in again.params.values()] == [type(p) for p in space.params.values()]
    assert again["g"] != Float(0, 3)


def test_objects_are_kept_by_name_and_can_be_given_back() -> None:
    svm, forest = object(), object()
    space = Space(model={"svm": svm, "forest": forest}, C=Float(0, 1).when(model="svm"))
    loaded = Space.from_json(space.to_json())
    assert loaded == space
    assert loaded.decode_row([0.0, 0.5]) == {"model": "svm", "C": 0.5}
    restored = Space.from_json(space.to_json(), objects={"model": {"svm": svm, "forest": forest}})
    assert restored.decode_row([1.0, math.nan])["model"] is forest


def test_lost_constraints_are_announced() -> None:
    space = Space(low=Int(0, 9), high=Int(0, 9), constraints=lambda low, high: low < high)
    with pytest.warns(UserWarning, match=r"1 constraint\(s\) that text cannot hold \(lambda\(low, high\)\)"):
        loaded = Space.from_json(space.to_json())
    assert [(c.label, c.fn) for c in loaded.constraints] == [("lambda(low, high)", None)]
    assert loaded != space
    assert loaded.signature == space.signature
    assert loaded.feasible(np.array([[5, 1.0]])).all()
    fixed = loaded.with_constraints(*(c.fn for c in space.constraints if c.fn))
    assert fixed == space
    assert all(c.fn is not None for c in fixed.constraints)


def test_the_signature_is_the_same_in_every_process() -> None:
    code = "from tunesmith.space import *; print(Space(a=Float(0, 1), b=['x', None]).signature)"
    seen = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        for _ in "ab"
    }
    assert seen == {Space(a=Float(0, 1), b=["x", None]).signature}
    assert seen != {Space(a=Float(0, 2), b=["x", None]).signature}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is no JSON"),
        ("[]", "has no 'tunesmith_space' entry"),
        ("{}", "has no 'tunesmith_space' entry"),
        ('{"tunesmith_space":2}', "format 2, and this version reads 1; update"),
        ('{"tunesmith_space":1}', "not a space: KeyError"),
        ('{"tunesmith_space":1,"params":[{"name":"a","type":"real"}]}', "'a': unknown type of parameter 'real'"),
        ('{"tunesmith_space":1,"params":[{"name":"a","type":"int","low":1}]}', "'a': .* is no parameter"),
        ('{"tunesmith_space":1,"params":[{"name":"a","type":"int","low":2,"high":1}]}', "'a': .*greater"),
        (
            '{"tunesmith_space":1,"params":[{"name":"a","type":"categorical","choices":[{"x":1}]}]}',
            "'a': .* is no label",
        ),
    ],
)
def test_texts_that_are_no_space_are_refused(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space.from_json(text)


def test_parameters_alone() -> None:
    for param in (Float(0, 1).when(a="x"), Int(1, 5), Categorical([1, None])):
        assert parameter_from_json(json.loads(json.dumps(parameter_to_json(param)))) == param


def test_what_text_cannot_hold_is_refused_by_name() -> None:
    class Mine(stats.rv_continuous):
        def _cdf(self, x: Any) -> Any:
            return np.clip(x, 0, 1)

    with pytest.raises(SpaceError, match=r"'a': the distribution 'mine' is not one of scipy\.stats"):
        Space(a=Mine(a=0, b=1, name="mine")()).to_json()
    with pytest.raises(SpaceError, match=r"cannot be written as text; give it a name"):
        label_to_json(object())
