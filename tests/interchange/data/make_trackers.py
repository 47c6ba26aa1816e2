"""Records small results of Ray Tune, MLflow and Hyperopt beside this file, with the libraries themselves.

usage: python make_trackers.py        Ray 2.60, mlflow-skinny 3.17 and Hyperopt 0.3 made those that are here

W&B's exports come from its website and from its API, which need an account: wandb.csv is a table of runs as the website
saves it, wandb-api.csv what the export program of its documentation writes, written by hand after both.
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ray_tune() -> None:
    import ray
    from ray import tune

    def trainable(config: dict[str, Any]) -> None:
        for i in range(3):
            tune.report({"loss": config["lr"] * config["net"]["width"] / (i + 1), "env": {"reward": i}})
        if config["lr"] > 0.02:
            raise RuntimeError("diverged")

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    space = {"lr": tune.grid_search([0.001, 0.01, 0.05]), "net": {"width": tune.grid_search([8, 16])}, "opt": "sgd"}
    with tempfile.TemporaryDirectory() as folder:
        run = tune.RunConfig(name="spirals", storage_path=folder, verbose=0)
        tune.Tuner(trainable, param_space=space, run_config=run).fit()
        target = HERE / "ray" / "spirals"
        shutil.rmtree(target, ignore_errors=True)
        for path in sorted(Path(folder, "spirals").rglob("*")):
            if path.suffix == ".json" or path.name == "error.txt":
                if path.name.startswith("basic-variant"):
                    continue
                copy = target / path.relative_to(Path(folder, "spirals"))
                copy.parent.mkdir(parents=True, exist_ok=True)
                text = path.read_text().replace(folder, "/results")
                copy.write_text(text.splitlines()[-1] if path.name == "error.txt" else text)  # without paths of here


def mlflow() -> None:
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
    import mlflow as ml

    tables = ("experiments", "runs", "params", "metrics", "latest_metrics", "tags")
    with tempfile.TemporaryDirectory() as folder:
        for uri in (f"file://{folder}/mlruns", f"sqlite:///{folder}/mlflow.db"):
            ml.set_tracking_uri(uri)
            for name in ("spirals", "other"):
                ml.set_experiment(experiment_id=ml.create_experiment(name, artifact_location="file:///results"))
                for i in range(3 if name == "spirals" else 1):
                    with ml.start_run(run_name=f"run {i}"):
                        ml.log_params({"lr": 10 ** -(i + 1), "opt": ["adam", "sgd"][i % 2], "depth": None if i else 3})
                        for step in range(3):
                            ml.log_metric("val/loss", math.inf if step == 1 else 1 / (i + step + 1), step=step)
                        ml.log_metric("acc", 0.5 + i / 10)
                        ml.set_tag("note", "hello")
            try:
                with ml.start_run():
                    ml.log_param("lr", 0.5)
                    raise RuntimeError("diverged")
            except RuntimeError:
                pass
        connection = sqlite3.connect(Path(folder, "mlflow.db"))
        connection.execute("PRAGMA foreign_keys = OFF")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in tables and not name.startswith("sqlite_"):
                connection.execute(f'DROP TABLE "{name}"')
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall():
            if not name.startswith("sqlite_"):
                connection.execute(f'DROP INDEX "{name}"')
        connection.execute("DELETE FROM tags WHERE key LIKE 'mlflow.source%' OR key = 'mlflow.user'")
        connection.execute("UPDATE experiments SET artifact_location = 'file:///results'")
        connection.execute("UPDATE runs SET source_name = '', user_id = ''")
        connection.commit()
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
        connection.close()
        shutil.copy(Path(folder, "mlflow.db"), HERE / "mlflow.db")
        shutil.rmtree(HERE / "mlruns", ignore_errors=True)
        for path in sorted(Path(folder, "mlruns").rglob("*")):
            if path.is_file() and "mlflow.source" not in path.name and "mlflow.user" not in path.name:
                copy = HERE / "mlruns" / path.relative_to(Path(folder, "mlruns"))
                copy.parent.mkdir(parents=True, exist_ok=True)
                lines = path.read_text().replace(folder, "/results").splitlines(keepends=True)
                copy.write_text("".join(line for line in lines if not line.startswith(("user_id", "source_name"))))


def hyperopt() -> None:
    import numpy as np
    from hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, rand

    space = {
        "rate": hp.loguniform("rate", math.log(1e-5), math.log(1e-1)),
        "layers": hp.uniformint("layers", 1, 5),
        "opt": hp.choice("opt", [{"name": "adam"}, {"name": "sgd", "momentum": hp.uniform("momentum", 0, 0.99)}]),
    }

    def objective(point: dict[str, Any]) -> dict[str, Any]:
        if point["layers"] == 1:
            return {"status": STATUS_FAIL}
        return {"loss": point["rate"] * point["layers"], "status": STATUS_OK, "note": "x", "curve": np.arange(3)}

    trials = Trials()
    rng = np.random.default_rng(1)
    fmin(objective, space, rand.suggest, max_evals=10, trials=trials, show_progressbar=False, rstate=rng)
    with (HERE / "hyperopt.pkl").open("wb") as file:
        pickle.dump(trials, file)


if __name__ == "__main__":
    hyperopt()
    mlflow()
    ray_tune()
