"""What every way of choosing returns: the candidate and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tunesmith.selection.score import Estimate, HonestScore

NO_GAIN = Estimate(0.0, (0.0, 0.0))  # of the default over itself


@dataclass(frozen=True)
class SelectionResult:
    """The candidate to return and what it is worth; all in units of the loss, smaller is better.

    Attributes:
        index: the candidate.
        challenger: the one that leads among those that are not the default; `index` if there is none.
        kept_default: the default was kept because no candidate is credibly better.
        value: the corrected loss of the candidate.
        interval: of its true loss, (low, high); NaN where none is known.
        naive: its own mean loss.
        method: how the loss was estimated, in words.
        gain: over the default, corrected for the choice; 0 where the default was kept, None where there is none.
        p_value: one-sided, of "the challenger is no better than the default"; None where there is no default.
        level: of the intervals.
        notes: what a reader must know before relying on the figures.
    """

    index: int
    challenger: int
    kept_default: bool
    value: float
    interval: tuple[float, float]
    naive: float
    method: str
    gain: Estimate | None = None
    p_value: float | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()

    @property
    def runner_up(self) -> int | None:
        """The candidate that would be returned if there were no default; None unless that was kept."""
        return self.challenger if self.kept_default else None

    @property
    def optimism(self) -> float:
        """By how much `naive` is too good."""
        return self.value - self.naive

    @property
    def beats_default(self) -> bool | None:
        """Whether the gain over the default is certain; None where there is no default.

        It is if its interval lies above 0 and its one-sided p-value below (1 - level) / 2. Both are of one distribution
        and say the same, except where one of them is not known.
        """
        if self.p_value is None or self.gain is None:
            return None
        return bool(self.p_value < (1.0 - self.level) / 2.0 and self.gain.interval[0] > 0.0)

    def as_score(
        self,
        *,
        offset: float = 0.0,
        greater_is_better: bool = True,
        naive: float | None = None,
        metric: str | None = None,
        n_rows: int | None = None,
        n_groups: int | None = None,
        n_candidates: int | None = None,
        together: bool = False,
        notes: tuple[str, ...] = (),
    ) -> HonestScore:
        """Return the figures in the metric's unit: offset - loss if greater is better, else offset + loss.

        Args:
            offset: 1 for accuracy from 0/1 losses; 0 for a metric that is the loss, or minus the loss.
            greater_is_better: the direction of the metric.
            naive: the figure that the search itself would report (`best_score_`); the candidate's mean if None.
            metric: its name.
            n_rows: rows that the estimate rests on.
            n_groups: groups that these rows belong to.
            n_candidates: configurations that were chosen among.
            together: whether it is computed from the predictions of all folds together.
            notes: what a reader must know before quoting the figure.

        Returns:
            The honest score.
        """
        sign = -1.0 if greater_is_better else 1.0
        value = offset + sign * self.value
        low, high = sorted(offset + sign * end for end in self.interval)
        optimism = self.optimism if naive is None else sign * (value - naive)
        return HonestScore(
            value=value,
            interval=(low, high),
            naive=offset + sign * self.naive if naive is None else naive,
            optimism=optimism,
            method=self.method,
            gain_over_default=self.gain,
            beats_default=self.beats_default,
            p_value=self.p_value,
            level=self.level,
            metric=metric,
            greater_is_better=greater_is_better,
            n_rows=n_rows,
            n_groups=n_groups,
            n_candidates=n_candidates,
            together=together,
            notes=notes,
        )


def default_instead(
    best: SelectionResult,
    default: int,
    value: float,
    interval: tuple[float, float],
    kept: bool,
    notes: tuple[str, ...] = (),
) -> SelectionResult:
    """Return the result with the default, of this loss, in place of its best challenger."""
    best = replace(best, value=value, interval=interval, naive=value, notes=notes)
    return replace(best, index=default, kept_default=kept, gain=NO_GAIN)
