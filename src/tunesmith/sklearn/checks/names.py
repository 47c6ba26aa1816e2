"""Checks candidates before the first fit: every name must exist, and every value must be one that ``fit`` accepts.

scikit-learn finds a wrong name or value when the first candidate that has it is fitted, perhaps after an hour. Here a
wrong name is an error at once, with a suggestion. A value that the estimator's own rules refuse
(``_parameter_constraints``) makes that candidate's fits fail, and ``error_score`` says whether that ends the search. So
it is an error at once only if ``error_score="raise"`` or if no candidate would be left, and a warning otherwise.

An estimator whose ``set_params`` is not scikit-learn's takes parameters in its own way and is not checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import close_matches
from tunesmith.foundation.warnings import caution
from tunesmith.sklearn._compat import BaseComposition, InvalidParameterError, validate_parameter_constraints
from tunesmith.sklearn.protocols import ErrorScore, Estimator, Params
from tunesmith.space import Float

# ----------------------------------------------------------------------------------------------------------------------
# Suggests the name under which an estimator may have a parameter that it does not have under the name given.

# Names that different estimators, or their users, give to nearly the same parameter, in the order of preference.
TABLE = """
learning_rate learning_rate_init eta0 eta lr step_size
max_iter n_iter n_iters num_iter n_epochs epochs max_epochs iterations num_iterations
n_estimators n_trees num_trees ntree n_boosting_rounds num_boost_round max_iter
alpha C lambda lambda_ lam reg reg_lambda reg_alpha regularization weight_decay l2_regularization l2 l2_reg alphas Cs
n_neighbors k neighbors n_neighbours K
n_clusters k n_components clusters K
n_components n_dims dim dims n_factors rank n_topics k
max_depth depth tree_depth max_level
max_leaf_nodes num_leaves max_leaves n_leaves
min_samples_leaf min_child_samples min_data_in_leaf min_leaf min_node_size nodesize min_child_weight min_samples_split
max_features mtry colsample_bytree colsample feature_fraction n_features
max_samples subsample bagging_fraction sample_fraction
gamma sigma bandwidth length_scale kernel_width
tol tolerance eps epsilon
random_state seed random_seed
hidden_layer_sizes hidden_layers layers n_hidden hidden_units hidden_size
activation act nonlinearity
metric distance affinity distance_metric
l1_ratio mixing rho elastic_net_ratio
class_weight class_weights scale_pos_weight
loss criterion objective cost
estimator base_estimator base_learner model
penalty regularizer norm
p norm power
solver algorithm optimizer method
strategy method mode
batch_size minibatch_size batch
n_iter_no_change patience early_stopping_rounds
validation_fraction validation_split val_fraction
fit_intercept intercept bias
n_jobs n_threads num_workers nthread
"""
GROUPS = tuple(tuple(line.split()) for line in TABLE.splitlines() if line)


def synonyms_of(name: str, valid: Iterable[str], accepts: Callable[[str], bool]) -> list[str]:
    """Return this estimator's names for a parameter that others call by another name, most likely first.

    Args:
        valid: the names that there are.
        accepts: whether the parameter of a valid name takes the value that was given.
    """
    known = set(valid) - {name}
    found: list[str] = []
    for group in GROUPS:
        if name in group or name.lower() in group:
            found.extend(other for other in group if other in known and other not in found)
    return [other for other in found if accepts(other)]


# ----------------------------------------------------------------------------------------------------------------------

SHOWN = 30  # how many valid names a message lists
VALUES = 5  # how many refused values
Owner = tuple[Any, str]  # an estimator and the name of a parameter of its own


class ParameterChecker:
    """Checks candidates of one estimator, and remembers what it has checked.

    Args:
        estimator: what is tuned; is not changed.
        error_score: the score of a fit that fails, or "raise".
    """

    def __init__(self, estimator: Estimator, error_score: ErrorScore) -> None:
        self._estimator = estimator
        self._fatal = error_score == "raise"
        self._owners: dict[Hashable, dict[str, Owner | None]] = {}
        self._verdicts: dict[Hashable, Refusal | None] = {}
        self._alive: list[Any] = []  # objects known by their identity must live on

    def check(
        self, candidates: list[Params], what: str = "candidates", declared: Mapping[str, Any] | None = None
    ) -> None:
        """Check candidates.

        Args:
            candidates: parameters by name, of each.
            what: what to call them in a warning.
            declared: the parameters of the space that they come from, by name, where there is one.

        Raises:
            SpaceError: a name does not exist, or values are refused and nothing would be left to search.
        """
        refused: dict[Refusal, dict[str, None]] = {}  # which values, in order
        whole: dict[Refusal, str] = {}  # what to write where whole numbers are wanted
        n_refused = 0
        for params in candidates:
            found = [
                (verdict, name, owner)
                for name, owner in self.check_names(params).items()
                if owner and (verdict := self._verdict(owner, name, params[name]))
            ]
            for verdict, name, owner in found:
                refused.setdefault(verdict, {})[repr(params[name])] = None
                whole[verdict] = _as_whole(owner, params[name], (declared or {}).get(name))
            n_refused += bool(found)
        if not refused:
            return
        text = "\n".join(
            f"{verdict.rule}. Got {_listed(list(values), VALUES)} instead{verdict.hint or whole[verdict]}"
            for verdict, values in refused.items()
        )
        if self._fatal or n_refused == len(candidates):
            raise SpaceError(text)
        caution(f"{n_refused} of {len(candidates)} {what} cannot be fitted. {text}", FitFailedWarning)

    # -- names -------------------------------------------------------------------------------------------------------

    def check_names(self, params: Params) -> dict[str, Owner | None]:
        """Return the owner of each name of a candidate; None if it is an estimator that is not checked.

        Raises:
            SpaceError: a name does not exist.
        """
        structure = {name: value for name, value in params.items() if _is_structure(value)}
        key = (tuple(params), tuple((name, id(value)) for name, value in structure.items()))
        if key not in self._owners:
            self._alive.append(list(structure.values()))
            unknown: list[str] = []
            owners: dict[str, Owner | None] = {}
            estimator = clone(self._estimator)
            # whole estimators first: they decide which names the others may have
            for name in sorted(params, key=lambda n: (n not in structure, n.count("__"))):
                found = _owner(estimator, name)
                if isinstance(found, _UnknownName):
                    unknown.append(found.message(name, params))
                    continue
                owners[name] = found
                if name in structure:
                    estimator.set_params(**{name: clone(structure[name], safe=False)})
            if unknown:
                raise SpaceError("\n".join(unknown))
            self._owners[key] = owners
        return self._owners[key]

    # -- values ------------------------------------------------------------------------------------------------------

    def _verdict(self, owner: Owner, name: str, value: Any) -> Refusal | None:
        """Return why a value is refused, or None."""
        estimator, leaf = owner
        scalar = isinstance(value, str | int | float | bool | type(None))
        key = (type(estimator), name, type(value), value if scalar else id(value))
        if key not in self._verdicts:
            if not scalar:
                self._alive.append(value)
            rule = broken_rule(estimator, leaf, value)
            self._verdicts[key] = None
            if rule is not None:
                others = synonyms_of(leaf, _own_names(estimator), partial(accepts_value, estimator, value))
                hint = f"; did you mean {name[: len(name) - len(leaf)] + others[0]!r}?" if others else ""
                self._verdicts[key] = Refusal(rule, hint)
        return self._verdicts[key]


class Refusal(NamedTuple):
    """Why a value is refused: the estimator's rule, and what else might be meant."""

    rule: str
    hint: str


def broken_rule(estimator: Estimator, name: str, value: Any) -> str | None:
    """Return the rule by which an estimator would refuse a value of one of its own parameters, or None.

    Only scikit-learn's declared rules are asked, and only if ``fit`` will ask them.
    """
    rules = getattr(estimator, "_parameter_constraints", None)
    if (
        not isinstance(rules, dict)
        or name not in rules
        or getattr(type(estimator), "_validate_params", None) is not BaseEstimator._validate_params
        or get_config()["skip_parameter_validation"]
    ):
        return None
    try:
        validate_parameter_constraints({name: rules[name]}, {name: value}, type(estimator).__name__)
    except InvalidParameterError as error:
        return str(error).partition(". Got ")[0]
    except Exception:  # a rule that cannot judge this value: fit will
        return None
    return None


def accepts_value(estimator: Estimator, value: Any, name: str) -> bool:
    """Whether an estimator's own parameter of this name may have the value."""
    return broken_rule(estimator, name, value) is None


def _as_whole(owner: Owner, value: Any, declared: Any) -> str:
    """Return what to write instead of a float where a whole number is wanted; nothing if it is not."""
    if not isinstance(value, float) or not math.isfinite(value) or not accepts_value(owner[0], round(value), owner[1]):
        return ""
    if not isinstance(declared, Float):
        return "; give whole numbers"
    log = ", log=True" if declared.log else ""
    return f"; use Int({math.ceil(declared.low)}, {math.floor(declared.high)}{log})"


class _UnknownName:
    """A name that does not exist, and what a helpful message needs.

    Args:
        owner: the estimator that was asked.
        path: how the owner is reached from the estimator that is tuned, such as "clf__".
        leaf: the part of the name that it does not know.
        rest: what followed that part.
    """

    def __init__(self, owner: Any, path: str, leaf: str, rest: str) -> None:
        self.owner = owner
        self.path = path
        self.leaf = leaf
        self.rest = rest

    def message(self, name: str, params: Params) -> str:
        """Return what is wrong with a name of a candidate."""
        given = f" (given as {name!r})" if self.path or self.rest else ""
        choice = self.path.removesuffix("__")
        if choice in params:  # the candidate itself chose the estimator that lacks the parameter
            given += f"; to give each choice of {choice!r} parameters of its own, use a list of dicts"
        if not hasattr(self.owner, "get_params"):
            return f"{choice!r} is {self.owner!r}, which has no parameter {self.leaf!r}{given}"
        steps = _step_names(self.owner)
        own = sorted(n for n in _own_names(self.owner) if n not in steps)
        close = self._suggestions(steps or own, params[name])
        hint = f"; did you mean {self.path + close[0] + self.rest!r}?" if close else ""
        kind = type(self.owner).__name__
        if steps and self.rest:
            return f"{kind} has no step {self.leaf!r}{given}{hint} (steps: {_listed(steps)})"
        return f"{kind} has no parameter {self.leaf!r}{given}{hint} (valid: {_listed(steps + own)})"

    def _suggestions(self, names: list[str], value: Any) -> list[str]:
        if self.rest:
            return close_matches(self.leaf, names)
        own = _own_names(self.owner)
        joined = re.sub("_+", "_", self.leaf)  # one underscore after a step's name, where two belong
        nested = [n for n in self.owner.get_params(deep=True) if "__" in n and re.sub("_+", "_", n) == joined]
        if nested:
            return nested
        inside = [n for n in self.owner.get_params(deep=True) if n.endswith("__" + self.leaf)]  # the step was left out
        return (
            synonyms_of(self.leaf, own, partial(accepts_value, self.owner, value))
            + close_matches(self.leaf, own)
            + inside
        )


def _owner(estimator: Estimator, name: str) -> Owner | _UnknownName | None:
    """Follow a name such as ``clf__estimator__C`` to the estimator whose parameter it is."""
    path = ""
    rest = name
    while True:
        if not lists_all_params(estimator):
            # it may know names that get_params does not list; of what is no estimator we know that it has none
            return None if hasattr(estimator, "set_params") else _UnknownName(estimator, path, rest, "")
        head, delimiter, tail = rest.partition("__")
        known = estimator.get_params(deep=True)
        if head not in known:
            return _UnknownName(estimator, path, head, delimiter + tail)
        if not delimiter:
            return estimator, head
        estimator, path, rest = known[head], f"{path}{head}__", tail


def lists_all_params(estimator: Estimator) -> bool:
    """Whether ``set_params`` is scikit-learn's, and so knows exactly the names that ``get_params`` lists."""
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return False
    home = next((c for c in type(estimator).__mro__ if "set_params" in vars(c)), object)
    return home is BaseEstimator or (issubclass(home, BaseComposition) and home.__module__.startswith("sklearn."))


def _own_names(estimator: Estimator) -> list[str]:
    return [n for n in estimator.get_params(deep=True) if "__" not in n]


def _step_names(estimator: Estimator) -> list[str]:
    """The names of a pipeline's steps, or of the members of another composition."""
    for attribute in ("steps", "transformers", "estimators", "transformer_list"):
        members = getattr(estimator, attribute, None)
        if isinstance(members, list) and all(isinstance(m, tuple) and m and isinstance(m[0], str) for m in members):
            return [m[0] for m in members]
    return []


def _is_structure(value: Any) -> bool:
    """Whether a value decides which further parameters there are."""
    if isinstance(value, str):
        return value in ("passthrough", "drop")
    return value is None or isinstance(value, list) or hasattr(value, "get_params")


def _listed(names: list[str], most: int = SHOWN) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
