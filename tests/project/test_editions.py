"""The Chinese edition of the documentation says what the English one says, and has its code."""

from __future__ import annotations

from xml.dom import minidom

import editions
import figures
import pytest


def test_the_chinese_pages_are_beside_the_english_ones() -> None:
    wrong = editions.check()
    assert not wrong, "python .ci/editions.py check (sync copies code and outputs):\n" + "\n".join(wrong)


ENGLISH = """# Title

```python
import numpy  # for arrays


# A square.
def f(x):
    \"\"\"Returns x * x.\"\"\"
    return x * x


print(f(3))
```

```text title="Output"
9
[2 more lines are left out here.]
```

## More [about it](other.md)
"""
CHINESE = """# 标题

```python
import numpy  # 数组


# 平方。
def f(x):
    \"\"\"返回 x * x。\"\"\"
    return x * x + 1


print(f(3))
```

## 更多
"""


def test_code_and_outputs_are_copied_and_translated_comments_stay() -> None:
    assert editions.code_faults(ENGLISH, CHINESE)
    copied = editions.synchronized(ENGLISH, CHINESE)
    assert editions.code_faults(ENGLISH, copied) == []
    assert editions.heading_faults(ENGLISH, copied) == []
    for kept in ("# 数组", "# 平方。", '"""返回 x * x。"""', "return x * x\n", "9\n[2 more lines are left out here.]"):
        assert kept in copied
    assert editions.synchronized(ENGLISH, copied) == copied


def test_what_was_written_by_hand_gives_way_to_an_output() -> None:
    by_hand = CHINESE.replace("## 更多", "```text\n9\n```\n\n## 更多")
    assert editions.synchronized(ENGLISH, by_hand) == editions.synchronized(ENGLISH, CHINESE)


@pytest.mark.parametrize("old", ["x = 2", "x = 1\ny = 2", "x = 1  # one\n```\n\n```python\nz = 3"])
def test_other_code_is_found(old: str) -> None:
    english = "```python\nx = 1  # one\n```\n"
    assert editions.code_faults(english, f"```python\n{old}\n```\n")
    assert not editions.code_faults(english, "```python\nx = 1  # 一\n```\n")


def test_comments_of_a_shell_are_translated_too() -> None:
    english, chinese = (
        "```console\n$ make  # all\n$ # more\n$ run\n```\n",
        "```console\n$ make  # 全部\n$ # 再来\n$ run\n```\n",
    )
    assert editions.code_faults(english, chinese) == []
    assert editions.synchronized(english, chinese) == chinese


@pytest.mark.parametrize(
    ("line", "is_left"),
    [
        ("这里 the value is optimistic 因为", True),
        ("用 PyTorch Lightning、Hugging Face Transformers 和 Weights & Biases。", False),
        ("`the value is optimistic here` 是输出", False),
        ("输出“the value is optimistic here”是说", False),
        ("见[文档](the-value-is/some/page.md)", False),
        ("```text\nthe value is optimistic here\n```", False),
    ],
)
def test_english_sentences_are_found(line: str, is_left: bool) -> None:
    assert bool(editions.english_left(line)) is is_left


def test_headings_and_their_anchors_are_those_of_the_english_page() -> None:
    assert editions.heading_faults("# A page\n## A part\n", "# 一页\n") != []
    assert editions.heading_faults("# A page\n", "# A page\n") != []
    assert editions.heading_faults("# A page\n", "# 一页 {#another}\n") != []
    assert editions.heading_faults("# A page\n", "# 一页 {#a-page}\n") == []


SAID = """```python
for k in range(3):
    print(f"run {k} of {3}", "done")
    label("step")
```

```text title="Output"
run 0 of 3
```
"""


@pytest.mark.parametrize(
    ("old", "new", "is_the_same"),
    [
        ('f"run {k} of {3}"', 'f"{3} 次中的第 {k} 次"', True),
        ('f"run {k} of {3}"', 'f"第 {k} 次"', False),  # a value is lost
        ('f"run {k} of {3}"', 'f"run {k} / {3}"', False),  # other English
        ('label("step")', 'label("步")', True),
        ('label("step")', 'other("步")', False),
    ],
)
def test_texts_in_code_may_be_translated(old: str, new: str, is_the_same: bool) -> None:
    chinese = SAID.replace('title="Output"', 'title="输出"').replace(old, new)
    assert (editions.code_faults(SAID, chinese) == []) is is_the_same
    copied = editions.synchronized(SAID, chinese)
    assert editions.code_faults(SAID, copied) == []
    assert (new in copied) is is_the_same


def test_outputs_have_the_numbers_of_the_english_page() -> None:
    chinese = SAID.replace('title="Output"', 'title="输出"').replace("run 0 of 3\n", "3 次中的第 0 次\n")
    assert editions.code_faults(SAID, chinese) == []
    assert editions.synchronized(SAID, chinese) == chinese
    stale = chinese.replace("3 次中的第 0 次", "4 次中的第 1 次")
    assert editions.code_faults(SAID, stale)
    assert "run 0 of 3" in editions.synchronized(SAID, stale)


@pytest.mark.parametrize(
    ("code", "line", "is_left"),
    [
        ("print(x)", "expected accuracy on new data: 0.9", True),
        ("print(x)", "{'x': 1.5} [1, 2] trial-3", False),
        ("print(x)", "linear, lightgbm, extra_trees, forest", False),
        ("print(frame)", "area  year  district  heating  price", False),
        ("except ValueError as error:\n    print(error)", "low is greater than high in here", False),
        ("print(x)", "ValueError: low is greater than high", False),
    ],
)
def test_english_that_is_printed_is_found(code: str, line: str, is_left: bool) -> None:
    page = f'```python\n{code}\n```\n\n```text title="输出"\n{line}\n```\n'
    assert bool(editions.english_printed(page)) is is_left


@pytest.mark.parametrize(
    ("chinese", "is_wrong"),
    [
        ("| 名 | 用 |\n|---|---|\n| `a` | `b` 甲 |\n", False),
        ("| 名 | 用 |\n|---|---|\n", True),
        ("| 名 | 用 |\n|---|---|\n| `a` | 甲 |\n", True),
        ("| 名 | 用 |\n|---|---|\n| `a` | `b` `c` 甲 |\n", True),
    ],
)
def test_tables_have_the_rows_and_the_code_of_the_english_page(chinese: str, is_wrong: bool) -> None:
    english = "| name | use |\n|---|---|\n| `a` | it is `b` |\n"
    assert bool(editions.table_faults(english, chinese)) is is_wrong


def test_labels_of_kept_pictures_are_chinese() -> None:
    left = set(figures.LABELS)
    for name in figures.KEPT:
        english = (figures.OUT.parent / f"{name}.svg").read_text(encoding="utf-8")
        chinese = minidom.parseString(figures.relabelled(english).encode())
        texts = [node.firstChild.data for node in chinese.getElementsByTagName("text")]
        assert texts
        left -= {said for said, words in figures.LABELS.items() if words in texts}
        assert english.count("<use ") > len(chinese.getElementsByTagName("use"))
        shapes = {node.getAttribute("id") for node in chinese.getElementsByTagName("path")}
        assert {node.getAttribute("xlink:href")[1:] for node in chinese.getElementsByTagName("use")} <= shapes | {
            node.getAttribute("id") for node in chinese.getElementsByTagName("*")
        }
    assert left == set()
