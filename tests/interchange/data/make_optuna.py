"""Records a study with Optuna as it was: a database, a journal where that Optuna has them, and what it says of it.

usage: python make_optuna.py FOLDER      with the python of an environment that has the Optuna to record; times are UTC

The files of this folder were made with Optuna 1.0.0, 2.0.0, 2.10.1, 3.6.2 and 4.9.0 (SQLAlchemy < 1.4 for the
first two, < 2 for the third).
"""

import json
import math
import os
import sqlite3
import sys
import time

os.environ["TZ"] = "UTC"
time.tzset()
import optuna  # noqa: E402

VERSION = tuple(int(part) for part in optuna.__version__.split(".")[:2])
FOLDER = sys.argv[1]


def objective(trial):
    x = trial.suggest_uniform("x", -5, 5) if VERSION < (3, 0) else trial.suggest_float("x", -5, 5)
    if VERSION < (3, 0):
        trial.suggest_loguniform("rate", 1e-5, 1)
        trial.suggest_discrete_uniform("lattice", 0, 1, 0.25)
    else:
        trial.suggest_float("rate", 1e-5, 1, log=True)
        trial.suggest_float("lattice", 0, 1, step=0.25)
    trial.suggest_int("n", 1, 9)
    if VERSION >= (2, 0):
        trial.suggest_int("units", 8, 512, log=True)
        trial.suggest_int("odd", 1, 8, step=2)
    if trial.suggest_categorical("kind", ["a", None, 3, True]) == "a":
        trial.suggest_categorical("inner", [0.5, "b"])
    trial.report(x, 0)
    trial.report(math.inf if VERSION >= (3, 0) else 2.0, 1)
    if VERSION >= (3, 0):
        trial.report(math.nan, 2)
    trial.set_user_attr("note", {"k": [1, "two"]})
    if trial.number % 5 == 3:
        raise optuna.exceptions.TrialPruned() if VERSION >= (1, 0) else optuna.structs.TrialPruned()
    if trial.number % 5 == 4:
        return math.nan
    return math.inf if VERSION >= (3, 0) and trial.number % 5 == 2 else x * x


def fill(storage):
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(study_name="one", storage=storage, direction="maximize", sampler=sampler)
    study.set_user_attr("who", "me")
    study.optimize(objective, n_trials=6)
    if VERSION >= (1, 2):
        study.enqueue_trial({"x": 1.5})
    if VERSION >= (3, 0):
        constrained = {"constraints_func": lambda trial: (1.0, -trial.params["x"])}
        sampler = optuna.samplers.NSGAIISampler(seed=0, **constrained)
        two = optuna.create_study(
            study_name="two", storage=storage, directions=["minimize", "maximize"], sampler=sampler
        )
        two.optimize(lambda trial: (trial.suggest_float("x", 0, 2), 1.0), n_trials=2)
    return study


def told(study):
    trials = []
    for t in study.trials:
        trials.append(
            {
                "number": t.number,
                "state": t.state.name,
                "value": repr(t.value),
                "params": t.params,
                "user_attrs": t.user_attrs,
                "reports": sorted([step, repr(float(value))] for step, value in t.intermediate_values.items()),
                "start": t.datetime_start and t.datetime_start.isoformat(),
                "complete": t.datetime_complete and t.datetime_complete.isoformat(),
            }
        )
    return {"version": optuna.__version__, "user_attrs": study.user_attrs, "trials": trials}


def main():
    name = os.path.join(FOLDER, "optuna-" + optuna.__version__)
    for ending in (".db", ".log", ".json", ".log.json"):
        if os.path.exists(name + ending):
            os.remove(name + ending)
    study = fill("sqlite:///" + name + ".db")
    with open(name + ".json", "w") as file:
        json.dump(told(study), file, indent=1, sort_keys=True)
    connection = sqlite3.connect(name + ".db")
    connection.execute("PRAGMA page_size = 512")
    connection.execute("VACUUM")
    connection.close()
    if VERSION >= (3, 1):
        from optuna.storages import JournalStorage

        if VERSION >= (4, 0):
            from optuna.storages.journal import JournalFileBackend as File
        else:
            from optuna.storages import JournalFileStorage as File
        study = fill(JournalStorage(File(name + ".log")))
        with open(name + ".log.json", "w") as file:
            json.dump(told(study), file, indent=1, sort_keys=True)


main()
