"""Make the news fragments of changes/ the section of a release in CHANGELOG.md, and delete them.

python .ci/changelog.py            # the section of the version in src/tunesmith/__init__.py
python .ci/changelog.py --draft    # print it, and change nothing
python .ci/changelog.py --written  # that section was written by hand: only delete the files
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- releases -->\n"
KINDS = ("removed", "changed", "added", "fixed")  # what may break a program comes first


def fragments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.md") if path.name != "README.md")


def section(paths: list[Path], version: str, date: str) -> str:
    """The section of one release: a list of what changed for each kind of change."""
    parts = [f"## {version} ({date})\n"]
    for kind in KINDS:
        texts = [path.read_text(encoding="utf-8").split() for path in paths if path.suffixes[-2] == f".{kind}"]
        if texts:
            parts.append(f"### {kind.capitalize()}\n\n" + "".join(f"- {' '.join(words)}\n" for words in texts))
    return "\n".join(parts)


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draft", action="store_true", help="print the section, and change nothing")
    parser.add_argument("--written", action="store_true", help="the section is there, by hand: only delete the files")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat(), help="of the release")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the checkout")
    options = parser.parse_args()

    found = re.search(r'__version__ = "(.+)"', (options.root / "src" / "tunesmith" / "__init__.py").read_text())
    version = found[1] if found else ""
    page, paths = options.root / "CHANGELOG.md", fragments(options.root / "changes")
    text = page.read_text(encoding="utf-8")
    if not paths:
        print("changelog: changes/ has no news", file=sys.stderr)
        return 1
    is_there = f"\n## {version} (" in text
    if options.written and is_there:
        _delete(paths)
        print(f"changelog: the news of {len(paths)} files are deleted; look at git diff, then commit")
        return 0
    if options.written:
        print(f"changelog: CHANGELOG.md has no section of {version}", file=sys.stderr)
        return 1
    if is_there:
        print(f"changelog: CHANGELOG.md has {version}; set the next one in tunesmith/__init__.py", file=sys.stderr)
        return 1
    made = section(paths, version, options.date)
    if options.draft:
        print(made, end="")
        return 0
    page.write_text(text.replace(MARK, f"{MARK}\n{made}", 1), encoding="utf-8")
    _delete(paths)
    print(f"changelog: {version} has the news of {len(paths)} files, which are deleted; look at git diff, then commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
