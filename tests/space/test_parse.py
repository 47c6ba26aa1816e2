"""The text syntax, and errors that point at the place."""

from __future__ import annotations

import pytest

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space
from tunesmith.space.parse import parse_lines, parse_parameter


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("log(1e-5, 1e-1)", Float(1e-5, 1e-1, log=True)),
        ("int(1, 5)", Int(1, 5)),
        ("int( -3 , +5 )", Int(-3, 5)),
        ("relu | tanh", Categorical(["relu", "tanh"])),
        ("float(0, 0.99) if opt == sgd", Float(0, 0.99).when(opt="sgd")),
        ("float(0, 1, step=0.1)", Float(0, 1, step=0.1)),
        ("float(low=0, high=1)", Float(0, 1)),
        ("float(1e-3, 1, log)", Float(1e-3, 1, log=True)),
        ("float(1e-3, 1, log=true)", Float(1e-3, 1, log=True)),
        ("float(1e-3, 1, log=False)", Float(1e-3, 1)),
        ("log float(1e-3, 1)", Float(1e-3, 1, log=True)),
        ("log int(1, 1024)", Int(1, 1024, log=True)),
        ("int(1, 1_024, log)", Int(1, 1024, log=True)),
        ("int(0, 1e2, step=10)", Int(0, 100, step=10)),
        ("low < mid < high", Ordinal(["low", "mid", "high"])),
        (
            "16 | 32.0 | 1e3 | none | true | False | 'none' | \"it's\"",
            Categorical([16, 32.0, 1e3, None, True, False, "none", "it's"]),
        ),
        ("(50, 50) | (10,) | ()"[:-5], Categorical([(50, 50), (10,)])),
        ("((1, 2), a) | (none,)", Categorical([((1, 2), "a"), (None,)])),
        ("fixed(adam)", Categorical(["adam"])),
        ("fixed(3) if opt == sgd", Categorical([3]).when(opt="sgd")),
        ("fixed((50, 50))", Categorical([(50, 50)])),
        ("fixed('0..1')", Categorical(["0..1"])),
        ("fixed | tanh", Categorical(["fixed", "tanh"])),
        ("resnet-50 | vit/b16 | a.b:c@1", Categorical(["resnet-50", "vit/b16", "a.b:c@1"])),
        ("int | log", Categorical(["int", "log"])),
        (r"'a\'b' | 'x\ny'", Categorical(["a'b", "x\ny"])),
        ("a | b if opt in (sgd, 'adam') and n == 2", Categorical(["a", "b"]).when(opt=["sgd", "adam"], n=2)),
        ("int(1, 2) if 'my name' in [a]", Int(1, 2).when({"my name": "a"})),
        ("int(1, 2) if clf__kernel == rbf", Int(1, 2).when(clf__kernel="rbf")),
    ],
)
def test_texts(text: str, param: Parameter) -> None:
    assert parse_parameter(text) == param
    assert parse_parameter("  " + text + " \n") == param


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("log(1e-5 1e-1)", "expected ',', got '1e-1'", 10),
        ("log(1e-5, x)", "expected a number, got 'x'", 11),
        ("lgo(1, 2)", "unknown kind of range 'lgo'; did you mean 'log'?", 1),
        ("relu tanh", "expected '|', 'if' or the end, got 'tanh'", 6),
        ("relu || tanh", "expected a choice, got '|'", 7),
        ("relu |", "expected a choice, got the end", 7),
        ("int(5, 1)", "low=5 is greater than high=1", 1),
        ("int(1.5, 3)", "low must be a whole number, got 1.5", 1),
        ("float(0, inf)", "high must be a finite number", 1),
        ("float(0, nan)", "high must be a finite number", 1),
        ("log(0, 1)", "log needs low > 0", 1),
        ("float(0, 1, step=0.3)", "step does not divide", 1),
        (
            "float(0, 1, stp=2)",
            "expected the option 'log', 'step=…', 'prior=…' or 'prior_width=…', got 'stp'; did you mean 'step'?",
            13,
        ),
        ("float(0, 1, log=maybe)", "expected true or false, got 'maybe'", 17),
        ("float(0, 1", "expected ',' or ')', got the end", 11),
        ("float(0, 1) 2", "expected 'if' or the end, got '2'", 13),
        ("", "the text is empty", 1),
        ("   ", "the text is empty", 1),
        ("'abc", "the quoted text has no end", 1),
        ("a | a", "duplicate choices: 'a'", 1),
        ("a < b | c", "choices are either all unordered", 7),
        ("a if b >= 3", "unexpected character '>'; a condition takes `==`, `in` and `and`", 8),
        ("a if", "expected the name of a parameter, got the end", 5),
        ("a if b", "expected '== value' or 'in (value, value)' after 'b', got the end", 7),
        ("a if b != c", "expected '== value' or 'in (value, value)' after 'b', got '!='", 8),
        ("a if b == c or d == e", "expected 'and', got 'or'; alternatives", 13),
        ("a if b in c", "expected '(', got 'c'", 11),
        ("a if b in (c", "expected ',' or ')', got the end", 13),
        ("a if b in (c]", "expected ',' or ')', got ']'", 13),
        ("a ; b", "unexpected character ';'", 3),
        ("(" * 50, "nested too deeply", 21),
    ],
)
def test_errors_point_at_the_place(text: str, message: str, column: int) -> None:
    with pytest.raises(SpaceError) as info:
        parse_parameter(text)
    first, shown, caret = str(info.value).split("\n")
    assert message in first
    assert first.endswith(f"(column {column})")
    assert shown == "    " + text
    assert caret.index("^") - 4 == column - 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("-1..1", "`int(-1, 1)`, `float(-1, 1)` or `fixed(-1..1)` for this one value"),
        ("0:1", "`int(0, 1)`, `float(0, 1)` or `fixed(0:1)` for this one value"),
        ("0-1", "`int(0, 1)`, `float(0, 1)` or `fixed(0-1)` for this one value"),
        ("(0,1)", "`int(0, 1)`, `float(0, 1)`, `0 | 1` or `fixed((0,1))` for this one value"),
        ("[0, 1]", "`int(0, 1)`, `float(0, 1)` or `0 | 1`"),
        ("0 < x < 1", "`int(0, 1)` or `float(0, 1)`"),
        ("1e-5,1e-1", "`log(1e-5, 1e-1)` or `1e-5 | 1e-1`"),
        ("1..1000", "`log int(1, 1000)` or `fixed(1..1000)` for this one value"),
        ("0.5 to 2", "`float(0.5, 2)`"),
        ("0:1:0.1", "`float(0, 1, step=0.1)` or `fixed(0:1:0.1)` for this one value"),
        ("0..0.5 if opt == sgd", "`float(0, 0.5) if opt == sgd` or `fixed(0..0.5)` for this one value"),
        ("sgd/adam", "`sgd | adam` or `fixed(sgd/adam)` for this one value"),
        ("sgd,adam", "`sgd | adam`"),
        ("sgd or adam", "`sgd | adam`"),
        ("{16, 32, 64}", "`16 | 32 | 64`"),
        ("adam", "`fixed(adam)` for this one value"),
        ("3", "`fixed(3)` for this one value"),
        ("loguniform(1e-5, 1e-1)", "`log(1e-5, 1e-1)`"),
        ("hp.loguniform('lr', -5, -1)", "`log(0.00674, 0.368)`"),
        ("uniform(0,1)", "`float(0, 1)`"),
        ("interval(0, 1)", "`float(0, 1)`"),
        ("tag(log, interval(1e-5, 1))", "`log(1e-5, 1)`"),
        ("trial.suggest_int('n', 1, 64, log=True)", "`log int(1, 64)`"),
        ("quniform(0, 1, 0.1)", "`float(0, 1, step=0.1)`"),
        ("randint(1, 5)", "`int(1, 5)`"),
        ("normal(0, 1)", "`float(-3, 3, prior=0, prior_width=1)`"),
        ("tune.choice(['sgd', 'adam'])", "`'sgd' | 'adam'`"),
        ("int[1,5]", "`int(1, 5)`"),
        ("log(1e-5..1e-1)", "`log(1e-5, 1e-1)`"),
        ("log 1e-5 1e-1", "`log(1e-5, 1e-1)`"),
    ],
)
def test_what_people_write_by_habit_is_an_error_that_says_what_to_write(text: str, meant: str) -> None:
    with pytest.raises(SpaceError) as info:
        Space(x=text)
    first = str(info.value).split("\n")[0]
    assert f"; write {meant} (column " in first
    for written in meant.split("`")[1::2]:
        assert parse_parameter(written), "what it says can be written"


def test_long_texts_are_cut_around_the_place() -> None:
    with pytest.raises(SpaceError) as info:
        parse_parameter(" | ".join(f"c{i}" for i in range(100)) + " ! " + " | d" * 50)
    shown, caret = str(info.value).split("\n")[1:]
    assert shown[caret.index("^")] == "!"
    assert len(shown) < 130


def test_lines_and_dicts() -> None:
    text = """
    # optimiser
    opt = sgd | adam
    momentum = float(0, 0.99) if opt == sgd
    """
    space = Space.parse(text)
    assert space == Space.parse({"opt": "sgd | adam", "momentum": "float(0, 0.99) if opt == sgd"})
    assert space == Space(opt=["sgd", "adam"], momentum=Float(0, 0.99).when(opt="sgd"))
    assert Space.parse({"a": ["x", "y"]}) == Space(a=["x", "y"])
    limited = Space.parse("a = int(0, 9)", constraints=lambda a: a < 3)
    assert len(limited.grid()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = int(1, 2)\nb int(1, 2)", "line 2: expected `name = description`, got 'b int"),
        ("a = int(1, 2)\na = x", "line 2: 'a' is described a second time"),
        ("\na = int(1, x)", "line 2, 'a': expected a number"),
        ("= x", "line 1: expected `name = description`"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        parse_lines(text)
