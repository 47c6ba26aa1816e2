"""What users of other libraries write out of habit: where a name is here, and what happens instead of an argument.

It answers the hooks `where_name_is`, `where_command_is` and `accepts_argument`, by which the core asks: it knows no
other library's names.
"""

from __future__ import annotations

from typing import Any

from tunesmith.foundation.warnings import caution

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "SearchCV")
# name in Optuna, Hyperopt or scikit-learn -> where it is here
ELSEWHERE: dict[str, str] = {
    **{name: f"use tunesmith.sklearn.{name}" for name in SEARCHES},
    "OptunaSearchCV": "use tunesmith.sklearn.SearchCV",
    "exceptions": "the exceptions are in tunesmith.errors, and by their names on tunesmith: tunesmith.TrialPruned",
    "distributions": "use tunesmith.Float, tunesmith.Int and tunesmith.Categorical, which take the same arguments",
    "FloatDistribution": "use tunesmith.Float",
    "IntDistribution": "use tunesmith.Int",
    "CategoricalDistribution": "use tunesmith.Categorical",
    "storages": "the storages are in tunesmith.storage; create_study(storage='sqlite:///tune.db') opens a file",
    "RDBStorage": "use create_study(storage='sqlite:///tune.db')",
    "InMemoryStorage": "create_study() without storage= keeps the trials in memory",
    "JournalStorage": "use create_study(storage='sqlite:///tune.db')",
    "logging": "the logger 'tunesmith' tells each trial at INFO; optimize(progress=True) shows how it goes",
    "progress_bar": "use optimize(progress=True)",
    "MaxTrialsCallback": "use optimize(n_trials_total=...), which counts the study's trials, whoever runs them",
    "get_all_study_summaries": "use tunesmith.get_all_study_names and tunesmith.load_study",
    "search_space": "study.space is the space that the study searches",
    "terminator": "use optimize(stop='converged'); study.stop_reason says why it ended",
    "integration": "the callbacks are in tunesmith.integrations, a module for each library",
    "version": "use tunesmith.__version__",
    "BruteForceSampler": "use sampler='grid' with a declared finite space; conditions are followed",
    "PartialFixedSampler": "use a declared space in which the fixed parameters are constants, such as Float(0.1, 0.1)",
    "BaseSampler": "use tunesmith.samplers.Sampler; docs/samplers.md shows how to write one",
    "fmin": "use tunesmith.minimize(fn, space, n_trials=...)",
    "hp": "use tunesmith.Float, tunesmith.Int and tunesmith.Categorical",
    "Trials": "the study has the trials: study.trials",
    "tpe": "use sampler='tpe'",
    "space_eval": "study.best_params are the values themselves",
}

# Commands of Optuna that have other names here -> what to use.
COMMANDS_ELSEWHERE: dict[str, str] = {
    "delete-study": "tunesmith delete STORAGE --study NAME",
    "study": "study.set_user_attr(KEY, VALUE) in Python, after study = tunesmith.load_study(study_name=, storage=)",
    "study-names": "tunesmith studies STORAGE",
    "best-trials": "tunesmith best STORAGE --study NAME, which prints the Pareto front of several objectives",
    "storage": "tunesmith upgrade STORAGE",
}

_said: set[str] = set()


class Argument:
    """What happens instead of what an argument asks for.

    An argument that asks for what is done anyway is accepted. One that would change the search is accepted with a
    warning that says what happens instead. One without which the search would not be the user's is refused.

    Args:
        instead: what happens, or what to write; the end of the warning or the error.
        harmless: values that ask for what is done anyway.
        refused: whether to raise and not to warn.
    """

    def __init__(self, instead: str, *harmless: Any, refused: bool = False) -> None:
        self.instead, self.harmless, self.refused = instead, harmless, refused

    def asks_for(self, value: Any) -> bool:
        """Return whether a value asks for something else than what is done."""
        return not any(value is same or (type(value) is type(same) and value == same) for same in self.harmless)


INDEPENDENT_SAMPLER = Argument("parameters that come and go are part of the model, so no other sampler is needed", None)
NO_WARNING = Argument("there is no such warning here", None, True, False)
CONSTRAINTS_FUNC = Argument(
    "call trial.set_constraint(key, value) in the objective; a trial is feasible where all are at most 0",
    None,
    refused=True,
)
STRATEGY = Argument("parents are chosen by rank, and by how crowded the front is around them", None)
# sampler -> argument that one of that name has in Optuna, and not here -> what happens instead
GENETIC: dict[str, Argument] = {
    "mutation": Argument("the mutation is polynomial", None),
    "crossover": Argument("the crossover is simulated binary", None),
    "swapping_prob": Argument("categories are swapped in half of the cases", None, 0.5),
    "constraints_func": CONSTRAINTS_FUNC,
    "elite_population_selection_strategy": STRATEGY,
    "child_generation_strategy": STRATEGY,
    "after_trial_strategy": STRATEGY,
}
ARGUMENTS: dict[str, dict[str, Argument]] = {
    "TPESampler": {
        "multivariate": Argument("parameters are always searched jointly", None, True),
        "group": Argument("conditional parameters are always searched jointly", None, True),
        "constant_liar": Argument("running trials always count as bad", None, True),
        "consider_prior": Argument("the mixtures always hold a uniform prior", None, True),
        "prior_weight": Argument("the weight of the prior is 1", None, 1, 1.0),
        "consider_magic_clip": Argument("bandwidths have a lower limit of their own", None, True),
        "consider_endpoints": Argument("the ends of a range are no kernels", None, False),
        "gamma": Argument("the share of good trials is 15 %, of at most 25 trials", None),
        "weights": Argument("good trials weigh by their rank, and the others the same", None),
        "constraints_func": CONSTRAINTS_FUNC,
        "warn_independent_sampling": NO_WARNING,
    },
    "GPSampler": {
        "independent_sampler": INDEPENDENT_SAMPLER,
        "deterministic_objective": Argument(
            "the noise is estimated, and found to be small where there is none", None, False
        ),
        "constraints_func": CONSTRAINTS_FUNC,
        "warn_independent_sampling": NO_WARNING,
    },
    "CmaEsSampler": {
        "n_startup_trials": Argument("the first generation is drawn around x0, or the middle", None, 0, 1),
        "independent_sampler": INDEPENDENT_SAMPLER,
        "consider_pruned_trials": Argument(
            "pruned trials rank by their last report, behind the complete ones", None, True
        ),
        "use_separable_cma": Argument("the full covariance is learnt", None, False),
        "with_margin": Argument("whole numbers and steps always keep a margin", None, True),
        "lr_adapt": Argument("the learning rate is not adapted", None, False),
        "source_trials": Argument(
            "tell the study and not the sampler, create_study(warm_start_from=study)", None, refused=True
        ),
        "warn_independent_sampling": NO_WARNING,
    },
    "NSGA2Sampler": GENETIC,
    "NSGA3Sampler": {**GENETIC, "crossover": Argument("the crossover is uniform", None)},
    "QMCSampler": {
        "independent_sampler": INDEPENDENT_SAMPLER,
        "warn_asynchronous_seeding": NO_WARNING,
        "warn_independent_sampling": NO_WARNING,
    },
}


def caution_once(about: str, text: str) -> None:
    """Warn, once in a process, of a name or an argument that programs need, though it is not the thing here."""
    if about not in _said:
        _said.add(about)
        caution(f"{about}: {text}")


def where_name_is(name: str) -> str | None:
    """Return what to use in place of a name of another library; None: it is not known."""
    return ELSEWHERE.get(name)


def where_command_is(command: str) -> str | None:
    """Return what to use in place of a command of another library; None: it is not known."""
    return COMMANDS_ELSEWHERE.get(command)


def accepts_argument(sampler: str, name: str, value: Any) -> bool | None:
    """Return whether a sampler of another library has an argument that the one here lacks; warn of what happens.

    Args:
        sampler: the class's name here.

    Returns:
        None: no sampler of that name has it anywhere.

    Raises:
        TypeError: without the argument the search would not be the user's; the message says what to write.
    """
    argument = ARGUMENTS.get(sampler, {}).get(name)
    if argument is None:
        return None
    if argument.asks_for(value):
        if argument.refused:
            raise TypeError(f"{sampler} takes no {name}: {argument.instead}")
        caution(f"{sampler}: {name}={value!r} is not followed: {argument.instead}")
    return True
