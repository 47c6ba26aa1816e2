"""A loop of the user's around an algorithm, as libraries have it that run trials by themselves."""

import os
from functools import partial

import hyperopt as hpo
import numpy as np
from hyperopt.rdists import loguniform_gen, qnormal_gen

space = {
    "x": hpo.hp.uniform("x", -5, 5),
    "act": hpo.hp.choice("act", [{"name": "relu", "slope": hpo.hp.uniform("slope", 0, 1)}, {"name": "tanh"}]),
}
rng = np.random.default_rng(int(os.environ["HYPEROPT_FMIN_SEED"]))
domain = hpo.Domain(lambda point: point, space)
trials = hpo.Trials()
algo = partial(hpo.tpe.suggest, n_startup_jobs=10)
for _ in range(40):
    ids = trials.new_trial_ids(1)
    trials.refresh()
    (new,) = algo(ids, domain, trials, int(rng.integers(2**31 - 1)))
    trials.insert_trial_docs([new])
    trials.refresh()
    memo = domain.memo_from_config(hpo.base.spec_from_misc(new["misc"]))
    ctrl = hpo.base.Ctrl(trials, current_trial=new)
    hpo.utils.use_obj_for_literal_in_memo(domain.expr, ctrl, hpo.base.Ctrl, memo)
    point = hpo.pyll.rec_eval(domain.expr, memo=memo, print_node_on_error=domain.rec_eval_print_node_on_error)
    document = next(doc for doc in trials.trials if doc["tid"] == new["tid"])
    value = (point["x"] - 1) ** 2 + point["act"].get("slope", 0.5)
    document["state"] = hpo.base.JOB_STATE_DONE
    document["result"] = {"loss": value, "status": hpo.base.STATUS_OK}
    document["book_time"] = document["refresh_time"] = hpo.utils.coarse_utcnow()
    trials.refresh()
assert isinstance(space["x"], hpo.base.pyll.Apply)
assert ((loguniform_gen(-2, 1).rvs(size=50) <= np.exp(1)) & (qnormal_gen(0, 1, 2).rvs(size=50) % 2 == 0)).all()
loss = trials.best_trial["result"]["loss"]
