"""How parameters reach a program: words, flags, Hydra's overrides, the environment, and files."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.program import template
from tunesmith.program.files import params_text

OTHERS = {"trial": "7", "seed": "3"}


def words(line: str, params: dict[str, object], *inactive: str) -> list[str]:
    return template.command_words(line.split(), params, [*params, *inactive], OTHERS)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{lr}", "0.1"),
        ("--lr={lr}", "--lr=0.1"),
        ("{unknown}{lr}{}", "{unknown}0.1{}"),
        ("{{lr}}", "{lr}"),
        ("{{{lr}}}", "{0.1}"),
        ('{"a":{"lr":{lr}}}', '{"a":{"lr":0.1}}'),
        ("BEGIN{if(x){print;}}", "BEGIN{if(x){print;}}"),
        ("{{", "{{"),
        ("{trial}/{seed}", "7/3"),
    ],
)
def test_only_known_names_are_replaced(text: str, made: str) -> None:
    assert words(text, {"lr": 0.1}) == [made]


@given(st.text(alphabet="{}lrx \"'$", max_size=20))
def test_a_text_without_known_names_stays_as_it_is(text: str) -> None:
    assert template.put_in(text, {"momentum"}, lambda name: "?") == text


def test_a_parameter_comes_before_what_else_has_its_name() -> None:
    assert words("{trial} {args}", {"trial": 1, "args": "x"}) == ["1", "x"]


def test_inactive_parameters_are_left_out_with_their_option() -> None:
    line = "train --opt {opt} --momentum {momentum} --m={momentum} -v {momentum} end"
    assert words(line, {"opt": "adam"}, "momentum") == ["train", "--opt", "adam", "end"]


def test_all_parameters_as_options() -> None:
    params = {"lr": 1e-5, "nesterov": True, "amp": False, "clip": None, "betas": (0.9, 0.99), "name": "a b", "n": 3}
    expected = ["--lr", "1e-05", "--nesterov", "--betas", "0.9", "0.99", "--name", "a b", "--n", "3"]
    assert words("{args}", params) == expected
    assert template.shell_line(["run", "{args}", "|", "tee"], params, list(params), {}) == (
        f"run {shlex.join(expected)} | tee"
    )


def test_values_as_text_and_in_the_environment() -> None:
    params = {"optimizer.lr": 0.5, "flag": True, "none": None, "pair": (1, "a"), "größe": 2, "map": {"a": 1}}
    assert template.parameter_variables(params) == {
        "TUNESMITH_PARAM_OPTIMIZER_LR": "0.5",
        "TUNESMITH_PARAM_FLAG": "true",
        "TUNESMITH_PARAM_NONE": "none",
        "TUNESMITH_PARAM_PAIR": "1,a",
        "TUNESMITH_PARAM_GRÖSSE": "2",
        "TUNESMITH_PARAM_MAP": '{"a": 1}',
    }


def test_overrides_are_what_hydra_reads() -> None:
    params = {
        "a.b": 0.1,
        "t": True,
        "n": None,
        "s": "adam",
        "q": "it's, so",
        "one": "1",
        "nul": "null",
        "l": (1, "x y"),
    }
    assert template.overrides(params) == [
        "a.b=0.1", "t=true", "n=null", "s=adam", r"q='it\'s, so'", "one='1'", "nul='null'", "l=[1,'x y']",
    ]  # fmt: skip


def test_a_shell_gets_quoted_values() -> None:
    params = {"x": "$(rm -rf /); 'a'", "lr": 0.1}
    line = template.shell_line(["echo {x} {lr} {gone}"], params, [*params, "gone"], {})
    assert shlex.split(line) == ["echo", "$(rm -rf /); 'a'", "0.1", ""]


VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.tuples(st.floats(1e-300, 1e300), st.text(st.characters(codec="ascii"), max_size=4)),
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), VALUES, max_size=4))
def test_files_give_the_parameters_back(params: dict[str, object]) -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")
    expected = {name: list(v) if isinstance(v, tuple) else v for name, v in params.items()}
    assert json.loads(params_text(params, "json")) == expected
    assert tomllib.loads(params_text(params, "toml")) == expected
    assert yaml.safe_load(params_text(params, "yaml")) == expected


def test_none_is_null_where_there_is_such_a_thing() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install pyyaml")
    assert json.loads(params_text({"a": None}, "json")) == {"a": None}
    assert yaml.safe_load(params_text({"a": None}, "yaml")) == {"a": None}
    assert params_text({"a": None, "b": 1}, "toml") == "b = 1\n"
    assert yaml.safe_load(params_text({}, "yaml")) == {}
