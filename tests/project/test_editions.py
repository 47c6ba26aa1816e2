"""How the Chinese pages are kept beside the English ones; `make chinese` says which of them lag behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import chinese as edition
import editions
import pytest
from pages import CHINESE, DOCS

ENGLISH = """# Title

```python
import numpy  # for arrays


# A square.
def f(x):
    \"\"\"Returns x * x.\"\"\"
    return x * x


print(f"{f(3)} of {9}")
```

```text title="Output"
9
[2 more lines are left out here.]
```

## More [about it](other.md)
"""
CHINESE_PAGE = """# 标题

```python
import numpy  # 数组


# 平方。
def f(x):
    \"\"\"返回 x * x。\"\"\"
    return x * x + 1


print(f"{9} 中的 {f(3)}")
```

## 更多
"""


def test_code_and_outputs_are_copied_and_translated_comments_stay() -> None:
    assert editions.behind(ENGLISH, CHINESE_PAGE)
    copied = editions.synchronized(ENGLISH, CHINESE_PAGE)
    assert editions.behind(ENGLISH, copied) == []
    for kept in ("# 数组", "# 平方。", '"""返回 x * x。"""', "return x * x\n", "{9} 中的", 'title="输出"\n9\n[2 more'):
        assert kept in copied
    assert editions.synchronized(ENGLISH, copied) == copied


@pytest.mark.parametrize("old", ["x = 2", "x = 1\ny = 2", "x = 1  # one\n```\n\n```python\nz = 3"])
def test_other_code_is_found(old: str) -> None:
    english = "```python\nx = 1  # one\n```\n"
    assert editions.behind(english, f"```python\n{old}\n```\n")
    assert not editions.behind(english, "```python\nx = 1  # 一\n```\n")
    shell = "```console\n$ make  # {}\n$ # {}\n```\n"
    assert not editions.behind(shell.format("all", "more"), shell.format("全部", "再来"))


@pytest.mark.parametrize(
    ("new", "is_the_same"),
    [
        ('f"{3} 次中的第 {k} 次"', True),
        ('f"第 {k} 次"', False),  # a value is lost
        ('f"run {k} / {3}"', False),  # other English
    ],
)
def test_texts_in_code_may_be_translated(new: str, is_the_same: bool) -> None:
    english = '```python\nprint(f"run {k} of {3}")\n```\n'
    chinese = english.replace('f"run {k} of {3}"', new)
    assert (editions.behind(english, chinese) == []) is is_the_same
    assert (new in editions.synchronized(english, chinese)) is is_the_same


def test_outputs_have_the_numbers_of_the_english_page() -> None:
    english = '```python\nf()\n```\n\n```text title="Output"\nrun 0 of 3\n```\n'
    chinese = '```python\nf()\n```\n\n```text title="输出"\n3 次中的第 0 次\n```\n'
    assert editions.synchronized(english, chinese) == chinese
    stale = chinese.replace("3 次中的第 0 次", "4 次中的第 1 次")
    assert editions.behind(english, stale)
    assert "run 0 of 3" in editions.synchronized(english, stale)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("# A page\n## A part\n", "# 一页\n"),
        ("| name | use |\n|---|---|\n| `a` | it |\n", "| 名 | 用 |\n|---|---|\n"),
        ("| name | use |\n|---|---|\n| `a` | it |\n", "| 名 | 用 |\n|---|---|\n| `b` | 甲 |\n"),
    ],
)
def test_other_headings_and_tables_are_found(english: str, chinese: str) -> None:
    assert editions.behind(english, chinese)


@pytest.mark.parametrize(
    ("line", "is_left"),
    [
        ("这里 the value is optimistic 因为", True),
        ("用 PyTorch Lightning、Hugging Face Transformers 和 Weights & Biases。", False),
        ("`the value is optimistic here` 是输出，见[文档](the-value-is/some/page.md)", False),
        ('```python\nprint(x)\n```\n\n```text title="输出"\nexpected accuracy on new data: 0.9\n```', True),
        ('```python\nprint(x)\n```\n\n```text title="输出"\nValueError: low is greater than high\n```', False),
    ],
)
def test_english_sentences_are_found(line: str, is_left: bool) -> None:
    assert bool([*editions.english_left(line)]) is is_left


def test_a_page_that_lags_behind_says_so() -> None:
    name = "tutorials/table.md"
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri=name))
    text, config = (CHINESE / name).read_text(encoding="utf-8"), SimpleNamespace(docs_dir=str(CHINESE))
    if not editions.behind((DOCS / name).read_text(encoding="utf-8"), text):
        assert "!!! note" not in editions.on_page_markdown(text, page, config, None)
    late = editions.on_page_markdown(f"{text}\n## 多出的一节\n", page, config, None)
    assert "\n!!! note\n\n    英文版" in late
    assert "(english:../../tutorials/table.html)" in late


def test_a_text_without_chinese_is_listed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = edition.rows()
    known = edition.KNOWN - {"Trials"}
    monkeypatch.setattr(edition, "KNOWN", known)
    assert any("no row for 'Trials' (" in row for row in {*edition.rows()} - {*lacking})
