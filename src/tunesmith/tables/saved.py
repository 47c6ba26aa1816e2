"""Fitted models as files of skops: what a file holds is read, and never run as a pickle is."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.system.replacing import replacing
from tunesmith.foundation.text import listing, printable

# What models of `tunesmith.tune` are made of, beside what skops trusts by itself.
TRUSTED_TYPES: tuple[str, ...] = (
    "tunesmith.tables.columns.TableColumns",
    "tunesmith.tables.encode.Encode",
    "tunesmith.tables.model.TableClassifier",
    "tunesmith.tables.model.TableRegressor",
    "tunesmith.tables.roles.Boolean",
    "tunesmith.tables.roles.Category",
    "tunesmith.tables.roles.Date",
    "tunesmith.tables.roles.Number",
    "tunesmith.tables.roles.ShortText",
    "tunesmith.tables.rounds.EarlyStopped",
    "tunesmith.tables.writing.NumberWriting",
    "catboost.core.CatBoostClassifier",
    "catboost.core.CatBoostRegressor",
    "collections.OrderedDict",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
NEEDS = "a file of a model needs skops, which is not installed: pip install 'tunesmith[tables]'"


@checked()
def save_model(model: Any, path: str | os.PathLike[str]) -> list[str]:
    """Write a fitted model to a file of skops, which `load_model` reads.

    The file is there as a whole or not at all.

    Args:
        model: what `tunesmith.tune` returned, its ``best_estimator_``, or any fitted estimator of scikit-learn's kind.
        path: the file; one that is there is replaced.

    Returns:
        the types in it that have to be trusted where it is loaded by ``skops.io.load``.

    Raises:
        MissingDependencyError: skops is not installed.
        ValueError: skops cannot hold the model.
    """
    skops = _skops()
    model = getattr(model, "best_estimator_", model)
    with replacing(path) as part:
        try:
            skops.dump(model, part, compression=zipfile.ZIP_DEFLATED)
            found: list[str] = skops.get_untrusted_types(file=part)
        except OSError:
            raise
        except Exception as error:  # of somebody's estimator
            raise ValueError(
                f"skops cannot write {type(model).__name__}: {printable(str(error))}; leave out the model that it "
                "names, or keep the code that makes it"
            ) from error
    return found


@checked()
def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str] = ()) -> Any:
    """Read a model that `save_model` or ``tunesmith tune`` wrote.

    Only types of tunesmith and of the libraries that `tunesmith.tune` chooses from are made, `TRUSTED_TYPES`, and those
    that skops trusts by itself. Booster libraries read their own models from the file: load only files of people that
    you trust where these are in them.

    Args:
        path: the file.
        trusted: further types, such as those of an estimator of your own.

    Returns:
        the fitted model.

    Raises:
        MissingDependencyError: skops is not installed, or a library of the model's.
        FileNotFoundError: there is no such file.
        ValueError: it is no model, or holds types that are not trusted.
    """
    skops = _skops()
    name = printable(os.fspath(path))
    if not Path(path).is_file():
        raise FileNotFoundError(2, "there is no such file", os.fspath(path))
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{name} is no model that `tunesmith tune` or save_model wrote")
    known = {*TRUSTED_TYPES, *trusted}
    try:
        strange = [one for one in skops.get_untrusted_types(file=path) if one not in known]
        if not strange:
            return skops.load(path, trusted=sorted(known))
    except ImportError as error:
        raise MissingDependencyError(f"{name} needs a library that is not installed: {error}") from error
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(f"{name} cannot be read as a model: {printable(str(error))}") from error
    raise ValueError(
        f"{name} holds types that a model of tunesmith.tune does not have: {listing(strange)}; if you know who wrote "
        f"it, give trusted={strange!r}"
    )


def _skops() -> Any:
    try:
        return importlib.import_module("skops.io")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(NEEDS) from error
