"""The families of models that `tunesmith.tune` chooses between, with the preparation that each of them needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tunesmith.errors import MissingDependencyError, SpaceError
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.sklearn.protocols import Data, Estimator, Params
from tunesmith.space import Categorical, Float, Space
from tunesmith.space.base import Parameter
from tunesmith.space.conditions import Condition
from tunesmith.space.estimators.first import first_rows
from tunesmith.space.estimators.joined import AutoSpace, joined
from tunesmith.tables.encode import Encode, categorical_indices
from tunesmith.tables.rounds import EarlyStopped

# ----------------------------------------------------------------------------------------------------------------------
# What is known of each kind.

STRETCHED = 0.6  # part of its rounds with which a model is still worth a fit
FEW_ROWS = 3000  # up to which a support vector machine takes no longer than the others
RATES = (0.03, 0.3)  # of learning, where rounds follow from it: lower ones take longer and are hardly better
RATE = 0.1  # of a first candidate
RARE = 0.2  # part of an equal share of the rows below which a class is rare, so that weights are worth a try


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of model.

    Attributes:
        module: of the classes.
        classifier: name of the class.
        regressor: likewise.
        scaled: whether it needs columns of one scale, and no gaps.
        stops: whether its rounds or trees are settled while it is fitted.
        sparse: whether it takes sparse rows.
        cost: how much longer a fit usually takes than one of LightGBM.
        elastic: whether a fit can be ended at any time, with the rounds that there are.
        power: its time grows like rows to this power.
        weights: its parameter for weights of classes, if it has one.
        arguments: of both classes.
        rounds: the parameters that `EarlyStopped` settles.
        units: whether a regression fits only targets that vary by about 1, so that these are scaled for it.
    """

    module: str
    classifier: str
    regressor: str
    scaled: bool = False
    stops: bool = False
    sparse: bool = True
    cost: float = 1.0
    elastic: bool = False
    power: float = 1.1
    weights: str | None = "class_weight"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rounds: frozenset[str] = frozenset()
    units: bool = False


BOOSTED = 0.8  # power of the time of boosted trees: up to some thousand rows, a round takes as long for any number
_TREES = frozenset({"n_estimators"})
KINDS: dict[str, Kind] = {
    "linear": Kind(
        "sklearn.linear_model", "LogisticRegression", "Ridge", scaled=True, cost=0.2, arguments={"max_iter": 500}
    ),
    "lightgbm": Kind(
        "lightgbm", "LGBMClassifier", "LGBMRegressor", stops=True, elastic=True, power=BOOSTED, rounds=_TREES,
        arguments={"verbosity": -1, "n_jobs": 1},
    ),
    "boosting": Kind(
        "sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", stops=True,
        sparse=False, cost=1.5, power=BOOSTED, rounds=frozenset({"max_iter"}),
    ),
    "extra_trees": Kind(
        "sklearn.ensemble", "ExtraTreesClassifier", "ExtraTreesRegressor", stops=True, elastic=True, cost=3.0
    ),
    "forest": Kind(
        "sklearn.ensemble", "RandomForestClassifier", "RandomForestRegressor", stops=True, elastic=True, cost=6.0,
        power=1.2,
    ),
    "xgboost": Kind(
        "xgboost", "XGBClassifier", "XGBRegressor", stops=True, elastic=True, cost=1.5, power=BOOSTED, weights=None,
        rounds=_TREES, arguments={"n_jobs": 1},
    ),
    "catboost": Kind(
        "catboost", "CatBoostClassifier", "CatBoostRegressor", stops=True, elastic=True, cost=5.0, power=BOOSTED,
        weights=None, sparse=False, rounds=frozenset({"iterations"}),
        arguments={"verbose": 0, "allow_writing_files": False, "thread_count": 1},
    ),
    "svm": Kind("sklearn.svm", "SVC", "SVR", scaled=True, power=2.0, units=True),
    "neighbours": Kind(
        "sklearn.neighbors", "KNeighborsClassifier", "KNeighborsRegressor", scaled=True, power=1.5, weights=None
    ),
    "network": Kind(
        "sklearn.neural_network", "MLPClassifier", "MLPRegressor", scaled=True, cost=3.0, weights=None,
        arguments={"early_stopping": True}, units=True,
    ),
    "tree": Kind("sklearn.tree", "DecisionTreeClassifier", "DecisionTreeRegressor"),
}  # fmt: skip


def usual_kinds(n_rows: int, sparse: bool = False) -> list[str]:
    """Return the kinds to choose from where none are named, the quickest first.

    Linear models are the baseline; forests and boosted trees lead on tabular data (Grinsztajn et al. 2022; McElfresh
    et al. 2023), those libraries of them that are installed; a support vector machine and neighbours where there are
    few rows.
    """
    boosted = [name for name in ("lightgbm", "xgboost", "catboost") if _installed(KINDS[name])]
    if "lightgbm" not in boosted:
        boosted.insert(0, "boosting")
    few = ["neighbours", "svm"] if n_rows <= FEW_ROWS else []
    names = ["linear", boosted[0], "extra_trees", "forest", *few, *boosted[1:]]
    return [name for name in names if KINDS[name].sparse or not sparse]


def _installed(kind: Kind) -> bool:
    return importlib.util.find_spec(kind.module.partition(".")[0]) is not None


# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One kind of model, or an estimator of the user's, with its space for the data at hand.

    Attributes:
        name: under which it is in the leaderboard.
        estimator: as it is, with its own values.
        auto: its space, and the parts that this is made of.
        params: the space's parameters that are searched, by their own names.
        kind: what is known of it; None: an estimator of the user's, which is used as it is.
        categories: columns of codes, and their levels.
        target: "regression", "binary" or "multiclass".
        seed: of what is drawn.
        before: makes numbers of the columns; None: the rows are numbers already.
    """

    name: str
    estimator: Estimator
    auto: AutoSpace
    params: Mapping[str, Parameter]
    kind: Kind | None
    categories: tuple[tuple[int, int], ...] = ()
    target: str = "regression"
    seed: int | None = None
    before: Any = None

    @property
    def power(self) -> float:
        """Its time grows like rows to this power."""
        return 1.2 if self.kind is None else self.kind.power

    @property
    def cost(self) -> float:
        """How much longer a fit usually takes than one of LightGBM."""
        return 1.0 if self.kind is None else self.kind.cost

    @property
    def least_part(self) -> float:
        """The part of its time with which a fit is still worth it: 1 where it cannot be ended before."""
        return STRETCHED if self.kind is not None and self.kind.elastic else 1.0

    @property
    def rate(self) -> str | None:
        """The name of its learning rate, where its rounds follow from that."""
        return (
            "learning_rate" if self.kind is not None and self.kind.rounds and "learning_rate" in self.params else None
        )

    def first(self) -> list[Params]:
        """Return its own values, and then the configurations that did well on many data sets."""
        space = self.auto.space
        own = self.estimator.get_params(deep=True)
        rows = first_rows(self.auto, own) if len(space) else []
        if self.rate is not None and not self.params[self.rate].contains(own.get(self.rate)):
            own[self.rate] = RATE
        usual = [
            param.to_internal(own[name]) if param.contains(own.get(name)) else float(param.from_unit([0.5])[0])
            for name, param in space.items()
        ]
        points = space.decode(np.vstack([space.mask(np.array([usual])), *rows])) if len(space) else [{}]
        more = {name: None for name in self.params if name not in space}  # weights of classes: none at first
        found = [{**point, **more} for point in points]
        if self.rate is not None:
            found = [{**point, self.rate: float(np.clip(point[self.rate] or RATE, *RATES))} for point in found]
        return list({repr(point): point for point in found}.values())

    def build(self, params: Mapping[str, Any], rounds: int | None = None, ends: float | None = None) -> Any:
        """Return an unfitted estimator for rows as `TableColumns` leaves them, or as they are given.

        Args:
            rounds: of boosted trees, or trees of a forest; None: they are settled while it is fitted.
            ends: time of ``time.monotonic`` after which no round is added.
        """
        model = clone(self.estimator).set_params(**params)
        if self.kind is None:
            return model
        native = not self.kind.scaled
        if self.kind.stops:
            codes = tuple(categorical_indices(self.categories, native)) if self.kind.rounds else ()
            model = EarlyStopped(model, rounds, codes, ends, self.seed)
        elif type(model).__name__ == "SVC":  # it has no probabilities of its own
            model = CalibratedClassifierCV(model, cv=3, ensemble=False)
        elif self.kind.units and self.target == "regression":
            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        fill = self.kind.module == "sklearn.tree" or not native
        encode = Encode(self.categories, native=native, scale=not native, fill=fill, target_type=self.target)
        before = [] if self.before is None else [("columns", self.before)]
        return Pipeline([*before, ("encode", encode), ("model", model)])


def read_categories(model: Estimator, categories: Mapping[int, int]) -> None:
    """Let an unfitted model of `Family.build` read the categories of other rows than those it was built for.

    Args:
        model: changed in place; an estimator of the user's stays as it is.
        categories: `TableColumns.categories_`.
    """
    steps = dict(getattr(model, "steps", ()))
    encode, last = steps.get("encode"), steps.get("model")
    if not isinstance(encode, Encode):
        return
    encode.categories = tuple(sorted(categories.items()))
    if isinstance(last, EarlyStopped):
        last.categories = tuple(categorical_indices(encode.categories, encode.native))


def family(
    name: str,
    X: Data,
    y: Data,
    categories: tuple[tuple[int, int], ...],
    target: str,
    rare: bool,
    seed: int | None,
) -> Family:
    """Return a family by its name.

    Args:
        name: of `KINDS`.
        X: rows as numbers; what ranges depend on.
        y: codes of classes, or numbers.
        categories: columns of codes, and their levels.
        target: "regression", "binary" or "multiclass".
        rare: whether a class is rare.

    Raises:
        ValueError: there is no such family, or it takes no sparse rows.
        MissingDependencyError: its library is not installed.
    """
    name = name.replace(" ", "_")
    if name not in KINDS:
        raise ValueError(
            f"tune: there is no kind of model {name!r}{did_you_mean(name, KINDS)} (kinds: {listing(KINDS)}); give "
            "one of them, or an estimator"
        )
    kind = KINDS[name]
    if not _installed(kind):
        raise MissingDependencyError(f"tune: {name!r} needs {kind.module}, which is not installed: pip install {name}")
    if not kind.sparse and hasattr(X, "tocsr"):
        raise ValueError(f"tune: {name!r} takes no sparse rows; leave it out, or give dense ones")
    classifies = target != "regression"
    cls: Callable[..., Estimator] = getattr(
        importlib.import_module(kind.module), kind.classifier if classifies else kind.regressor
    )
    estimator = cls(**kind.arguments)
    if "random_state" in estimator.get_params() or name == "catboost":
        estimator.set_params(random_state=seed)
    if kind.units and not classifies:
        y = np.asarray(y, np.float64) / (float(np.std(y)) or 1.0)
    auto = joined(estimator, X, y, kind.rounds)
    params: dict[str, Parameter] = dict(auto.space.items())
    if kind.rounds and "learning_rate" in params:
        params["learning_rate"] = Float(*RATES, log=True)
    if rare and classifies and kind.weights is not None and kind.weights not in params:
        params[kind.weights] = Categorical([None, "balanced"])
    return Family(name, estimator, auto, params, kind, categories, target, seed)


def given_family(name: str, estimator: Estimator, X: Data, y: Data, seed: int | None) -> Family:
    """Return the family of an estimator of the user's, which is used as it is.

    One that nobody knows has no parameters that are searched: it is tried with its own values.

    Args:
        name: under which it is told of.
    """
    try:
        auto = joined(estimator, X, y)
    except SpaceError:  # nobody knows the ranges of its parameters
        auto = AutoSpace(Space({}), ())
    return Family(name, estimator, auto, dict(auto.space.items()), None, seed=seed)


def joint_space(families: list[Family]) -> Space:
    """Return the space of the choice between families, and of each one's parameters."""
    columns: dict[str, Parameter] = {}
    if len(families) > 1:
        columns["model"] = Categorical([one.name for one in families])
    for one in families:
        for name, param in one.params.items():
            joint = param
            if param.condition is not None:
                clauses = ((f"{one.name}__{parent}", values) for parent, values in param.condition.clauses)
                joint = param.with_condition(Condition(clauses))
            columns[f"{one.name}__{name}"] = joint.when({"model": one.name}) if len(families) > 1 else joint
    return Space(columns)


def of_params(families: list[Family], params: Mapping[str, Any]) -> tuple[Family, Params]:
    """Return the family that a point of the joint space is of, and its values by the family's own names."""
    one = next((f for f in families if f.name == params.get("model")), families[0])
    prefix = f"{one.name}__"
    return one, {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def to_params(one: Family, values: Mapping[str, Any], alone: bool) -> Params:
    """Return a point of the joint space.

    Args:
        values: by its own names.
        alone: whether it is the only one.
    """
    model = {} if alone else {"model": one.name}
    return {**model, **{f"{one.name}__{name}": value for name, value in values.items()}}
