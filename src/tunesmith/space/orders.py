"""Parameters whose values are arrangements of items: `Permutation` and `Subset`.

The internal value of an arrangement is its rank among all of them, so a parameter stays one column however many items
it has. Ranks that are close say nothing of arrangements that are alike; samplers therefore work on *rows*, one number
for each item, and on features of rows between which distances make sense.

Symbols and shapes
    k       number of items
    N       number of arrangements, `n_values`
    rank    0 … N - 1; the internal value x, and u = (rank + ½) / N in the unit interval
    row     int64[k]: of a permutation the item at each place, of a subset 1 for each item that is in it, else 0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import is_whole
from tunesmith.foundation.text import listing, shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.encoding import LatticeScale
from tunesmith.space.priors import PRIOR_UNIFORM_SHARE, UnitPrior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tunesmith.space.encoding import FloatArray, Scale

    IntArray = NDArray[np.int64]

_set = object.__setattr__

MAX_ARRANGEMENTS = 2**50  # up to here the maps between ranks and the unit interval are exact in float64
MAX_PERMUTED = 17  # items: 17! < 2^50
NEAR_SHARE = 0.25  # of the distance of random arrangements: the mean distance of a prior's draws from its mode


class Combinatorial(Parameter):
    """An arrangement of items: the base of `Permutation` and `Subset`.

    Attributes:
        items: the items, in the order in which they were given.
        labels: the same, with the name in place of each object.
    """

    __slots__ = ("_items", "_n", "items", "labels")
    is_ordered = False
    is_combinatorial = True
    items: tuple[Any, ...]
    labels: tuple[Any, ...]
    _items: Categorical
    _n: int

    def _fill(self, items: Categorical, n: int, key: tuple[Any, ...]) -> None:
        kind = type(self).__name__
        if n > MAX_ARRANGEMENTS:
            raise SpaceError(
                f"{kind} of {len(items.labels)} items: {float(n):.2g} of them are too many; {self._advice()}"
            )
        _set(self, "_items", items)
        _set(self, "items", items.choices)
        _set(self, "labels", items.labels)
        _set(self, "_n", n)
        self._start((items._key, *key))

    def _advice(self) -> str:
        raise NotImplementedError

    @property
    def named_items(self) -> Categorical:
        """The items as choices, which know their labels and names."""
        return self._items

    @property
    def n_values(self) -> int | float:
        return self._n

    @property
    def kind(self) -> tuple[Any, ...]:
        """What tells arrangements of other items, or of other sizes, from these; priors and conditions do not count."""
        return (type(self).__name__, *(self._key if self._prior is None else self._key[:-1]))

    def is_spelled(self, items: Sequence[Any]) -> bool:
        """Return quickly whether `items` are these very objects; False: they may be equal all the same."""
        return len(items) == len(self.items) and all(map(is_, items, self.items))

    def to_internal(self, value: Any) -> float:
        return float(self.ranks(self._row(value)[None])[0])

    def to_external(self, x: float) -> Any:
        return tuple(self.items[i] for i in self._members(x))

    def to_label(self, x: float) -> Any:
        return tuple(self.labels[i] for i in self._members(x))

    def to_text(self, x: float) -> str:
        """Return the value of x as people read it: ``a > b > c`` is an order, ``a, b`` a subset."""
        raise NotImplementedError

    def _row(self, value: Any) -> IntArray:
        """Return the row of an external value."""
        raise NotImplementedError

    def _members(self, x: float) -> list[int]:
        """Return the items of an internal value, in the order of the external one."""
        raise NotImplementedError

    def _indices(self, value: Any) -> list[int]:
        """Return the indices of items that are given one by one, each once."""
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise SpaceError(f"{shown(value)} is no list of items; valid is {self.valid()}")
        found = []
        for item in value:
            try:
                found.append(int(self._items.to_internal(item)))
            except SpaceError:
                raise SpaceError(f"{shown(item)} is not among the items; valid is {self.valid()}") from None
        twice = [i for i in found if found.count(i) > 1]
        if twice:
            raise SpaceError(f"{shown(self.labels[twice[0]])} stands there twice; valid is {self.valid()}")
        return found

    @property
    def prior(self) -> Any:
        return None if self._prior is None else self.to_label(float(self._prior))

    def unit_prior(self) -> UnitPrior | None:
        return None if self._prior is None else ArrangementPrior(self, int(self._prior))

    def with_stored_prior(self, prior: Any, prior_width: float | None) -> Self:
        if type(prior) is not int or not 0 <= prior < self._n:
            raise SpaceError(f"{shown(prior)} is no prior of {self.valid()}")
        return self.with_prior(self.to_label(float(prior)), prior_width)

    def _read_prior(self, prior: Any, width: float | None) -> None:
        kind = type(self).__name__
        if width is not None:
            raise SpaceError(f"{self!r}: a {kind} has no prior_width; give prior= alone")
        try:
            self._set_prior(int(self.to_internal(prior)), None)
        except SpaceError as error:
            raise SpaceError(f"{self!r} with prior={shown(prior)}: {error}") from None

    def _make_scale(self) -> Scale:
        return LatticeScale(0.0, self._n - 1.0, 1.0, self._n, 0.0)

    # -- rows: what samplers work on ----------------------------------------------------------------------------

    def ranks(self, rows: IntArray) -> IntArray:
        """Return the ranks [n] of rows[n, k]."""
        raise NotImplementedError

    def rows(self, ranks: IntArray) -> IntArray:
        """Return the rows [n, k] of ranks[n]."""
        raise NotImplementedError

    def unit_of(self, rows: IntArray) -> FloatArray:
        """Return the unit coordinates [n] of rows[n, k]."""
        return np.asarray((self.ranks(rows) + 0.5) / self._n)

    def rows_at(self, u: FloatArray) -> IntArray:
        """Return the rows [n, k] at unit coordinates u[n]; at NaN, any."""
        at = np.where(np.isnan(u), 0.0, u) * self._n
        return self.rows(np.clip(at.astype(np.int64), 0, self._n - 1))

    def moved(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        """Return rows after one random move each, of those that `neighbours` makes.

        Args:
            rows: [n, k].
            rng: where the moves come from.

        Returns:
            the rows [n, k].
        """
        raise NotImplementedError

    def neighbours(self, row: IntArray) -> IntArray:
        """Return all rows [m, k] that are one move away from row[k]."""
        raise NotImplementedError

    def crossed(self, a: IntArray, b: IntArray, rng: np.random.Generator) -> IntArray:
        """Return a row that has something of two others.

        Args:
            a: a row [k].
            b: another, [k].
            rng: decides what comes from which.

        Returns:
            the row [k].
        """
        raise NotImplementedError

    def shaken(self, u: FloatArray, moves: float, rng: np.random.Generator) -> FloatArray:
        """Return unit coordinates some random moves away from others.

        Args:
            u: [n]; NaN stays NaN.
            moves: the scale of their number, which is one at least.
            rng: where the moves come from.

        Returns:
            the unit coordinates [n].
        """
        rows = self.rows_at(u)
        count = 1 + np.floor(rng.exponential(size=len(u)) * moves).astype(np.int64)
        for i in range(min(int(count.max(initial=0)), len(self.items))):
            at = np.flatnonzero(count > i)
            rows[at] = self.moved(rows[at], rng)
        return np.where(np.isnan(u), u, self.unit_of(rows))

    def features(self, rows: IntArray) -> list[FloatArray]:
        """Return groups of features, [n, w] each, of rows[n, k]: what has a lengthscale of its own in a process."""
        raise NotImplementedError

    def views(self, rows: IntArray) -> list[FloatArray]:
        """Return ways to look at rows[n, k], features [n, w] each: in each, random rows are about 1 apart, squared."""
        return self.features(rows)

    def rows_of(self, features: FloatArray) -> IntArray:
        """Return the rows [n, k] of their features [n, w], all groups side by side."""
        raise NotImplementedError

    def distances(self, rows: IntArray, others: IntArray) -> FloatArray:
        """Return how far rows are from others: in swaps of neighbours, or in items that differ.

        Args:
            rows: [n, k].
            others: [m, k].

        Returns:
            the distances [n, m].
        """
        raise NotImplementedError

    def log_masses(self, rows: IntArray, rate: float) -> FloatArray:
        """Return the logarithm of the mean of exp(-rate distance) over all arrangements.

        Args:
            rows: the centres [n, k].
            rate: 0 or more.

        Returns:
            the logarithms [n], one for each centre.
        """
        raise NotImplementedError

    def drawn(self, rows: IntArray, rate: float, rng: np.random.Generator) -> IntArray:
        """Return a row for each centre, with probabilities proportional to exp(-rate distance).

        Args:
            rows: the centres [n, k].
            rate: 0 or more.
            rng: what draws.

        Returns:
            the rows [n, k].
        """
        raise NotImplementedError

    def rate_of(self, share: float) -> float:
        """Return the rate at which draws lie, on average, at this share of the mean distance of random arrangements."""
        centre = self.rows(np.zeros(1, np.int64))
        middle = self.rows(np.array([self._n // 2]))

        def slope(rate: float) -> float:  # minus the mean distance, in the middle of two centres
            step = 1e-4
            both = [self.log_masses(row, rate + step) - self.log_masses(row, rate - step) for row in (centre, middle)]
            return float(np.mean(both)) / (2.0 * step)

        wanted, low, high = share * slope(0.0), 0.0, 20.0
        for _ in range(40):
            rate = 0.5 * (low + high)
            low, high = (rate, high) if slope(rate) < wanted else (low, rate)
        return high


class ArrangementPrior(UnitPrior):
    """The density 0.9 exp(-rate distance) / mass + 0.1 around one arrangement (Mallows, Biometrika 44, 1957)."""

    def __init__(self, param: Combinatorial, rank: int) -> None:
        self.best = float(rank)
        self._param = param
        self._rate = param.rate_of(NEAR_SHARE)
        self._centre = param.rows(np.array([rank]))
        self._log_mass = float(param.log_masses(self._centre, self._rate)[0])

    def log_density(self, u: FloatArray) -> FloatArray:
        away = self._param.distances(self._param.rows_at(u), self._centre)[:, 0]
        near = (1.0 - PRIOR_UNIFORM_SHARE) * np.exp(-self._rate * away - self._log_mass)
        return np.asarray(np.log(near + PRIOR_UNIFORM_SHARE))

    def slope(self, u: FloatArray) -> FloatArray:
        return np.zeros_like(u)

    def draw(self, v: FloatArray) -> FloatArray:
        near = v >= PRIOR_UNIFORM_SHARE
        found = v / PRIOR_UNIFORM_SHARE
        for i in np.flatnonzero(near):  # one number tells many
            rng = np.random.default_rng(int(v[i] * 2.0**53))
            found[i] = self._param.unit_of(self._param.drawn(self._centre, self._rate, rng))[0]
        return np.asarray(found)


# -- permutations -----------------------------------------------------------------------------------------------------


class Permutation(Combinatorial):
    """An order of items: a schedule, a tour, the steps of a pipeline. Its value is a tuple of all items.

    Samplers see which item stands where, which comes before which, and which are next to one another, and learn what of
    it counts.

    Args:
        items: what is to be ordered, at most 17, as the choices of a `Categorical`: values, or a dict of named objects.
            The order in which they are given is the first that is tried by samplers with a model.
        prior: an order that you believe to be good.

    Raises:
        SpaceError: there are no items, or too many, one is given twice, or the prior is no order of them.

    Example:
        ```python
        from tunesmith import Permutation, Space

        space = Space(route=Permutation(["a", "b", "c", "d"], prior=["a", "c", "b", "d"]))
        space.validate({"route": ("d", "a", "c", "b")})
        ```
    """

    __slots__ = ()

    def __init__(self, items: Iterable[Any] | Mapping[str, Any], *, prior: Sequence[Any] | None = None) -> None:
        self._read(_read_items("Permutation", items), prior)

    def _read(self, items: Categorical, prior: Any) -> None:
        self._fill(items, math.factorial(len(items.labels)), ())
        if prior is not None:
            self._read_prior(prior, None)

    @classmethod
    def of_items(cls, items: Categorical) -> Permutation:
        """Return the orders of items that are given as choices."""
        param = object.__new__(cls)
        param._read(items, None)
        return param

    def _advice(self) -> str:
        return (
            f"at most {MAX_PERMUTED} items can be ordered. Give the order of groups of them, or a Float for each item "
            "and sort the items by these in the objective"
        )

    def valid(self) -> str:
        return f"an order of ({listing(self.labels)})"

    def _row(self, value: Any) -> IntArray:
        found = self._indices(value)
        if len(found) < len(self.items):
            missing = [label for i, label in enumerate(self.labels) if i not in found]
            raise SpaceError(f"{shown(value)} lacks {listing(missing)}; valid is {self.valid()}")
        return np.array(found, np.int64)

    def _members(self, x: float) -> list[int]:
        left, rank, found = list(range(len(self.items))), int(x), []
        for i in range(len(left) - 1, -1, -1):
            place, rank = divmod(rank, math.factorial(i))
            found.append(left.pop(place))
        return found

    def to_text(self, x: float) -> str:
        return " > ".join(map(str, self.to_label(x)))

    def _arguments(self) -> str:
        return f"[{listing(self.labels)}]"

    def ranks(self, rows: IntArray) -> IntArray:
        k = rows.shape[1]  # by the Lehmer code: how many of the later items have a lower number
        later = rows[:, :, None] > rows[:, None, :]
        code = (later & np.triu(np.ones((k, k), bool), 1)).sum(axis=2)
        return np.asarray(code @ _factorials(k))

    def rows(self, ranks: IntArray) -> IntArray:
        k = len(self.items)
        rows = np.empty((len(ranks), k), np.int64)
        rest = np.asarray(ranks, np.int64)
        for i, weight in enumerate(_factorials(k).tolist()):
            rows[:, i], rest = np.divmod(rest, weight)
        for i in range(k - 2, -1, -1):
            rows[:, i + 1 :] += rows[:, i + 1 :] >= rows[:, i : i + 1]
        return rows

    def moved(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        n, k = rows.shape
        if k < 2:
            return rows.copy()
        first = np.asarray(rng.integers(k, size=n), np.int64)
        second = np.asarray(rng.integers(k - 1, size=n), np.int64)
        second += second >= first
        kind = np.asarray(rng.integers(3, size=n), np.int64)
        places = _places(kind, first, second, k)
        return np.take_along_axis(rows, places, axis=1)

    def neighbours(self, row: IntArray) -> IntArray:
        k = len(row)
        first, second = np.nonzero(~np.eye(k, dtype=bool))
        kind = np.repeat(np.arange(3), len(first))
        places = _places(kind, np.tile(first, 3), np.tile(second, 3), k)
        return np.unique(row[places], axis=0)

    def crossed(self, a: IntArray, b: IntArray, rng: np.random.Generator) -> IntArray:
        k = len(a)  # order crossover (Davis, IJCAI 1985): a part of a in its place, the rest as b has it
        low, high = np.sort(rng.integers(k + 1, size=2))
        kept = a[low:high]
        rest = b[~np.isin(b, kept)]
        return np.concatenate([rest[:low], kept, rest[low:]])

    def features(self, rows: IntArray) -> list[FloatArray]:
        n, k = rows.shape
        at, place = np.arange(n)[:, None], np.argsort(rows, axis=1)
        stands = np.zeros((n, k, k))
        stands[at, np.arange(k), rows] = 1.0 / math.sqrt(2.0 * k)
        i, j = np.triu_indices(k, 1)
        before = np.where(place[:, i] < place[:, j], 1.0, -1.0) / math.sqrt(2.0 * max(len(i), 1))
        beside = np.zeros((n, k, k))  # the last and the first item too: a tour has neither
        following = np.roll(rows, -1, axis=1)
        beside[at, np.minimum(rows, following), np.maximum(rows, following)] = 1.0 / math.sqrt(2.0 * k)
        spots = place.astype(np.float64) * math.sqrt(6.0 / max(k * (k * k - 1), 1))
        return [stands.reshape(n, k * k), spots, before, beside[:, i, j]]

    def rows_of(self, features: FloatArray) -> IntArray:
        k = len(self.items)
        return np.asarray(features[:, : k * k].reshape(-1, k, k).argmax(axis=2))

    def distances(self, rows: IntArray, others: IntArray) -> FloatArray:
        k = rows.shape[1]  # Kendall's: pairs of items that stand in another order
        i, j = np.triu_indices(k, 1)
        mine, theirs = np.argsort(rows, axis=1), np.argsort(others, axis=1)
        a, b = (np.where(p[:, i] < p[:, j], 1.0, -1.0) for p in (mine, theirs))
        return np.asarray(0.5 * (len(i) - a @ b.T))

    def log_masses(self, rows: IntArray, rate: float) -> FloatArray:
        sizes = np.arange(1, len(self.items) + 1)
        terms = [math.log(math.fsum(math.exp(-rate * d) for d in range(size)) / size) for size in sizes]
        return np.full(len(rows), math.fsum(terms))

    def drawn(self, rows: IntArray, rate: float, rng: np.random.Generator) -> IntArray:
        n, k = rows.shape  # repeated insertion (Doignon, Pekeč & Regenwetter, Psychometrika 69, 2004)
        chosen = np.zeros((n, k), np.int64)  # the numbers of the places of the centre
        v = rng.random((k, n))
        for size in range(1, k):
            weight = np.exp(-rate * np.arange(size + 1))  # of being moved past so many
            back = np.minimum(np.searchsorted(np.cumsum(weight), v[size] * weight.sum(), side="right"), size)
            place = np.arange(size + 1)
            at = (size - back)[:, None]
            shifted = np.take_along_axis(chosen, np.broadcast_to(np.maximum(place - 1, 0), (n, size + 1)), axis=1)
            chosen[:, : size + 1] = np.where(place < at, chosen[:, : size + 1], np.where(place > at, shifted, size))
        return np.take_along_axis(rows, chosen, axis=1)


def _factorials(k: int) -> IntArray:
    """Return (k - 1)!, …, 1!, 0!."""
    return np.array([math.factorial(k - 1 - i) for i in range(k)], np.int64)


def _places(kind: IntArray, first: IntArray, second: IntArray, k: int) -> IntArray:
    """Return from which place the item at each place comes [n, k] after moves of n permutations.

    Args:
        kind: what is done [n]: 0, two places change their items; 1, an item is put to another place; 2, the part
            between the two places is turned round.
        first, second: two different places [n].
    """
    place = np.broadcast_to(np.arange(k), (len(kind), k))
    low, high = np.minimum(first, second)[:, None], np.maximum(first, second)[:, None]
    inside = (place >= low) & (place <= high)
    swapped = np.where(place == low, high, np.where(place == high, low, place))
    step = np.where(first < second, 1, -1)[:, None]
    put = np.where(place == second[:, None], first[:, None], np.where(inside, place + step, place))
    turned = np.where(inside, low + high - place, place)
    return np.where(kind[:, None] == 0, swapped, np.where(kind[:, None] == 1, put, turned))


# -- subsets ----------------------------------------------------------------------------------------------------------


class Subset(Combinatorial):
    """Some of the items: features, augmentations, members of an ensemble. Its value is a tuple, in the items' order.

    Args:
        items: what there is to choose from, as the choices of a `Categorical`: values, or a dict of named objects.
        min: how many are chosen, at least.
        max: how many are chosen, at most; None: all.
        prior: a choice that you believe to be good.

    Attributes:
        min: see above.
        max: see above.

    Raises:
        SpaceError: there are no items, one is given twice, the numbers do not fit, there are more than 2**50 choices,
            or the prior is none of them.

    Example:
        ```python
        from tunesmith import Space, Subset

        space = Space(features=Subset(["age", "sex", "bmi", "bp"], min=1, max=3))
        space.validate({"features": ("age", "bp")})
        ```
    """

    __slots__ = ("max", "min")
    min: int
    max: int

    def __init__(
        self,
        items: Iterable[Any] | Mapping[str, Any],
        min: int = 0,
        max: int | None = None,
        *,
        prior: Iterable[Any] | None = None,
    ) -> None:
        self._read(_read_items("Subset", items), min, max, prior)

    def _read(self, items: Categorical, low: Any, high: Any, prior: Any) -> None:
        k = len(items.labels)
        top = k if high is None else high
        if not (is_whole(low) and is_whole(top) and 0 <= low <= top <= k):
            raise SpaceError(
                f"Subset of {k} items: 0 <= min <= max <= {k} is needed, whole numbers; got min={shown(low)}, "
                f"max={shown(high)}"
            )
        _set(self, "min", int(low))
        _set(self, "max", int(top))
        self._fill(items, sum(math.comb(k, size) for size in range(self.min, self.max + 1)), (self.min, self.max))
        if prior is not None:
            self._read_prior(prior, None)

    @classmethod
    def of_items(cls, items: Categorical, min: int, max: int) -> Subset:
        """Return the subsets of items that are given as choices.

        Args:
            items: what there is to choose from.
            min: how many are chosen, at least.
            max: how many are chosen, at most.

        Returns:
            the parameter.
        """
        param = object.__new__(cls)
        param._read(items, min, max, None)
        return param

    def _advice(self) -> str:
        return "choose fewer of them (max=), put items into groups, or give a Categorical([False, True]) for each item"

    def valid(self) -> str:
        size = f"{self.min}" if self.min == self.max else f"{self.min} to {self.max}"
        return f"{size} of ({listing(self.labels)})"

    def _row(self, value: Any) -> IntArray:
        found = self._indices(value)
        if not self.min <= len(found) <= self.max:
            raise SpaceError(f"{shown(value)} has {len(found)} items; valid is {self.valid()}")
        row = np.zeros(len(self.items), np.int64)
        row[found] = 1
        return row

    def _members(self, x: float) -> list[int]:
        return np.flatnonzero(self.rows(np.array([int(x)]))[0]).tolist()

    def to_text(self, x: float) -> str:
        return ", ".join(map(str, self.to_label(x)))

    def _arguments(self) -> str:
        return f"[{listing(self.labels)}], {self.min}, {self.max}"

    # Ranks: by size, and those of one size in the combinatorial number system (Knuth, TAOCP 4A, 7.2.1.3).

    def ranks(self, rows: IntArray) -> IntArray:
        binomial, starts = _binomials(rows.shape[1]), self._starts()
        count = np.cumsum(rows, axis=1)
        terms = binomial[np.arange(rows.shape[1]), count] * rows
        return np.asarray(terms.sum(axis=1) + starts[count[:, -1] - self.min])

    def rows(self, ranks: IntArray) -> IntArray:
        k = len(self.items)
        binomial, starts = _binomials(k), self._starts()
        size = np.searchsorted(starts, ranks, side="right") - 1
        rest = np.asarray(ranks, np.int64) - starts[size]
        left = size + self.min
        rows = np.zeros((len(rest), k), np.int64)
        for j in range(k - 1, -1, -1):
            below = binomial[j, left]
            taken = (left > 0) & (rest >= below)
            rows[:, j] = taken
            rest = rest - np.where(taken, below, 0)
            left = left - taken
        return rows

    def _starts(self) -> IntArray:
        """Return the first rank of each size."""
        sizes = [math.comb(len(self.items), size) for size in range(self.min, self.max)]
        return np.cumsum([0, *sizes], dtype=np.int64)

    def moved(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        n, k = rows.shape
        rows = rows.copy()
        size = rows.sum(axis=1)
        may_grow, may_shrink, may_swap = size < self.max, size > self.min, (size > 0) & (size < k)
        flip = (may_grow | may_shrink) & (~may_swap | (rng.random(n) < 0.5))
        key = rng.random((n, k))
        allowed = np.where(rows == 1, may_shrink[:, None], may_grow[:, None])
        at = np.arange(n)
        one = np.argmax(np.where(allowed, key, -1.0), axis=1)
        rows[at[flip], one[flip]] ^= 1
        swap = at[~flip & may_swap]
        out, into = (np.argmax(np.where(rows[swap] == bit, key[swap], -1.0), axis=1) for bit in (1, 0))
        rows[swap, out], rows[swap, into] = 0, 1
        return rows

    def neighbours(self, row: IntArray) -> IntArray:
        size = int(row.sum())
        inside, outside = np.flatnonzero(row), np.flatnonzero(row == 0)
        flips = [*(inside if size > self.min else ()), *(outside if size < self.max else ())]
        changes = [[j] for j in flips] + [[i, j] for i in inside for j in outside]
        found = np.repeat(row[None], len(changes), axis=0)
        for n, places in enumerate(changes):
            found[n, places] ^= 1
        return found

    def crossed(self, a: IntArray, b: IntArray, rng: np.random.Generator) -> IntArray:
        row = np.where(rng.random(len(a)) < 0.5, a, b)
        for wrong, bit in ((self.max, 1), (self.min, 0)):  # too many, or too few: only where a and b differ
            excess = int(row.sum()) - wrong if bit else wrong - int(row.sum())
            if excess > 0:
                places = np.flatnonzero((row == bit) & (a != b))
                row[rng.choice(places, excess, replace=False)] ^= 1
        return row

    def features(self, rows: IntArray) -> list[FloatArray]:
        return [rows[:, j : j + 1].astype(np.float64) for j in range(rows.shape[1])]

    def views(self, rows: IntArray) -> list[FloatArray]:
        return [rows.astype(np.float64) * math.sqrt(2.0 / rows.shape[1])]

    def rows_of(self, features: FloatArray) -> IntArray:
        return (features > 0.0).astype(np.int64)

    def distances(self, rows: IntArray, others: IntArray) -> FloatArray:
        a, b = rows.astype(np.float64), others.astype(np.float64)
        return np.asarray(a.sum(axis=1)[:, None] + b.sum(axis=1) - 2.0 * a @ b.T)

    def _weights(self, size: int, rate: float) -> tuple[IntArray, FloatArray]:
        """Return what may be removed from a subset and added to it, int[c, 2], and the weight of each case [c]."""
        k = len(self.items)
        cases = [
            (out, into)
            for out in range(size + 1)
            for into in range(k - size + 1)
            if self.min <= size - out + into <= self.max
        ]
        counts = np.array([math.comb(size, out) * math.comb(k - size, into) for out, into in cases], np.float64)
        both = np.array(cases, np.int64)
        return both, counts * np.exp(-rate * both.sum(axis=1))

    def log_masses(self, rows: IntArray, rate: float) -> FloatArray:
        size = rows.sum(axis=1)
        of = {s: math.log(self._weights(s, rate)[1].sum() / self._n) for s in np.unique(size).tolist()}
        return np.array([of[s] for s in size.tolist()])

    def drawn(self, rows: IntArray, rate: float, rng: np.random.Generator) -> IntArray:
        rows, v = rows.copy(), rng.random(len(rows))
        order = np.argsort(rng.random(rows.shape), axis=1)
        for n, row in enumerate(rows):
            cases, weight = self._weights(int(row.sum()), rate)
            case = min(int(np.searchsorted(np.cumsum(weight), v[n] * weight.sum(), side="right")), len(cases) - 1)
            out, into = cases[case]
            inside = order[n][row[order[n]] == 1]
            outside = order[n][row[order[n]] == 0]
            row[inside[:out]] = 0
            row[outside[:into]] = 1
        return rows


def _binomials(k: int) -> IntArray:
    """Return the binomial coefficients [j, i] of j items taken i at a time, j < k and i <= k; none is too large."""
    return np.array([[min(math.comb(j, i), MAX_ARRANGEMENTS) for i in range(k + 1)] for j in range(k)], np.int64)


def _read_items(kind: str, items: Any) -> Categorical:
    """Return items as choices."""
    try:
        read = Categorical(items)
    except SpaceError as error:
        raise SpaceError(str(error).replace("Categorical", kind).replace("choices are", "items are")) from None
    if not isinstance(read, Categorical):
        raise SpaceError(f"{kind}: {shown(items)} holds parameters; give plain values, or a dict of named objects")
    return read
