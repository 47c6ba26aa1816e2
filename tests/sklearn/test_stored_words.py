"""What a storage keeps of a candidate are the parameters that were fitted, with the words that an estimator has."""

from __future__ import annotations

import json
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any

from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

import tunesmith
from tunesmith.sklearn import SearchCV

X, Y = load_wine(return_X_y=True)
DEFAULT = {"min_samples_leaf": 1, "max_depth": None, "ccp_alpha": 0.0}


def search(path: Path, n_trials: int = 6, **settings: Any) -> SearchCV:
    tree = DecisionTreeClassifier(random_state=0)
    made = SearchCV(tree, n_trials=n_trials, cv=3, storage=str(path), study_name="t", random_state=0, **settings)
    return made.fit(X, Y)


def test_a_stored_trial_has_the_parameters_that_were_fitted(tmp_path: Path) -> None:
    made = search(tmp_path / "w.db")
    study = tunesmith.load_study(study_name="t", storage=str(tmp_path / "w.db"))
    assert study.trials[0].params == made.study_.trials[0].params == DEFAULT
    assert [t.params for t in study.trials] == [t.params for t in made.study_.trials] == made.cv_results_["params"]
    assert study.space == made.study_.space == made.space_
    copy = tunesmith.copy_study(
        from_study_name="t", from_storage=str(tmp_path / "w.db"), to_storage=str(tmp_path / "copy.db")
    )
    assert copy.trials[0].params == DEFAULT


def test_a_study_that_was_stored_without_words_goes_on(tmp_path: Path) -> None:
    search(tmp_path / "old.db")
    with sqlite3.connect(tmp_path / "old.db") as file:
        for key, text in file.execute("SELECT id, space FROM tunesmith_spaces").fetchall():
            space = json.loads(text)
            for column in space["params"]:
                column.pop("words", None)
            plain = json.dumps(space, separators=(",", ":"), sort_keys=True)
            digest = sha256(plain.encode()).hexdigest()
            file.execute("UPDATE tunesmith_spaces SET space = ?, hash = ? WHERE id = ?", (plain, digest, key))
    file.close()
    old = tunesmith.load_study(study_name="t", storage=str(tmp_path / "old.db"))
    assert old.trials[0].params == {**DEFAULT, "max_depth": 32, "ccp_alpha": 1e-05}
    whole, resumed = search(tmp_path / "new.db", 10), search(tmp_path / "old.db", 10)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]
    assert resumed.cv_results_["params"][0] == DEFAULT
