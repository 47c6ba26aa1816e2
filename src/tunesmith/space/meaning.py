"""What parameters mean, by their names and by those beside them, and which values of them are usually good.

A name alone says little: `alpha` is a penalty of boosted trees, of a network or of a lasso, and good learning rates
of the first two differ a hundredfold. So the names of a part of a space that have a prefix in common (``xgb.eta``,
``model__eta``, or none) and are active together are taken together. What they describe is the kind of model that
knows most of them, if it is only one and if it knows two at least, one of which is not generic as ``depth`` is. Where
that is not clear, a prefix that names a kind (``xgb``, ``svc``) counts as one more name that it knows. A
part that is not clear by itself is taken together with all that is always active (``optimizer.lr``,
``data.batch_size``); what is not clear then is not believed. A centre far from all that a range allows shows that
another thing is meant, or another unit, and is not believed either; one that is a little outside is taken to lie
inside, and counts less.

Centres and widths are in `meaning.json`, in each parameter's own unit, with what they are from: tables from which
`benchmarks/meaning.py` learns them, on data sets on which no search is measured, or published defaults.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.foundation.languages import joined_texts, say, told
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.parameters import Float, Int
from tunesmith.space.priors import NormalPrior
from tunesmith.space.space import Space

MEANINGS_FILE = Path(__file__).with_suffix(".json")
NUMBERS_NEAR = "nothing: good values of the {} of a {} are numbers near {}"
LEAST_BELIEF_SD = 0.1  # of a range: a belief from other data is never sharper
OUT_OF_RANGE_WIDTHS = 0.5  # widths between a range and the centre, from which on something else is meant
INSIDE_WIDTHS = 0.25  # widths from the end of a range at which a centre outside of it is taken to lie
OUTSIDE_SD_FACTOR = 1.5  # by which the spread is larger then
LEAST_NAMES_KNOWN = 2  # names that a kind of model must know
BOOSTED_TREE, NEURAL_NETWORK, MOMENTUM = "boosted tree", "neural network", "momentum"
REINFORCEMENT, FINE_TUNING = "reinforcement learner", "fine-tuned model"
LEARNING_RATE = "learning rate"
LEARNING_RATE_WITH_MOMENTUM = "learning rate with momentum"
# Kinds of models, and the names of each meaning without signs and in small letters; "": names that tell the kind alone.
_RATES = "learningrate lr eta initlr learningrateinit initiallr baselr maxlr peaklr stepsize shrinkage"
_ALIASES_BY_MODEL = {
    BOOSTED_TREE: {
        LEARNING_RATE: _RATES,
        "rounds": "nestimators nrounds nround numboostround numrounds numround numiterations iterations niter maxiter"
        " ntrees numtrees",
        "depth": "maxdepth depth",
        "leaves": "numleaves maxleafnodes maxleaves",
        "leaf weight": "minchildweight minsumhessianinleaf",
        "leaf rows": "minchildsamples mindatainleaf minsamplesleaf minobsinnode",
        "rows": "subsample baggingfraction samplefraction",
        "columns": "colsamplebytree colsamplebylevel colsamplebynode featurefraction featurefractionbynode rsm"
        " maxfeatures",
        "split gain": "gamma minsplitloss minsplitgain mingaintosplit",
        "l1 penalty": "alpha regalpha lambdal1",
        "l2 penalty": "lambda reglambda lambdal2 l2regularization l2leafreg",
        "rate of dropped trees": "ratedrop droprate",
        "rate of skipped drops": "skipdrop",
        "": "booster boostingtype growpolicy maxbin",
    },
    "decision tree": {
        "depth": "maxdepth depth",
        "leaf rows": "minbucket minsamplesleaf",
        "split rows": "minsplit minsamplessplit",
        "pruning": "cp ccpalpha",
        "": "criterion splitter",
    },
    "forest": {
        "": "maxsamples samplefraction maxfeatures mtry minsamplesleaf minnodesize nestimators ntrees numtrees maxdepth"
        " minsamplessplit bootstrap criterion",
    },
    NEURAL_NETWORK: {
        LEARNING_RATE: _RATES,
        "batch size": "batchsize batch minibatchsize bs",
        "dropout": "dropout maxdropout dropoutrate dropoutp pdrop hiddendropout",
        "width": "width maxunits units nunits numunits hidden nhidden hiddensize hiddendim hiddenunits hiddenlayersize",
        "layers": "layers numlayers nlayers hiddenlayers nhiddenlayers numhiddenlayers depth",
        "weight decay": "weightdecay wd l2 l2reg alpha",
        MOMENTUM: "momentum",
        "": "optimizer optimiser activation activationfn epochs nesterov warmup schedule scheduler lrschedule solver",
    },
    "support vector machine": {"penalty": "c", "": "gamma kernel degree coef0"},
    "linear model": {"": "alpha lambda s l1ratio fitintercept penalty loss"},
    REINFORCEMENT: {
        LEARNING_RATE: _RATES + " actorlr criticlr policylr",
        "discount": "gamma discount discountfactor",
        "advantage decay": "gaelambda lam",
        "entropy weight": "entcoef entropycoef entropycoeff entcoeff",
        "clip range": "cliprange clipparam clipcoef clipratio",
        "value weight": "vfcoef valuecoef vfcoeff valuelosscoef",
        "steps": "nsteps rolloutlength horizon numsteps",
        "target update": "tau polyak",
        "": "maxgradnorm buffersize replaysize learningstarts targetupdateinterval explorationfraction nenvs numenvs"
        " epsilon epsilonstart epsilonend epsilondecay updateepochs targetkl",
    },
    FINE_TUNING: {
        LEARNING_RATE: _RATES,
        "weight decay": "weightdecay wd",
        "warmup share": "warmupratio warmupproportion warmupfraction",
        "adapter rank": "lorar lorarank",
        "adapter scale": "loraalpha",
        "adapter dropout": "loradropout",
        "epochs": "numtrainepochs",
        "batch size": "perdevicetrainbatchsize",
        "": "warmupsteps numwarmupsteps gradientaccumulationsteps lrschedulertype labelsmoothing labelsmoothingfactor"
        " adambeta1 adambeta2 adamepsilon maxgradnorm attentiondropout attndropout maxseqlength layerwiselrdecay",
    },
}
# What other fields call something else by, too: none of these alone makes a kind.
_GENERIC_NAMES = (
    "width depth units hidden layers batch l2 s alpha lambda lam gamma tau penalty loss criterion iterations niter"
    " maxiter stepsize steps nsteps horizon schedule scheduler solver optimizer optimiser epochs warmup rows cp epsilon"
    " discount maxgradnorm"
)
_GENERIC = frozenset(_GENERIC_NAMES.split())
# Words of a prefix that name a kind.
_WORDS_OF_KIND = {
    BOOSTED_TREE: "xgb xgboost lgb lgbm lightgbm cat catboost gbm gbdt gbt boosting boosted hgb histgradientboosting"
    " gradientboosting",
    "decision tree": "tree dt cart decisiontree",
    "forest": "rf forest randomforest extratrees",
    NEURAL_NETWORK: "mlp nn net network mlpclassifier mlpregressor",
    "support vector machine": "svc svm svr linearsvc",
    REINFORCEMENT: "ppo a2c dqn sac td3 ddpg",
}
_KINDS_OF_WORD = {word: kind for kind, words in _WORDS_OF_KIND.items() for word in words.split()}
_MEANINGS = {
    kind: {alias: meaning for meaning, aliases in known.items() for alias in aliases.split()}
    for kind, known in _ALIASES_BY_MODEL.items()
}
_ALIASES = frozenset(alias for known in _MEANINGS.values() for alias in known)
_PREFIX = re.compile(r"__|[.:/]|(?<=[^\W_])_(?!_)")  # where a name may begin that has something before it


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a parameter is, and what is believed of it before there are results.

    Attributes:
        kind: the model that it belongs to.
        meaning: what it is there.
        centre: the value about which good ones lie, which may be outside of the range.
        mostly: between which values of the range good ones mostly lie, one width below and above the centre.
        source: what it was learnt from.
        prior: the same as a density over the range.
    """

    kind: str
    meaning: str
    centre: float
    mostly: tuple[float, float]
    source: str
    prior: NormalPrior

    def __str__(self) -> str:
        low, high = (_two_digits(end) for end in self.mostly)
        pattern = "{} of a {}: near {}, mostly from {} to {}; learnt from {}"
        source = joined_texts(map(told, self.source.split(", ")))
        return told(say(pattern, say(self.meaning), say(self.kind), _two_digits(self.centre), low, high, source))


def meanings_of(space: Space) -> dict[int, Meaning]:
    """Return what the parameters of a space mean, by their place, where it is known what is good.

    Parameters with a prior of their own have none, nor have choices without an order.
    """
    return {space.names.index(name): belief for name, belief in _believed(space).items() if isinstance(belief, Meaning)}


def explain_meanings(space: Space, unused: str | None = None) -> dict[str, str]:
    """Return in words what is believed of each parameter of a space, and why; or why nothing is.

    Args:
        unused: why names mean nothing to the study; None: they do.

    Returns:
        A sentence for each parameter, by its name.
    """
    return {
        name: told(f"nothing: {unused}" if unused is not None and space[name].prior is None else str(belief))
        for name, belief in _believed(space).items()
    }


def _believed(space: Space) -> dict[str, Meaning | str]:
    """Return the meaning of each parameter, or why nothing is believed of it."""
    kinds, meanings = _recognised(space)
    found: dict[str, Meaning | str] = {}
    for name, param in space.params.items():
        if param.prior is not None:
            found[name] = f"your prior: {shown(param.prior)}"
        elif name not in kinds:
            found[name] = "nothing: the name has no known meaning"
        elif (own := kinds[name]) is None:
            found[name] = "nothing: the names beside it do not tell what model it belongs to"
        elif name not in meanings:
            found[name] = say("nothing: of a {}, and no values are known to be usually good", say(own))
        else:
            kind, meaning = meanings[name]
            found[name] = _meaning(kind, meaning, param) or (
                say(NUMBERS_NEAR, say(meaning), say(kind), _two_digits(_meaning_table()[kind][meaning]["centre"]))
            )
    return found


def _recognised(space: Space) -> tuple[dict[str, str | None], dict[str, tuple[str, str]]]:
    """Return the kind of model of each known name, None where it is not clear; and kind and meaning where known."""
    parts: dict[tuple[str, object], dict[str, str]] = {}
    for name, param in space.params.items():
        if (read := _split_name(name)) is not None:
            parts.setdefault((read[0], param.condition), {})[name] = read[1]
    kinds: dict[str, str | None] = {}
    meanings: dict[str, tuple[str, str]] = {}
    table = _meaning_table()
    always = {alias for (_, condition), aliases in parts.items() if condition is None for alias in aliases.values()}
    for (prefix, _), aliases in parts.items():
        words = re.split(r"[\W_]+", prefix.lower())
        named = {_KINDS_OF_WORD[word] for word in words if word in _KINDS_OF_WORD}
        own = set(aliases.values())
        kind = _kind(own) or _kind(own, named) or _kind({*own, *always}, named)
        kinds.update(dict.fromkeys(aliases, kind))
        if kind is None:
            continue
        of = {name: _MEANINGS[kind].get(alias, "") for name, alias in aliases.items()}
        has_momentum = kind == NEURAL_NETWORK and MOMENTUM in of.values()
        for name, meaning in of.items():
            exact = LEARNING_RATE_WITH_MOMENTUM if has_momentum and meaning == LEARNING_RATE else meaning
            if exact in table.get(kind, {}):
                meanings[name] = kind, exact
    return kinds, meanings


def _kind(aliases: set[str], named: Collection[str] = ()) -> str | None:
    """Return the one kind of model that knows most of some names, one at least that is not generic.

    Args:
        named: kinds that stand in the prefix of the names.
    """
    counts = {kind: len(aliases & known.keys()) + (kind in named) for kind, known in _MEANINGS.items()}
    most = max(counts.values())
    best = [kind for kind, count in counts.items() if count == most]
    if most < LEAST_NAMES_KNOWN or len(best) > 1:
        return None
    if best[0] not in named and aliases & _MEANINGS[best[0]].keys() <= _GENERIC:
        return None
    return best[0]


def _split_name(name: str) -> tuple[str, str] | None:
    """Return the prefix of a name and the known name behind it; None: there is none."""
    starts = [(0, 0), *(m.span() for m in _PREFIX.finditer(name))]
    for before, after in starts:
        plain = re.sub(r"[\W_]", "", name[after:]).lower()
        for alias in (plain, re.sub(r"(?<=[a-z])l?\d+$", "", plain)):  # n_units_l0, dropout_1
            if alias in _ALIASES:
                return name[:before], alias
    return None


def _meaning(kind: str, meaning: str, param: Parameter) -> Meaning | None:
    """Return what is believed of a parameter of this meaning; None if its type or its range does not fit."""
    values: list[float]
    if isinstance(param, Float | Int):
        values, cell = [param.low, param.high], 1.0 / param.n_values
    elif isinstance(param, Categorical) and param.is_ordered and all(_is_finite_number(v) for v in param.choices):
        values, cell = [float(v) for v in param.choices], 1.0 / param.n_values
    else:
        return None
    entry = _meaning_table()[kind][meaning]
    is_log, centre = "factor" in entry, float(entry["centre"])
    width = float(entry["factor"] if is_log else entry["width"])
    nearest, farthest = _values_around(centre, width, is_log, OUT_OF_RANGE_WIDTHS)
    if not all(a < b for a, b in pairwise(values)) or values[-1] < nearest or values[0] > farthest:
        return None
    ends = _values_around(centre, width, is_log, 1.0)
    is_outside = not values[0] <= centre <= values[-1]
    inside = _inside(values, centre, width, is_log) if is_outside else centre
    below, at, above = sorted(_unit_place(param, values, is_log, x) for x in (*ends, inside))
    sd = max(above - at, at - below, LEAST_BELIEF_SD) * (OUTSIDE_SD_FACTOR if is_outside else 1.0)
    low, high = (min(max(end, values[0]), values[-1]) for end in ends)
    source = ", ".join(entry["from"])
    return Meaning(kind, meaning, centre, (low, high), source, NormalPrior(math.nan, at, sd, cell))


def _unit_place(param: Parameter, values: list[float], is_log: bool, x: float) -> float:
    """Return where a number lies in the unit interval of a parameter, or the nearer end."""
    if isinstance(param, Float | Int):
        return float(param.to_unit(x))
    k = len(values)
    scaled = [math.log(max(v, math.ulp(0.0))) if is_log else v for v in values]
    return float(np.interp(math.log(x) if is_log else x, scaled, (np.arange(k) + 0.5) / k))


def _inside(values: list[float], centre: float, width: float, is_log: bool) -> float:
    """Return the value inside of a range that a centre outside of it is taken for.

    A search that begins on a bound learns of one side alone.
    """
    low, high = values[0], values[-1]
    middle = math.sqrt(low * high) if is_log and low > 0 else 0.5 * (low + high)
    if centre < low:
        return min(_values_around(low, width, is_log, INSIDE_WIDTHS)[1], middle)
    return max(_values_around(high, width, is_log, INSIDE_WIDTHS)[0], middle)


def _values_around(centre: float, width: float, is_log: bool, times: float) -> tuple[float, float]:
    """Return the values some widths below and above a centre."""
    if is_log:
        return centre / width**times, centre * width**times
    return centre - times * width, centre + times * width


def _two_digits(x: float) -> str:
    return f"{float(f'{x:.2g}'):,g}"


def _is_finite_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@cache
def _meaning_table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    found: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(MEANINGS_FILE.read_text())
    return found
