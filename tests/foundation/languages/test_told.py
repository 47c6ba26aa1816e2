"""Sentences in the language of who reads, however they were made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import pytest

from tunesmith.foundation.languages import Words, aligned, block, paragraph, say, told, word, words_of
from tunesmith.foundation.languages.filling import filled
from tunesmith.foundation.languages.patterns import Patterns
from tunesmith.foundation.languages.words import translation_table
from tunesmith.foundation.reader import LANGUAGE_VARIABLES, choose


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNESMITH_LANG", "zh")
    yield
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
            "At 3 of 10 scales the optimum of size is at the lowest value that was tried; try lower ones there.",
            "在 10 个规模中的 3 个，size 的最优值位于试过的最低值；请在那里试更低的值。",  # size is somebody's name
        ),
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
    assert Words("zh").known(["The search took 7 fits.", "Nobody knows it."]) == ["搜索共训练 7 次。"]
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
    made = block(
        "The search took 7 fits.", ["The search took 8 fits."], [("model", "a"), (say("study"), "b")], kind="x"
    )
    assert "搜索共训练 7 次。" in made
    assert "搜索共训练 8 次。" in made
    assert ">model<" in made  # the name of a parameter, not the word
    assert ">研究<" in made


@pytest.mark.parametrize("part", ["", "commands"])
def test_each_pattern_has_the_places_of_the_english_one(part: str) -> None:
    def places(text: str) -> list[str]:
        found = [place for _, place, _, _ in Formatter().parse(text) if place is not None]
        return sorted(place or str(k) for k, place in enumerate(found))

    table = {e: c for e, c in translation_table("zh", part).items() if not re.search(r"\{[^}\d:]*\"", e)}
    assert {e: c for e, c in table.items() if set(places(e)) != set(places(c))} == {}
