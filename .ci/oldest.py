"""Print the oldest versions that pyproject.toml admits, one requirement a line, as constraints for pip."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
needed = project["dependencies"] + [r for extra in ("sklearn", "pandas", "postgres") for r in extras[extra]]
for requirement in needed:
    name, _, version = requirement.partition(">=")
    print(f"{name.partition('[')[0]}=={version}")
