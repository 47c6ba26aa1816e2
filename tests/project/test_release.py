"""What a release is made with: the change log, and the files that the repository's pages read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"


# ------------------------------------------------------------------------------------------------------- change log


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "src" / "tunesmith").mkdir(parents=True)
    (tmp_path / "src" / "tunesmith" / "_version.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Change log\n\n<!-- releases -->\n\n## 1.1.0 (2026-01-01)\n")
    (tmp_path / "changes").mkdir()
    for name, text in {
        "README.md": "# News fragments\n",
        "b.fixed.md": "A search that was killed\ngoes on.\n",
        "a.fixed.md": "A name may be long.\n",
        "c.removed.md": "`old` is gone.\n",
    }.items():
        (tmp_path / "changes" / name).write_text(text)
    return tmp_path


def changelog(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / ".ci" / "changelog.py", "--root", checkout, "--date", "2026-02-03", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


SECTION = """## 1.2.0 (2026-02-03)

### Removed

- `old` is gone.

### Fixed

- A name may be long.
- A search that was killed goes on.
"""


def test_news_fragments_become_the_section_of_a_release(checkout: Path) -> None:
    assert changelog(checkout, "--draft").stdout == SECTION
    assert len([*(checkout / "changes").iterdir()]) == 4

    done = changelog(checkout)
    assert done.returncode == 0, done.stderr
    page = (checkout / "CHANGELOG.md").read_text()
    assert page == f"# Change log\n\n<!-- releases -->\n\n{SECTION}\n## 1.1.0 (2026-01-01)\n"
    assert [path.name for path in (checkout / "changes").iterdir()] == ["README.md"]


def test_a_release_gets_one_section(checkout: Path) -> None:
    assert changelog(checkout).returncode == 0
    assert "no news" in changelog(checkout).stderr
    (checkout / "changes" / "d.added.md").write_text("More.\n")
    done = changelog(checkout)
    assert done.returncode == 1
    assert "set the next version" in done.stderr
    assert (checkout / "changes" / "d.added.md").exists()


def test_the_change_log_has_the_place_for_the_next_release() -> None:
    assert (ROOT / "CHANGELOG.md").read_text().count("<!-- releases -->\n") == 1


# ------------------------------------------------------------------------------------------ files of the repository

SCHEMAS = {
    "citation-file-format": [ROOT / "CITATION.cff"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "github-issue-forms": [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_schemas(schema: str) -> None:
    tool = Path(sys.executable).parent / "check-jsonschema"
    if not tool.exists():
        pytest.skip("needs check-jsonschema: pip install '.[test-all]' in a clone installs it")
    assert SCHEMAS[schema]
    command = [tool, "--builtin-schema", f"vendor.{schema}", *SCHEMAS[schema]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
