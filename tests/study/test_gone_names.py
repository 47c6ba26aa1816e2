"""Names that a study had: the error says what to use in their place."""

from __future__ import annotations

import pytest

import tunesmith as ts


@pytest.mark.parametrize(
    ("name", "instead"),
    [("live", r"list\(study\.running\)"), ("end_search", r"study\.stop\(\)"), ("is_stopped", "note")],
)
def test_a_name_that_is_gone_says_what_to_use(name: str, instead: str) -> None:
    with pytest.raises(AttributeError, match=f"{name!r}: use .*{instead}"):
        getattr(ts.create_study(), name)


def test_a_name_that_never_was_says_no_more() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'best'$"):
        ts.create_study().best  # type: ignore[attr-defined]  # noqa: B018 - that is the mistake
