"""`Ctrl`: what an objective talks to its own trial through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.compat.hyperopt.documents import JOB_STATE_DONE, Document
from tunesmith.compat.hyperopt.trials import Attachments, Trials


class Ctrl:
    """What an objective with ``pass_expr_memo_ctrl`` talks to its trial through.

    Args:
        trials: of the search; None: new ones.
        current_trial: the document of the trial.
    """

    def __init__(self, trials: Trials | None, current_trial: Document | None = None) -> None:
        self.trials = Trials() if trials is None else trials
        self.current_trial = current_trial

    def _document(self) -> Document:
        if self.current_trial is None:
            raise ValueError("this Ctrl belongs to no trial")
        return self.current_trial

    def checkpoint(self, r: Any = None) -> None:
        """Set the trial's result so far."""
        if r is not None:
            self._document()["result"] = r

    @property
    def attachments(self) -> Attachments:
        """What the trial keeps by name."""
        return self.trials.trial_attachments(self._document())

    def inject_results(
        self, specs: Sequence[Any], results: Sequence[Any], miscs: Sequence[Any], new_tids: Any = None
    ) -> list[Any]:
        """Add trials that this one has made.

        Args:
            specs: None for each.
            results: their results.
            miscs: where their parameters are.
            new_tids: their identities; None: new ones.

        Returns:
            the identities.
        """
        source = self._document()
        tids = self.trials.new_trial_ids(len(specs)) if new_tids is None else new_tids
        docs = self.trials.source_trial_docs(tids, specs, results, miscs, [source] * len(specs))
        for doc in docs:
            doc["state"] = JOB_STATE_DONE
        return self.trials.insert_trial_docs(docs)
