"""Suggests the name under which an estimator may have a parameter that it does not have under the name given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
        name: the name that was used.
        valid: the names that there are.
        accepts: whether the parameter of a valid name takes the value that was given.
    """
    known = set(valid) - {name}
    found: list[str] = []
    for group in GROUPS:
        if name in group or name.lower() in group:
            found.extend(other for other in group if other in known and other not in found)
    return [other for other in found if accepts(other)]
