"""The command line in Chinese: messages are in one language, data stay as they are, and English costs nothing."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from string import Formatter

import pytest

import tunesmith as ts
from tunesmith import cli as package
from tunesmith.cli.main import _HOME, main
from tunesmith.cli.speech import message
from tunesmith.foundation.languages.patterns import is_english
from tunesmith.foundation.languages.terminal import wide, wrapped_chinese
from tunesmith.foundation.languages.words import translation_table
from tunesmith.foundation.reader import LANGUAGE_VARIABLES, choose, language

CHINESE = translation_table("zh", "commands")
HAN = re.compile(r"[\u4e00-\u9fff]")
HOME = Path(package.__file__).parents[1]
FOLDERS = [HOME / "cli", *(HOME / "integrations" / name for name in ("commands", "mcp", "scaffold"))]
SAY = {"UsageError", "ClickException", "BadParameter", "echo", "say", "_say_error"}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    choose([])


FAILING = [
    "tell 0 abc", "tell 0 =3", "tell 99 0.5", """tell 0 '{"a":'""", "tell 0 0.5 --noise -1", "ask -p 'a=int(1,2.5)'",
    "ask -p 'a=float(x,y)'", "ask --study nix", "ask --trials-total 4", "trials --where foo", "trials --sort nix",
    "enqueue -p rate=5", "enqueue -p rate=abc", "enqueue -p nix=3", "report -o nodir/x.html", "plot pareto_front",
    "import bad.json", "import none.csv", "tune bad.json --target y", "tune none.csv --target y --timeout -5",
    "predict bad.json none.csv", "run", "run -p 'lr=log(1e-5,1e-1)' --minimize v --memory-limit 5q -- python bad.py",
    "show --storage nodir/none.db", "studies --storage bad.db", "importance --params nix", "explain 99", "nix",
]  # fmt: skip


def test_no_message_is_in_two_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    space = ts.Space(rate=ts.Float(0.0, 1.0))
    ts.create_study(storage="tune.db", study_name="first", space=space, seed=0).optimize(lambda t: 1.0, n_trials=4)
    for name in ("bad.json", "bad.db"):
        Path(name).write_text('{"a": ')
    for command in FAILING:
        assert main(shlex.split(command)) != 0, command
        out, err = capfd.readouterr()
        mixed = [line for line in (out + err).splitlines() if HAN.search(line) and is_english(line)]
        assert (command, mixed) == (command, [])


@pytest.mark.parametrize("sentence", [s for s in CHINESE if "{}" in s])
def test_a_phrase_that_the_table_lacks_keeps_its_message_in_english(
    sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    places = len(list(Formatter().parse(sentence)))
    for value in ("an odd phrase", "name", "3"):
        try:
            english = sentence.format(*[value] * places)
        except (IndexError, KeyError, ValueError):  # a text with braces of its own, or places for numbers
            continue
        told = message(english)
        assert told == english or "an odd phrase" not in told


@pytest.mark.parametrize(
    ("variables", "words", "expected"),
    [
        ({}, [], "en"),
        ({"LANG": "zh_CN.UTF-8"}, [], "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, [], "en"),
        ({"LANG": "de_DE.UTF-8", "TUNESMITH_LANG": "zh"}, [], "zh"),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang", "en", "show"], "en"),
        ({}, ["--lang=zh"], "zh"),
        ({}, ["report", "--lang", "zh"], "en"),
        ({}, ["--lang"], "en"),
    ],
)
def test_whose_language_it_is(
    variables: dict[str, str], words: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    choose(words)
    assert language() == expected


@pytest.mark.chinese
@pytest.mark.parametrize("name", sorted(_HOME))
def test_help_in_chinese_has_no_english_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):  # of the worker's own parser
        main(["--lang", "zh", name, "--help"])
    shown = capsys.readouterr().out
    assert "用法：" in shown
    assert all(wide(line) <= 100 for line in shown.splitlines())
    told = re.sub(r"^ +(示例|助手).*?(?=\n\n|\Z)|`[^`]*`|^ *(-|tunesmith).*|\[[^\]]*\]", "", shown, flags=re.S | re.M)
    assert re.findall(r"[a-z]+ (?:[a-z]+ )+[a-z]+", told) == []


@pytest.mark.chinese
def test_errors_and_results_are_chinese_and_data_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert main(["studis", "a.db"]) == 2
    shown = capsys.readouterr().err
    assert "没有命令 'studis'；是否想用 'studies'？" in shown
    assert "Try" not in shown
    assert main(["show", "none.db"]) == 2
    assert "错误：none.db 不存在；请给出研究的文件" in capsys.readouterr().err
    study = ts.create_study(storage="tune.db", study_name="no trial is left: x", seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
    assert main(["show"]) == 0
    shown = capsys.readouterr().out
    assert "请使用第 " in shown
    assert "参数" in shown
    assert "no trial is left: x: 最小化" in shown  # a name is nobody's sentence
    assert main(["best", "--json"]) == 0
    assert '"params"' in capsys.readouterr().out
    assert main(["trials", "--limit", "2"]) == 0
    assert "state" in capsys.readouterr().out  # as --where takes it
    assert main(["report", "--format", "md"]) == 0
    assert "可以期待什么" in capsys.readouterr().out
    assert main(["report", "--format", "md", "--lang", "en"]) == 0
    assert "What to use" in capsys.readouterr().out
    pytest.importorskip("plotly", reason="needs Plotly: pip install plotly")
    assert main(["plot", "history", "-o", "h.html"]) == 0
    text = Path("h.html").read_text(encoding="utf-8")
    assert "优化历史" in text or "\\u4f18\\u5316" in text
    assert "Optimization history" not in text


def test_lines_are_as_wide_as_the_terminal() -> None:
    text = "把结果导入 tunesmith，作为研究：可以是 SQLite 文件、日志文件、数据库的 URL，或任何一张表。" * 3
    lines = wrapped_chinese(text, 40)
    assert all(wide(line) <= 42 for line in lines)
    assert not any(line[0] in "，。、：" for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert {unicodedata.east_asian_width(sign) for sign in "，文"} <= {"W", "F"}


def test_what_the_catalogue_lacks_stays_as_it_is() -> None:
    choose(["--lang", "zh"])
    for text in ("a text that nobody knows", "{}", "", "100 %", "{x: 1}"):
        assert message(text) == text


def test_english_loads_no_catalogue() -> None:
    code = (
        "import sys; from tunesmith.cli.main import main; main(['--help'])\n"
        "print(sorted(m for m in sys.modules if m.startswith('tunesmith.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PATH": ""})
    assert "tunesmith.cli.speech" not in done.stderr
    assert "tunesmith.foundation.languages" not in done.stderr
