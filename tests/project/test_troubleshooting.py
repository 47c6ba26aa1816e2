"""The page of troubleshooting quotes messages as they are."""

from __future__ import annotations

import re

from pages import DOCS, ROOT, headings


def test_messages_that_are_quoted_exist() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = [text for level, words, _ in headings(page) if level == 3 for text in re.findall(r'"([^"]+)"', words)]
    assert len(quoted) >= 25
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "tunesmith").rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", source)  # messages go over several lines
    assert [text for text in quoted if text not in joined] == []
