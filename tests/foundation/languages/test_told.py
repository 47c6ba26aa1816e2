"""Sentences in the language of who reads, however they were made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.foundation.languages import Words, aligned, paragraph, say, told, word, words, words_of
from tunesmith.foundation.languages.filling import filled
from tunesmith.foundation.languages.patterns import Patterns
from tunesmith.foundation.languages.words import translation_table
from tunesmith.foundation.look.card import card
from tunesmith.foundation.reader import LANGUAGE_VARIABLES, choose
from tunesmith.integrations.mcp.server import answered
from tunesmith.integrations.mcp.tools import Toolbox

HAN = re.compile(r"[\u4e00-\u9fff]")
TABLES = {part: translation_table("zh", part) for part in ("", "commands")}


STORED = {
    "The search took {:,} fits.": "搜索共训练 {:,} 次。",
    "The search took {:,} runs.": "搜索共运行 {:,} 次。",
    "It beats {}: estimated {} {}.": "它优于{}：估计{} {}。",
    "the default ({}; cross-validation score {:.4g})": "默认配置（{}；交叉验证得分为 {:.4g}）",
    "At {} of {} scales the optimum of {} is lowest.": "在 {1} 个规模中的 {0} 个，{2} 的最优值最低。",
    "{:.4g} ({:.4g} to {:.4g}, one-sided p = {:.2g})": "{:.4g}（{:.4g} 至 {:.4g}，单侧 p = {:.2g}）",
}
SAID = {"expected {} on new data: {}": "在新数据上的期望{}：{}", "Trial {}": "试验 {}"}
WORDS = {"accuracy": "准确率", "gain": "提升", "parameter": "参数", "model": "模型", "study": "研究", "size": "大小"}


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows of our own: those of the library may change, or lack for a while."""
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNESMITH_LANG", "zh")
    parts = {"stored": STORED, "": {**WORDS, **SAID, **STORED}}
    monkeypatch.setattr(words, "translation_table", lambda code, part="": parts[part] if code == "zh" else {})
    words.sentences_of.cache_clear()
    yield
    words.sentences_of.cache_clear()
    choose([])


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("The search took 73 fits.", "搜索共训练 73 次。"),
        (
            "It beats the default (C=1.0; cross-validation score 0.9): estimated gain 0.02 (0.01 to 0.03, "
            "one-sided p = 0.004).",
            "它优于默认配置（C=1.0；交叉验证得分为 0.9）：估计提升 0.02（0.01 至 0.03，单侧 p = 0.004）。",
        ),
        (
            "At 3 of 10 scales the optimum of size is lowest.",
            "在 10 个规模中的 3 个，size 的最优值最低。",  # size is somebody's name
        ),
        ("Trial 3", "Trial 3"),  # where it is made, it is made by `say`
        ("A sentence that nobody knows.", "A sentence that nobody knows."),
        ("", ""),
        ("{}", "{}"),
        ("{} to {}", "{} to {}"),
    ],
)
def test_a_stored_sentence_is_known_by_its_pattern(english: str, expected: str) -> None:
    assert told(english) == expected


def test_what_was_said_is_told_with_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = say("expected {} on new data: {}", say("accuracy"), "0.9")
    assert told(sentence) == "在新数据上的期望准确率：0.9"
    assert paragraph(["The search took 7 fits.", "The search took 8 runs."]) == "搜索共训练 7 次。搜索共运行 8 次。"
    assert word("parameter") == "参数"
    assert Words("zh").known(["The search took 7 fits.", "Nobody knows it."]) == [
        "搜索共训练 7 次。",
        "Nobody knows it.",
    ]
    monkeypatch.setenv("TUNESMITH_LANG", "en")
    assert told(sentence) == str(sentence) == "expected accuracy on new data: 0.9"
    assert paragraph(["One.", "Two."]) == "One. Two."
    assert words_of(None).language == "en"


@pytest.mark.parametrize(
    ("pattern", "values", "expected"),
    [
        ("期望{}", ["R²"], "期望 R²"),
        ("期望 {}", ["准确率"], "期望准确率"),
        ("{}：{:,}", ["名称", 1200], "名称：1,200"),
        ("{1} 次中的 {0} 次", [3, 40], "40 次中的 3 次"),
        ("{}（{}）", ["a b", "c"], "a b（c）"),
    ],
)
def test_blanks_stand_around_latin_signs(pattern: str, values: list[object], expected: str) -> None:
    assert filled(pattern, *values) == expected


def test_a_number_is_taken_for_a_number_only() -> None:
    known = Patterns({"{:,} rows": "{:,} 行", "{} is there": "{} 在"}, are_all=False)
    assert known.translate("1,200 rows") == "1,200 行"
    assert known.translate("odd rows") == "odd rows"
    assert known.translate("x is there") == "x 在"
    assert Patterns({}, others=known).translate("7 rows") == "7 行"


def test_columns_are_as_wide_as_their_chinese_signs() -> None:
    lines = aligned([("参数", "值"), ("lr", "0.25")], numbers=True)
    assert lines == ["参数    值", "lr    0.25"]


def test_names_in_a_notebook_stay_as_they_are() -> None:
    made = card(
        "The search took 7 fits.", [("model", "a"), (say("study"), "b")], lines=["The search took 8 fits."], kind="x"
    )
    assert "搜索共训练 7 次。" in made
    assert "搜索共训练 8 次。" in made
    assert ">model<" in made  # the name of a parameter, not the word
    assert ">研究<" in made


def values_shown(pattern: str, are_texts: bool) -> list[str]:
    """The values that a pattern shows, whatever their order."""
    names = sorted(set(re.findall(r"\{([a-z]\w*)", pattern)))
    shown = pattern.format(*range(1000, 1009), **{name: 2000 + k for k, name in enumerate(names)})
    return sorted(re.findall(r"(?:1,?00|200)\d(?:\.\d+)?", shown.replace(",", "") if are_texts else shown))


@pytest.mark.parametrize(("part", "are_texts"), [("", False), ("commands", True)])
def test_each_pattern_shows_the_values_of_the_english_one(part: str, are_texts: bool) -> None:
    unlike = {}
    for english, chinese in TABLES[part].items():
        try:
            wanted = values_shown(english, are_texts)
        except (IndexError, KeyError, ValueError):  # a help text with braces of its own
            continue
        if values_shown(chinese, are_texts) != wanted:
            unlike[english] = chinese
    assert unlike == {}


def test_what_is_stored_and_what_programs_read_is_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # the rows of the library
    words.sentences_of.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNESMITH_LANG", "zh")
    study = ts.create_study(storage="tune.db", space=ts.Space(rate=ts.Float(0.0, 1.0)), sampler="gp", seed=0)
    study.optimize(lambda trial: trial.params["rate"] ** 2, n_trials=60, stop="converged")
    report = study.confirm(lambda trial: trial.params["rate"] ** 2, top_k=2, repeats=2)
    assert report.stopped is not None
    assert not HAN.search(" ".join([report.stopped, *report.sentences(), *study.recommend().sentences()]))
    for given in ["show", "--json"], ["explain", "--json"]:
        assert main(given) == 0
        assert not HAN.search(capsys.readouterr().out)
    shown, failed = answered(Toolbox("tune.db", write=False, lease=60), "explain", {})
    assert (failed, HAN.search(str(shown))) == (False, None)
