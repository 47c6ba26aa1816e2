"""`ScalingLaw`: the best hyperparameters of a large run, from small ones, with intervals that were checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.stats import chi2, norm

from tunesmith.errors import ScalingError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say, told
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.foundation.text import did_you_mean, printable, shown
from tunesmith.scaling.bowls import at_edge
from tunesmith.scaling.fitted import Belief, Fitted, normal_draws
from tunesmith.scaling.loss import LossLaw, fit_loss
from tunesmith.scaling.plan import Plan, make_plan
from tunesmith.scaling.runs import SCALE_FORMS, published_name, read_runs, written
from tunesmith.scaling.transfer import Transfer, test_transfer
from tunesmith.space import Float, Space
from tunesmith.study import Study
from tunesmith.study.create import WarmStart

if TYPE_CHECKING:
    from tunesmith.foundation.languages import Words
    from tunesmith.report.content import Content

NARROW_SPAN = 4.0  # times: of scales that span less, slopes are mostly those of the priors
USELESS = 1000.0  # times from end to end, in which an interval says nothing; of a linear form, twice what was tried
LEAST_SCALES = 3
STANDS_STILL = (0.0, 0.3)  # prior of a slope that the parametrisation is meant to make 0
PRIOR_POINTS = 64  # of a warm start
LOWEST = "At {} of {} scales the optimum of {} is at the lowest value that was tried; try lower ones there."
HIGHEST = "At {} of {} scales the optimum of {} is at the highest value that was tried; try higher ones there."
CLOSE_SCALES = (
    "The runs have {} from {} to {}, less than a factor of {}: they tell little of how an optimum moves beyond, the "
    "priors of the slopes count beside them, and the intervals are the wider for it."
)
SAYS_NOTHING = "The interval of {} is too wide to say anything of it."


@dataclass(frozen=True, slots=True)
class Setting:
    """What to set a hyperparameter to.

    Attributes:
        value: with the least expected loss, the uncertainty of the optimum considered.
        interval: 95 %: where the best run of a sweep at that scale would have it.
        tried: least and greatest value among the runs.
    """

    value: float
    interval: tuple[float, float]
    tried: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The 95 % region of all hyperparameters together: an ellipse in the logarithms.

    Attributes:
        names: of the hyperparameters [k].
        centre: in logarithms (or as they are, where the form is "linear") [k].
        covariance: [k, k].
        forms: "log" or "linear" [k].
    """

    names: tuple[str, ...]
    centre: Floats
    covariance: Floats
    forms: tuple[str, ...]

    @checked()
    def contains(self, point: Mapping[str, float], level: float = 0.95) -> bool:
        """Return whether a setting of all hyperparameters lies in the region.

        Args:
            point: name to value.
            level: of the region.

        Returns:
            true if it does.
        """
        z = [np.log(point[n]) if form == "log" else point[n] for n, form in zip(self.names, self.forms, strict=True)]
        d = np.array(z) - self.centre
        return bool(d @ np.linalg.solve(self.covariance, d) <= chi2.ppf(level, len(d)))


@dataclass(frozen=True, slots=True, eq=False)
class Advice(Mapping[str, Setting]):
    """What a scaling law says of a run: a mapping from hyperparameters to `Setting`.

    Attributes:
        target: the scale that was asked about.
        settings: hyperparameter to `Setting`.
        region: the joint 95 % region.
        loss: what the run with these settings is expected to reach: mean and 95 % interval; None: no loss law.
        excess_loss: what not knowing the optimum costs in loss: mean, and the 95 % it stays below.
        factor: how many times larger the target is than the largest scale, in the product of the scale variables.
        growth: for each scale variable, by how much the intervals grow if it is twice as large again.
        notes: sentences that a reader must know.
        group: which of the groups was asked about; the empty text without groups.
    """

    target: dict[str, float]
    settings: dict[str, Setting]
    region: Region
    loss: tuple[float, tuple[float, float]] | None
    excess_loss: tuple[float, float]
    factor: float
    growth: dict[str, float]
    notes: tuple[str, ...]
    group: str = ""

    def __getitem__(self, name: str) -> Setting:
        return self.settings[name]

    def __iter__(self) -> Any:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "target": self.target,
            **({"group": self.group} if self.group else {}),
            "settings": {
                name: {"value": s.value, "interval": list(s.interval), "tried": list(s.tried)}
                for name, s in self.settings.items()
            },
            "loss": None if self.loss is None else {"mean": self.loss[0], "interval": list(self.loss[1])},
            "excess_loss": {"mean": self.excess_loss[0], "95 %": self.excess_loss[1]},
            "factor": self.factor,
            "growth_per_factor_2": self.growth,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"At {written(self.target)} ({self.factor:.3g} times the largest scale that was run):"]
        for name, s in self.settings.items():
            lines.append(f"  {printable(name)}: {s.value:.4g} (95 %: {s.interval[0]:.4g} to {s.interval[1]:.4g})")
        if self.loss is not None:
            low, high = self.loss[1]
            lines.append(f"  expected loss: {self.loss[0]:.4f} (95 %: {low:.4f} to {high:.4f})")
        lines.append(
            f"  not knowing the optimum costs {self.excess_loss[0]:.4f} of it (95 %: below {self.excess_loss[1]:.4f})"
        )
        grown = ", ".join(f"{g - 1:.0%} with twice the {printable(name)}" for name, g in self.growth.items())
        lines.append(f"  the widest interval grows by {grown}")
        told_lines = [told(line.strip()) for line in [*lines, *self.notes]]
        return "\n  ".join(told_lines)


class ScalingLaw:
    """The optimum of hyperparameters as a power law of the scale, with honest intervals.

    Each scale (a model size and a number of tokens, say) has a bowl: one convex shape for all of them, an optimum for
    each (`tunesmith.scaling.bowls`). The optima follow a line in the logarithms, up to a deviation of each scale whose
    size is uncertain (`tunesmith.scaling.trend`). The largest scales are left out in turn, and the intervals are made
    as wide as it takes to cover them (`tunesmith.scaling.calibration`).

    Sources: the power laws of Step Law (arXiv 2503.04715); what transfers, CompleteP (arXiv 2505.01618); the loss law,
    Chinchilla's approach 3 (arXiv 2203.15556); plans, active design of scaling experiments (arXiv 2604.22753).

    Args:
        scale: columns that say how large a run is, each above 0: parameters, tokens, width.
        hyperparameters: columns that were tuned; names alone are on a log scale; ``{"momentum": "linear"}``.
        group: a column of a category, such as a family of architectures: groups share slopes, not levels.
        priors: "published" (`tunesmith.scaling.PUBLISHED`, wide, for learning rates and batch sizes against parameters
            and tokens), "weak" (0 ± 0.5 for each slope), or a mapping (hyperparameter, scale variable) to the mean and
            standard deviation of a slope, over the published ones.
        transfer: "mup": the parametrisation is meant to keep the optimal learning rate where it is, whatever the size
            of the model. The slopes are then expected at 0, and `transfer` says whether the runs agree.

    Raises:
        ScalingError: a name is given twice, or a form or prior is unknown.

    Example:
        ```python
        from tunesmith.scaling import ScalingLaw

        runs = {
            "params": [1e6] * 3 + [4e6] * 3 + [1.6e7] * 3,
            "lr": [0.004, 0.012, 0.036, 0.002, 0.006, 0.018, 0.001, 0.003, 0.009],
            "loss": [3.15, 3.0, 3.15, 2.85, 2.7, 2.85, 2.6, 2.45, 2.6],
        }
        law = ScalingLaw(scale=["params"], hyperparameters=["lr"]).fit(runs)
        print(law.predict(params=1e8)["lr"].value)
        ```
    """

    @checked()
    def __init__(
        self,
        scale: str | Sequence[str],
        hyperparameters: str | Sequence[str] | Mapping[str, str],
        *,
        group: str | None = None,
        priors: str | Mapping[tuple[str, str], tuple[float, float]] = "published",
        transfer: str | None = None,
    ) -> None:
        self.scale = (scale,) if isinstance(scale, str) else tuple(scale)
        named = [hyperparameters] if isinstance(hyperparameters, str) else hyperparameters
        self.hyperparameters = dict(named) if isinstance(named, Mapping) else dict.fromkeys(named, "log")
        names = [*self.scale, *self.hyperparameters, *([] if group is None else [group])]
        if not self.scale or not self.hyperparameters or len(set(names)) < len(names):
            raise ScalingError(
                "a law needs one scale variable and one hyperparameter or more, each named once; got "
                f"scale={list(self.scale)}, hyperparameters={list(self.hyperparameters)}, group={group!r}"
            )
        for name, form in self.hyperparameters.items():
            if form not in SCALE_FORMS:
                raise ScalingError(f"the form of {name!r} is 'log' or 'linear'; got {form!r}")
        self.group = group
        if isinstance(priors, str) and priors not in ("published", "weak"):
            raise ScalingError(
                f"priors is 'published', 'weak', or a mapping; got {priors!r}"
                f"{did_you_mean(priors, ('published', 'weak'))}"
            )
        self.priors = priors
        if transfer not in (None, "mup"):
            raise ScalingError(f"transfer is None or 'mup'; got {transfer!r}")
        self.hypothesis = transfer

    @one_thread()
    @checked()
    def fit(self, runs: Any, loss: str = "loss") -> Self:
        """Fit the law.

        Args:
            runs: a data frame, a mapping of columns, or mappings, one a run. Failed runs belong to them, with a loss
                that is not finite.
            loss: column of final losses; lower is better.

        Returns:
            itself.

        Raises:
            ScalingError: a column is missing or wrong, or there are fewer than three scales.
        """
        read = read_runs(runs, self.scale, self.hyperparameters, loss, self.group)
        if len(read.scales) < LEAST_SCALES:
            raise ScalingError(
                f"the runs have {len(read.scales)} scale{'s' if len(read.scales) > 1 else ''} "
                f"({', '.join(map(printable, self.scale))}); a law needs {LEAST_SCALES} or more, best over a "
                f"factor of {NARROW_SPAN:g} or more"
            )
        slopes = dict(self.priors) if isinstance(self.priors, Mapping) else {}
        sizes = [name for name in self.scale if published_name(name) != "tokens"]
        moving = [(name, size) for name in _transferred(self.hyperparameters) for size in sizes]
        if self.hypothesis is not None:
            slopes = {**dict.fromkeys(moving, STANDS_STILL), **slopes}
        self.fitted: Fitted = Fitted.to(read, self.priors != "weak", slopes)
        bowls = self.fitted.bowls
        self.loss_law: LossLaw | None = fit_loss(self.scale, read.scales, bowls.level, bowls.level_error)
        self.transfer: tuple[Transfer, ...] = ()
        if self.hypothesis is not None:
            self.transfer = test_transfer(self.fitted, moving)
        self.notes: tuple[str, ...] = (*read.notes, *_edge_notes(self.fitted))
        return self

    @classmethod
    @checked()
    def from_studies(
        cls,
        studies: Sequence[Study],
        scale: Mapping[str, Sequence[float]],
        hyperparameters: str | Sequence[str] | Mapping[str, str] | None = None,
        *,
        priors: str | Mapping[tuple[str, str], tuple[float, float]] = "published",
        transfer: str | None = None,
    ) -> Self:
        """Return a law that is fitted to studies, one for each scale.

        Complete trials are runs, failed ones are failed runs; pruned trials have no final loss and are left out.

        Args:
            studies: of one objective each. If it is maximised, its negative is the loss.
            scale: scale variable to its value in each study.
            hyperparameters: which parameters; None: all numbers that each study has, on a log scale where the study
                searched them so.
            priors: of the slopes, as `ScalingLaw` takes them.
            transfer: None or "mup", as `ScalingLaw` takes it.

        Returns:
            the fitted law.

        Raises:
            ScalingError: a scale variable has not one value a study, a study has several objectives, or no number is
                a parameter of all.
        """
        for name, values in scale.items():
            if len(values) != len(studies):
                raise ScalingError(f"scale[{name!r}] has {len(values)} values for {len(studies)} studies")
        if several := [study.study_name for study in studies if len(study.directions) > 1]:
            raise ScalingError(f"a loss is one objective; {several[0]!r} has several")
        named = _forms(studies) if hyperparameters is None else hyperparameters
        if not named:
            raise ScalingError("no number is a parameter of each study; name the parameters: hyperparameters=[...]")
        law = cls(list(scale), named, priors=priors, transfer=transfer)
        rows: list[dict[str, Any]] = []
        for study, *here in zip(studies, *scale.values(), strict=True):
            sign = 1.0 if study.directions[0].value == "minimize" else -1.0
            for trial in study.trials:
                if trial.state.name in ("COMPLETE", "FAIL") and law.hyperparameters.keys() <= trial.params.keys():
                    loss = sign * float(trial.values[0]) if trial.values else float("nan")
                    tried = {name: trial.params[name] for name in law.hyperparameters}
                    rows.append({**dict(zip(scale, here, strict=True)), **tried, "loss": loss})
        if not rows:
            raise ScalingError(f"the studies have no ended trial with {', '.join(law.hyperparameters)}")
        return law.fit(rows)

    def _report_content_(self, words: Words) -> Content | None:
        from tunesmith.scaling.report import ScalingResults

        return ScalingResults(self)._report_content_(words) if hasattr(self, "fitted") else None

    @one_thread()
    @checked("target")
    def predict(
        self, target: Mapping[str, float] | None = None, /, *, group: str | None = None, **scales: float
    ) -> Advice:
        """Return what to set at a scale, and how sure that is.

        Args:
            target: scale variable to value; they can be keyword arguments too.
            group: which of the groups, if the law has some.
            scales: scale variables by name.

        Returns:
            settings with intervals, the expected loss, and what not knowing the optimum costs.

        Raises:
            ScalingError: the scale is not complete or not above 0, the group is unknown, or it is so far from what was
                run that no interval says anything.
        """
        point, label, belief, draws, best = self._best(_asked_scale(target, scales), group)
        fitted, read = self.fitted, self.fitted.runs
        excess = fitted.bowls.excess(best - draws, belief.steepness)
        doubled = point * (1 + np.eye(len(point)))  # each scale variable once
        seen, *more = fitted.seen([belief, *(fitted.belief(other, label) for other in doubled)])
        half = _half(seen)
        ends = (belief.mean - half, best, belief.mean + half, read.z.min(axis=0), read.z.max(axis=0))
        low, value, high, least, most = (read.natural(z).tolist() for z in ends)
        settings = {
            name: Setting(value[j], (low[j], high[j]), (least[j], most[j])) for j, name in enumerate(read.names)
        }
        loss = None
        if self.loss_law is not None:
            total = self.loss_law.draws(point[None])[:, 0]
            total = total + np.resize(excess, len(total))
            loss = (float(total.mean()), (float(np.quantile(total, 0.025)), float(np.quantile(total, 0.975))))
        cost = (float(excess.mean()), float(np.quantile(excess, 0.95)))
        factor = float(point.prod() / read.scales.prod(axis=1).max())
        grown = [float(np.sqrt(np.diag(other) / np.diag(seen)).max()) for other in more]
        scale, growth = (dict(zip(self.scale, values, strict=True)) for values in (point.tolist(), grown))
        region = Region(read.names, belief.mean, seen, read.forms)
        notes = (*self.notes, *_reach_notes(fitted, point, half, factor))
        return Advice(scale, settings, region, loss, cost, factor, growth, notes, label)

    def _best(self, target: Mapping[str, float], group: str | None) -> tuple[Floats, str, Belief, Floats, Floats]:
        """Return a scale and its group, what is known of its optimum, draws of it [m, k], and the best setting [k].

        Raises:
            ScalingError: as `predict` raises it.
        """
        fitted = self._fitted()
        point, label = fitted.point(target, group)
        belief = fitted.belief(point, label)
        _refuse_useless(fitted, point, belief)
        draws = normal_draws(belief.mean, belief.covariance)
        return point, label, belief, draws, fitted.least_expected(belief, draws)

    @checked()
    def plan(
        self,
        target: Mapping[str, float],
        budget: float,
        *,
        group: str | None = None,
        menu: Sequence[Mapping[str, float]] | None = None,
        cost: Mapping[str, float] | None = None,
    ) -> Plan:
        """Return which small runs to buy next for a large one.

        Args:
            target: scale of the large run.
            budget: what the small runs may cost together, in runs of the target.
            group: of the target and of the small runs.
            menu: scales that can be run; None: those of the runs, and steps of two between them and the target.
            cost: exponent of each scale variable in the cost of a run; 1 each by default (parameters × tokens).

        Returns:
            the runs, in the order of their worth, and what they are expected to bring.

        Raises:
            ScalingError: the budget is not above 0, or the target or the menu is wrong.
        """
        return make_plan(self._fitted(), target, budget, group=group, menu=menu, cost=cost)

    @one_thread()
    @checked("target")
    def prior(
        self, target: Mapping[str, float] | None = None, /, *, group: str | None = None, **scales: float
    ) -> WarmStart:
        """Return what the law knows of a scale as a warm start: ``create_study(warm_start=law.prior(...))``.

        The study tries the best setting first, and the Gaussian-process sampler uses the bowl as far as it proves
        right.

        Args:
            target: scale variable to value; they can be keyword arguments too.
            group: which of the groups, if the law has some.
            scales: scale variables by name.

        Returns:
            what ``create_study(warm_start=)`` takes.

        Raises:
            ScalingError: as `predict` raises it.
        """
        point, _, belief, draws, best = self._best(_asked_scale(target, scales), group)
        fitted = self.fitted
        wide = normal_draws(best, belief.covariance + np.diag(fitted.bowls.unit**2))
        points = np.concatenate([best[None], wide[: PRIOR_POINTS - 1]])
        losses = [float(fitted.bowls.excess(z - draws, belief.steepness).mean()) for z in points]
        natural = fitted.runs.natural(points)
        ranges = zip(natural.min(axis=0).tolist(), natural.max(axis=0).tolist(), fitted.runs.forms, strict=True)
        params = [Float(low, high, log=form == "log") for low, high, form in ranges]
        space = Space(dict(zip(fitted.runs.names, params, strict=True)))
        where = written(dict(zip(self.scale, point, strict=True)))
        return WarmStart.of_points(f"scaling law at {where}", space, natural, np.array(losses))

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted"):
            raise ScalingError("fit the law to runs first: law.fit(runs)")
        return self.fitted

    @property
    def slopes(self) -> dict[tuple[str, str], tuple[float, tuple[float, float]]]:
        """(hyperparameter, scale variable) to the slope of log optimum against log scale, and its 95 % interval."""
        fitted = self._fitted()
        mean, sd = fitted.trend.slopes
        low, high = (mean - 1.96 * sd).tolist(), (mean + 1.96 * sd).tolist()
        return {
            (name, variable): (float(mean[i, j]), (low[i][j], high[i][j]))
            for j, name in enumerate(fitted.runs.names)
            for i, variable in enumerate(self.scale, 1)
        }


def _asked_scale(target: Any, scales: Mapping[str, float]) -> dict[str, float]:
    """Return the scale that was asked about: a mapping or None, and values by name; otherwise raise ScalingError."""
    if target is not None and not isinstance(target, Mapping):
        raise ScalingError(f"target must be a mapping of scale variables to values; got {shown(target)}")
    return {**(target or {}), **scales}


def _transferred(names: Mapping[str, str]) -> list[str]:
    """Return the hyperparameters that a parametrisation is meant to keep: learning rates, or all but batch sizes."""
    rates = [name for name in names if published_name(name) == "lr"]
    return rates or [name for name in names if published_name(name) != "batch"]


def _forms(studies: Sequence[Study]) -> dict[str, str]:
    """Return the numbers that each study searched, and whether on a log scale."""
    spaces = [study.history.space for study in studies]
    if any(space is None for space in spaces) or not spaces:
        return {}
    known = [space.params for space in spaces if space is not None]
    return {
        name: "log" if getattr(param, "log", False) else "linear"
        for name, param in known[0].items()
        if hasattr(param, "log") and all(name in other for other in known)
    }


def _edge_notes(fitted: Fitted) -> list[str]:
    bowls = fitted.bowls
    low, high = at_edge(bowls.optimum, bowls.low, bowls.high)
    return [
        say(sentence, int(which[:, j].sum()), len(which), printable(name))
        for j, name in enumerate(fitted.runs.names)
        for which, sentence in ((low, LOWEST), (high, HIGHEST))
        if which[:, j].any()
    ]


def _half(seen: Floats) -> Floats:
    """Return half of the width of 95 % intervals [k], in logarithms, from a covariance [k, k]."""
    return np.asarray(norm.ppf(0.975) * np.sqrt(np.diag(seen)))


def _useless(fitted: Fitted, half: Floats) -> list[bool]:
    """Tell of each hyperparameter whether its interval, of this half-width, is too wide to say anything."""
    read = fitted.runs
    tried = read.z.max(axis=0) - read.z.min(axis=0)
    most = [float(np.log(USELESS)) if form == "log" else 2.0 * tried[j] for j, form in enumerate(read.forms)]
    return [bool(2.0 * half[j] > most[j]) for j in range(len(half))]


def _refuse_useless(fitted: Fitted, point: Floats, belief: Belief) -> None:
    """Raise an error if a scale is so far from what was run that nothing is said of any hyperparameter."""
    read, half = fitted.runs, _half(fitted.seen([belief])[0])
    if not all(_useless(fitted, half)):
        return
    low, high = (read.natural(belief.mean + side * half) for side in (-1, 1))
    wide = ", ".join(f"{printable(n)} from {low[j]:.2g} to {high[j]:.2g}" for j, n in enumerate(read.names))
    ran = ", ".join(
        f"{printable(n)} from {one.min():.4g} to {one.max():.4g}"
        for n, one in zip(read.scale, read.scales.T, strict=True)
    )
    where = written(dict(zip(read.scale, point, strict=True)))
    raise ScalingError(
        f"at {where} the 95 % intervals say nothing: {wide}. The runs have {ran}; add runs at other scales, the larger "
        "the better: law.plan(...) says which"
    )


def _reach_notes(fitted: Fitted, point: Floats, half: Floats, factor: float) -> list[str]:
    """Return sentences on what a prediction rests on besides runs: it is far from them, or they are close together.

    Args:
        point: the scale [q].
        half: of the intervals' widths [k].
        factor: how many times larger than the largest scale it is.
    """
    read = fitted.runs
    low, high = read.scales.min(axis=0), read.scales.max(axis=0)
    notes: list[str] = [
        say(CLOSE_SCALES, printable(name), f"{low[i]:.4g}", f"{high[i]:.4g}", f"{NARROW_SPAN:g}")
        for i, name in enumerate(read.scale)
        if high[i] < NARROW_SPAN * low[i] and not low[i] / 1.01 <= point[i] <= high[i] * 1.01
    ]
    wide = zip(read.names, _useless(fitted, half), strict=True)
    notes += [say(SAYS_NOTHING, printable(name)) for name, useless in wide if useless]
    tested = [fold.factor for fold in fitted.calibration.folds]
    if factor > max(tested, default=1.0) * 1.01:
        notes.append(
            say("The intervals were checked over a factor of {}; this is {}.", f"{max(tested):.3g}", f"{factor:.3g}")
            if tested
            else say("There are too few scales to leave the largest ones out, so nobody checked these intervals.")
        )
    return notes
