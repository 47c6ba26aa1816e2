"""`Search`: the study that proposes for an algorithm, from the documents of a `Trials`.

An algorithm of Hyperopt's is a function (new_ids, domain, trials, seed) that returns documents. Here it asks a study,
which is told first what the documents say that ended since.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.compat.hyperopt.base import (
    JOB_STATE_DONE,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    Document,
    Domain,
    loss_of,
    new_misc,
    spec_from_misc,
)
from tunesmith.compat.hyperopt.dimensions import active_values
from tunesmith.errors import SpaceExhaustedError
from tunesmith.foundation.states import TrialState
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter, Space
from tunesmith.study import create_study
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial, create_trial


@dataclass(frozen=True)
class Proposer:
    """Who proposes for an algorithm.

    Attributes:
        key: tells it apart from others.
        sampler: what `create_study` takes.
        as_drawn: whether choices with probabilities are drawn with them.
    """

    key: str
    sampler: str | Sampler
    as_drawn: bool = False


class Search:
    """The study of one algorithm over one space.

    Attributes:
        study: the study.
    """

    def __init__(self, domain: Domain, proposer: Proposer, seed: int) -> None:
        self.dimensions = domain.dimensions
        self.parameters: dict[str, Parameter] = {
            label: one.drawn if proposer.as_drawn else one.parameter for label, one in self.dimensions.items()
        }
        self.study = create_study(space=Space(self.parameters), sampler=proposer.sampler, pruner="nop", seed=seed)
        self._asked: dict[Any, Trial] = {}  # by tid, those that were not told yet
        self._open: list[Document] = []  # documents of trials that had not ended when they were looked at
        self._n_seen = 0  # so many documents were looked at

    def read(self, documents: Sequence[Document]) -> None:
        """Tell the study what ended since the last call; documents may only be appended to."""
        looked_at = [*self._open, *documents[self._n_seen :]]
        self._n_seen, self._open = len(documents), []
        added: list[FrozenTrial] = []
        for document in looked_at:
            if document["state"] in (JOB_STATE_NEW, JOB_STATE_RUNNING):
                self._open.append(document)
                continue
            loss = loss_of(document) if document["state"] == JOB_STATE_DONE else math.nan
            failed = math.isnan(loss)
            state = TrialState.FAIL if failed else TrialState.COMPLETE
            trial = self._asked.pop(document["tid"], None)
            if trial is None:
                added.append(self._record(document, loss, state))
            elif failed:
                self.study.tell(trial, state=state, reason="no loss")
            else:
                self.study.tell(trial, loss)
        if added:
            self.study.add_trials(added)

    def propose(self, new_ids: Sequence[Any], domain: Domain, trials: Any) -> list[Document]:
        """Return documents with proposals.

        Returns:
            the documents; fewer, if the space has no more points.
        """
        documents: list[Document] = []
        try:
            asked = [self.study.ask()] if len(new_ids) == 1 else self.study.ask(n=len(new_ids))
        except SpaceExhaustedError:
            asked = []
        for tid, trial in zip(new_ids, asked, strict=False):
            misc = new_misc(tid, self.dimensions, self.values_of(trial.params))
            documents += trials.new_trial_docs([tid], [None], [domain.new_result()], [misc])
            self._asked[tid] = trial
        return documents

    def values_of(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a point of the study as Hyperopt has it: the values of active parameters by label."""
        return active_values(self.dimensions, params)

    def _record(self, document: Document, loss: float, state: TrialState) -> FrozenTrial:
        """Return a document that the study did not ask for as a trial; values out of range are unknown there."""
        params = {}
        for label, value in spec_from_misc(document["misc"]).items():
            searched = self.dimensions[label].searched(value) if label in self.dimensions else value
            if label in self.parameters and self.parameters[label].contains(searched):
                params[label] = searched
        distributions = {label: self.parameters[label].with_condition(None) for label in params}
        value = None if math.isnan(loss) else loss
        return create_trial(params=params, distributions=distributions, value=value, state=state)


def suggested(new_ids: Sequence[Any], domain: Domain, trials: Any, seed: Any, proposer: Proposer) -> list[Document]:
    """Return documents with proposals of a sampler; what an algorithm does.

    The study is kept with the trials, for the next call.

    Args:
        seed: the seed of the study, when it is made: its proposals follow from that and their numbers.
    """
    kept: dict[Any, Any] = trials.__dict__.setdefault("_searches", {})
    found = kept.get(proposer.key)
    if found is None or found[0] is not domain:
        found = kept[proposer.key] = (domain, Search(domain, proposer, seed_of(seed)))
    search: Search = found[1]
    search.read(trials._dynamic_trials)
    return search.propose(new_ids, domain, trials)


def seed_of(seed: Any) -> int:
    """Return a seed of a study from a number, or from a bit generator or generator, of which a number is drawn."""
    if isinstance(seed, int):
        return seed
    if hasattr(seed, "random_raw"):
        return int(seed.random_raw() >> 33)
    return int(seed.integers(2**31 - 1)) if hasattr(seed, "integers") else int(seed)


def drawn_seed(rstate: Any) -> int:
    """Draw a seed from a Generator, or from the RandomState of older programs."""
    if isinstance(rstate, int):
        raise TypeError(f"rstate takes a generator; write rstate=np.random.default_rng({rstate})")
    draw = rstate.integers if hasattr(rstate, "integers") else rstate.randint
    return int(draw(2**31 - 1))
