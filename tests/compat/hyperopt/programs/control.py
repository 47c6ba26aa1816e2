"""An objective that gets the expression, the memo and the control of its trial, and raises now and then."""

from hyperopt import STATUS_OK, Trials, fmin, fmin_pass_expr_memo_ctrl, hp, pyll, tpe


@fmin_pass_expr_memo_ctrl
def objective(expr, memo, ctrl):
    point = pyll.rec_eval(expr, memo=memo, print_node_on_error=False)
    ctrl.attachments["seen"] = b"yes"
    assert ctrl.current_trial["tid"] in ctrl.trials.tids
    if point["a"] > 4:
        raise FloatingPointError("no convergence")
    return {"loss": (point["a"] - 1) ** 2 + point["b"], "status": STATUS_OK}


trials = Trials()
space = {"a": hp.uniform("a", -5, 5), "b": hp.uniform("b", 0, 1)}
fmin(objective, space, algo=tpe.suggest, max_evals=40, trials=trials, catch_eval_exceptions=True, verbose=False)
trials.refresh()
assert trials.trial_attachments(trials.trials[3])["seen"] == b"yes"
loss = min(trials.losses())
