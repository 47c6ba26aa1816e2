"""`Trials`, their documents, and figures of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from tunesmith.compat.hyperopt import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    STATUS_OK,
    Ctrl,
    Domain,
    Trials,
    exceptions,
    fmin,
    hp,
    rand,
    trials_from_docs,
)
from tunesmith.compat.hyperopt.base import (
    TRIAL_KEYS,
    TRIAL_MISC_KEYS,
    SONify,
    miscs_to_idxs_vals,
    miscs_update_idxs_vals,
)


def document(tid: Any, loss: float | None = None, state: int = JOB_STATE_DONE, **more: Any) -> dict[str, Any]:
    result = {"status": STATUS_OK, **({} if loss is None else {"loss": loss}), **more}
    misc = {"tid": tid, "cmd": None, "idxs": {"z": [tid]}, "vals": {"z": [tid]}}
    doc = dict.fromkeys(TRIAL_KEYS) | {"tid": tid, "result": result, "misc": misc, "state": state}
    return {**doc, "version": 0, "extra": "kept"}


def test_documents_are_checked_and_shown_after_a_refresh() -> None:
    trials = Trials()
    assert len(trials) == 0
    assert trials
    for key in TRIAL_KEYS:
        with pytest.raises(exceptions.InvalidTrial):
            trials.insert_trial_doc({k: v for k, v in document(1).items() if k != key})
    for key in TRIAL_MISC_KEYS:
        wrong = copy.deepcopy(document(1))
        del wrong["misc"][key]
        with pytest.raises(exceptions.InvalidTrial):
            trials.insert_trial_doc(wrong)
    with pytest.raises(exceptions.InvalidTrial, match="tid mismatch"):
        trials.insert_trial_doc({**document(1), "tid": 2})
    with pytest.raises(exceptions.InvalidTrial, match="dict-like"):
        trials.insert_trial_doc([1])
    docs = [document("a", 3.0), document(5, np.float64(1.0)), document(7, 2.0, JOB_STATE_ERROR)]
    assert trials.insert_trial_docs(docs) == ["a", 5, 7]
    assert len(trials) == 0
    trials.refresh()
    assert trials.tids == ["a", 5]  # the third raised an error
    assert [len(x) for x in (trials.specs, trials.results, trials.miscs, trials.losses(), trials.statuses())] == [2] * 5
    assert trials.vals == {"z": ["a", 5]} == trials.idxs
    assert trials.best_trial["tid"] == 5
    assert trials.argmin == {"z": 5}
    assert trials.trials[0]["extra"] == "kept"
    assert [doc["tid"] for doc in trials] == ["a", 5]
    assert trials.count_by_state_unsynced(JOB_STATE_ERROR) == 1
    assert trials.count_by_state_unsynced([JOB_STATE_ERROR, JOB_STATE_DONE]) == 3
    with pytest.raises(TypeError):
        trials.count_by_state_synced("done")
    trials.delete_all()
    assert len(trials) == 0


def test_ids_are_new() -> None:
    trials = trials_from_docs([document(1), document(2), document("x")])
    ids = [*trials.new_trial_ids(2), *trials.new_trial_ids(1)]
    assert len(set(ids)) == 3
    assert not set(ids) & {1, 2, "x"}


def test_an_experiment_has_its_own_view() -> None:
    trials = Trials(exp_key="one")
    trials.insert_trial_doc({**document(1), "exp_key": "one"})
    trials.refresh()
    with pytest.raises(exceptions.InvalidTrial, match="exp_key"):
        trials.insert_trial_doc(document(2))
    other = trials.view(exp_key="two")
    other.insert_trial_doc({**document(2), "exp_key": "two"})
    other.refresh()
    assert (trials.tids, other.tids, trials.view().tids) == ([1], [2], [1, 2])


def test_the_best_trial_has_the_lowest_loss_that_is_a_number() -> None:
    trials = trials_from_docs([document(0, float("nan")), document(1)])
    with pytest.raises(exceptions.AllTrialsFailed):
        _ = trials.best_trial
    trials = trials_from_docs([document(0, float("nan")), document(1, 2.0), document(2, 1.0), document(3, 1.0)])
    assert trials.best_trial["tid"] == 2
    assert trials.average_best_error() == 1.0
    docs = [document(i, loss, loss_variance=1.0, true_loss=10 * loss) for i, loss in enumerate((1.0, 2.0, 99.0))]
    noisy = trials_from_docs(docs)
    assert 10.0 < noisy.average_best_error() < 20.0


def test_numbers_of_numpy_become_plain() -> None:
    given = {"a": np.float32(0.5), "b": [np.int64(3), (np.bool_(True), None)], np.int64(1): np.array([[1, 2], [3, 4]])}
    assert SONify(given) == {"a": 0.5, "b": [3, (True, None)], 1: [[1, 2], [3, 4]]}
    assert type(SONify(np.int64(3))) is int


def test_values_by_label_and_by_trial_are_the_same() -> None:
    miscs: list[dict[str, Any]] = [{"tid": 3}, {"tid": 4}]
    idxs, vals = {"a": [3, 4], "b": [4]}, {"a": [0.1, 0.2], "b": [7]}
    miscs_update_idxs_vals(miscs, idxs, vals)
    assert miscs[0]["vals"] == {"a": [0.1], "b": []}
    assert miscs_to_idxs_vals(miscs) == (idxs, vals)
    with pytest.raises(ValueError, match="empty miscs"):
        miscs_to_idxs_vals([])


def test_a_trial_may_add_others() -> None:
    trials = trials_from_docs([document(0, 1.0)])
    ctrl = Ctrl(trials, trials.trials[0])
    ctrl.inject_results([None], [{"status": STATUS_OK, "loss": 0.5}], [{"idxs": {"z": []}, "vals": {"z": []}}])
    trials.refresh()
    assert trials.losses() == [1.0, 0.5]
    assert trials.trials[1]["misc"]["from_tid"] == 0
    ctrl.checkpoint({"status": STATUS_OK, "loss": 0.1})
    assert trials.losses() == [0.1, 0.5]
    with pytest.raises(ValueError, match="no trial"):
        _ = Ctrl(None).attachments


def test_a_domain_evaluates_a_point() -> None:
    domain = Domain(lambda p: p["x"] + p["y"], {"x": hp.uniform("x", 0, 1), "y": hp.choice("c", [10, 20])}, name="sum")
    assert set(domain.params) == {"x", "c"}
    result = domain.evaluate({"x": 0.5, "c": 1}, Ctrl(None))
    assert result == {"loss": 20.5, "status": STATUS_OK}
    assert (domain.loss(result), domain.true_loss(result), domain.status(result)) == (20.5, 20.5, STATUS_OK)
    documents = rand.suggest([4, 5], domain, Trials(), 7)
    assert [doc["tid"] for doc in documents] == [4, 5]
    assert [doc["state"] for doc in documents] == [JOB_STATE_NEW] * 2
    assert documents[0]["misc"]["idxs"] == {"x": [4], "c": [4]}


def test_figures_are_drawn() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from tunesmith.compat.hyperopt import plotting

    space = {"lr": hp.loguniform("lr", -12, 0), "n": hp.randint("n", 4), "m": hp.choice("m", [0, hp.normal("w", 0, 1)])}
    trials = Trials()
    fmin(lambda p: p["lr"], space, algo=rand.suggest, max_evals=20, trials=trials, show_progressbar=False)
    for draw in (plotting.main_plot_history, plotting.main_plot_histogram, plotting.main_plot_vars):
        plt.figure()
        draw(trials, do_show=False)
        assert plt.gcf().axes
        plt.close()
    plotting.main_plot_vars(trials, do_show=False, colorize_best=3, arrange_by_loss=True)
    assert [axes.get_title() for axes in plt.gcf().axes] == ["lr", "m", "n", "w"]
    assert [axes.get_yscale() for axes in plt.gcf().axes] == ["log", "linear", "linear", "linear"]
    plt.close("all")


def test_documents_are_copies_with_plain_values() -> None:
    given = {"one": [np.float64(1.5)], "plain": [2], "many": [1, np.int64(2)], "deep": {"x": [np.arange(2)]}, "t": (1,)}
    plain = SONify(given)
    assert plain == {"one": [1.5], "plain": [2], "many": [1, 2], "deep": {"x": [[0, 1]]}, "t": (1,)}
    assert type(plain["one"][0]) is float
    assert plain["plain"] is not given["plain"]
