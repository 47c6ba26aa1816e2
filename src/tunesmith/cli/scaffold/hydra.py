"""The settings of a Hydra program, as options with dots in their names."""

from __future__ import annotations

import re

from tunesmith.cli.scaffold.option import LONGEST, Option, value_of

# Where a program writes: a folder of its own for each trial. The usual one is named after the second, so that trials
# that begin in the same second write into one.
RUN_DIR = 'hydra.run.dir="{trial_dir}/hydra"'
_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+):(?: +(?P<value>[^#].*?))?(?: +#.*)?$")


def groups_in_help(text: str) -> list[Option]:
    """Return the groups of configurations that ``--help`` lists, each as the choice of one of them."""
    _, _, rest = text.partition("== Configuration groups ==")
    found = []
    for line in rest.partition("== Config ==")[0].splitlines():
        name, colon, choices = line.partition(": ")
        if colon and re.fullmatch(r"[\w./@-]+", name):
            words = [word.strip() for word in choices.split(",")]
            found.append(Option(name, choices=words, is_group=True))
    return found


def options_in_config(text: str) -> list[Option]:
    """Return the settings of a YAML text that have one value; lists, references and Hydra's own are left out.

    This reads what ``--cfg job`` prints and what people write by hand, not all of YAML.
    """
    found = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _LINE.match(line[:LONGEST])
        if match is None:
            continue
        indent = len(match["indent"])
        while above and above[-1][0] >= indent:
            above.pop()
        name = ".".join([*(key for _, key in above), match["key"]])
        value = match["value"]
        if value is None:
            above.append((indent, match["key"]))
        elif value[0] not in "[{$&*!|>-" or re.fullmatch(r"-[\d.].*", value):
            found.append(Option(name, default=value_of(value)))
    return [option for option in found if not re.match(r"(hydra|defaults)(\.|$)|.*\b_target_$", option.name)]
