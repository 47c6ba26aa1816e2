"""The imports between the files of the package, those for type checking and those inside functions counted.

usage: python .ci/imports.py    (prints the circles of files)
"""

from __future__ import annotations

import ast
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"


def modules() -> dict[str, Path]:
    """The dotted name of every file of the package; of a folder's `__init__.py` that of the folder."""
    found = {}
    for path in sorted((SRC / "tunesmith").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The files of the package that a file imports, anywhere in it.

    `from package import name` counts as an import of the module `package.name` where there is one, else of the package.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return {other for other in found if other in known and other != name}


def graph() -> dict[str, set[str]]:
    """What each file imports."""
    known = modules()
    return {name: imports_of(name, path, known) for name, path in known.items()}


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The groups of two or more files each of which reaches the others (strongly connected, by Kosaraju)."""
    importers: dict[str, set[str]] = {name: set() for name in imports}
    for name, others in imports.items():
        for other in others:
            importers[other].add(name)

    def walk(start: str, edges: dict[str, set[str]], seen: set[str]) -> list[str]:
        """The files reached from one, each after all that are reached through it."""
        seen.add(start)
        done, stack = [], [(start, iter(sorted(edges[start])))]
        while stack:
            following = next((other for other in stack[-1][1] if other not in seen), None)
            if following is None:
                done.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(sorted(edges[following]))))
        return done

    seen: set[str] = set()
    order = [name for start in imports if start not in seen for name in walk(start, imports, seen)]
    seen.clear()
    groups = [walk(start, importers, seen) for start in reversed(order) if start not in seen]
    return sorted(sorted(group) for group in groups if len(group) > 1)


if __name__ == "__main__":
    for circle in circles(graph()):
        print(", ".join(circle))
