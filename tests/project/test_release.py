"""What a release is made with: the change log, and the files that the repository's pages read."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tunesmith

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"


# ------------------------------------------------------------------------------------------------------- change log


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "src" / "tunesmith").mkdir(parents=True)
    (tmp_path / "src" / "tunesmith" / "__init__.py").write_text('__version__ = "1.2.0"\n')
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
    assert "set the next one in tunesmith/__init__.py" in done.stderr
    assert (checkout / "changes" / "d.added.md").exists()


def test_a_section_may_be_written_by_hand(checkout: Path) -> None:
    assert "has no section of 1.2.0" in changelog(checkout, "--written").stderr
    assert len([*(checkout / "changes").iterdir()]) == 4
    page = checkout / "CHANGELOG.md"
    page.write_text(page.read_text().replace("## 1.1.0", "## 1.2.0 (2026-02-03)\n\nBetter.\n\n## 1.1.0"))
    before = page.read_text()
    done = changelog(checkout, "--written")
    assert done.returncode == 0, done.stderr
    assert page.read_text() == before
    assert [path.name for path in (checkout / "changes").iterdir()] == ["README.md"]


# ------------------------------------------------------------------------------------------ files of the repository


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {tunesmith.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


SCHEMAS = {
    "citation-file-format": [ROOT / "CITATION.cff"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "github-issue-forms": [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"],
    "github-workflows": [*(GITHUB / "workflows").glob("*.yml")],
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


def workflow(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which yamllint brings")
    return yaml.safe_load((GITHUB / "workflows" / name).read_text())


def test_workflows_name_no_secret_and_may_write_nothing_by_default() -> None:
    for path in (GITHUB / "workflows").glob("*.yml"):
        assert "secrets." not in path.read_text()
        assert workflow(path.name)["permissions"] in ({}, {"contents": "read"})


def test_the_tests_run_on_three_systems_and_each_python_of_a_release() -> None:
    matrix = workflow("tests.yml")["jobs"]["inner"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert tuple(matrix["python"]) == release().PYTHONS


def test_what_is_published_was_built_and_tried_in_a_job_without_rights() -> None:
    jobs = workflow("publish.yml")["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert any(step.get("run") == "make release" for step in jobs["build"]["steps"])
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"attestations": "write", "id-token": "write"}
    assert not any("run" in step for step in jobs["publish"]["steps"])


# ---------------------------------------------------------------------------------------------------- make release


def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_builds_that_differ_are_no_release(tmp_path: Path) -> None:
    made = release()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.whl").write_bytes(b"same")
    made.same(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "x.tar.gz").write_bytes(b"one build has it")
    (tmp_path / "b" / "x.whl").write_bytes(b"diff")  # as long as the other
    with pytest.raises(made.ReleaseError, match=r"differ in x\.tar\.gz, x\.whl"):
        made.same(tmp_path / "a", tmp_path / "b")


def test_a_large_wheel_is_no_release(tmp_path: Path) -> None:
    made = release()
    (tmp_path / "x.whl").write_bytes(b"12345")
    assert made.small_enough(tmp_path / "x.whl", 5) == 5
    with pytest.raises(made.ReleaseError, match=r"x\.whl has 5 bytes; at most 4"):
        made.small_enough(tmp_path / "x.whl", 4)
