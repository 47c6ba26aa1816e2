"""The page of questions quotes messages as they are."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parents[2]


def test_messages_that_are_quoted_exist() -> None:
    page = (HERE / "docs" / "faq.md").read_text(encoding="utf-8")
    quoted = [text for line in re.findall(r"^### (.+)$", page, re.M) for text in re.findall(r'"([^"]+)"', line)]
    assert len(quoted) >= 8
    source = "\n".join(path.read_text(encoding="utf-8") for path in (HERE / "src" / "tunesmith").rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", source)  # messages go over several lines
    assert [text for text in quoted if text not in joined] == []
