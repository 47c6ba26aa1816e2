"""`TableColumns`: a table of any library as a matrix of numbers, by what each column holds."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.tables.roles import Boolean, Category, Date, Number, Role, ShortText
from tunesmith.tables.values import Table, Values, is_missing, read_table
from tunesmith.tables.writing import NEARLY_ALL, TRUTH_PAIRS, date_writing, number_writing, scale_of

FEW_ROWS = 10  # among fewer, different numbers may be anything
FEW_TEXTS = 30  # up to which texts of several words are categories, unless most are different
MANY_TEXTS = 1000  # from which they are texts, however often each occurs
ROWS_OF_A_RUN = 20  # that whole numbers which rise with the rows have at least, where they number the rows
ID_NAME = re.compile(
    r"(?:.*[_\s.-])?(?:id|ids|uuid|guid|idx|index|identifier|rownum|rowid|row|serial|unnamed:? ?\d*)(?:[_\s.-].*)?"
    r"|(?:user|customer|client|passenger|patient|order|product|employee|student|sample|record|case|loan|house)id"
)
TIME_NAME = re.compile(r".*(?:year|time|date|day|week|month|step|^t$).*")
LABEL_NAME = re.compile(r"(?:^|[^a-z])(?:[a-z]?id|code|zip|postcode|key|nr|no)$")  # of digits that are no quantity
LABELS = 10  # so many different ones there are at least, each twice on average
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
WIDE_LETTERS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # of languages that write without spaces

IDENTIFIER = "an identifier: its values are different in every row"
NUMBERING = "the number of the row: whole numbers that rise from row to row"


class TableColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns a table into a matrix of numbers: finds out in `fit` what each column holds, and reads it so ever after.

    Numbers stay what they are, truth values become 0 and 1, categories their codes, steps of a scale the number of the
    step, dates several numbers, short texts up to 32 numbers, and numbers in texts numbers. Identifiers, constants,
    empty columns and copies of other columns are dropped. What is missing is NaN, as is a category that `fit` has not
    seen. A sparse matrix is passed on as it is.

    Attributes:
        roles_: "number", "boolean", "category", "ordinal", "date" or "text", by the name of each column that is used.
        dropped_: why a column is not used, by its name.
        notes_: sentences on what was inferred.
        feature_names_in_: names of the columns of a frame.
        n_features_in_: how many columns were given.
        names_out_: names of the matrix's columns.
        categories_: how many levels a column of codes has, by its index in the matrix.

    Example:
        ```python
        from tunesmith.tables import TableColumns

        rows = [[1.5, "red", True], [2.5, "green", False], [None, "red", True], [4.0, None, False]]
        columns = TableColumns().fit(rows)
        print(columns.roles_, columns.transform(rows))
        ```
    """

    def fit(self, X: Any, y: Any = None) -> TableColumns:
        """Find out what each column holds.

        Args:
            X: a frame of pandas, polars, pyarrow or another that narwhals reads, an array, a list of rows, or a sparse
                matrix of SciPy.
            y: not used.

        Returns:
            self.

        Raises:
            ValueError: it is no table, has no rows, two columns of one name, or no column that can be used.
            MissingDependencyError: the frame's library is read by narwhals, which is not installed.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Find out what each column holds, and return the matrix.

        Args:
            X: see `fit`.
            y: not used.

        Returns:
            see `transform`.

        Raises:
            ValueError: see `fit`.
            MissingDependencyError: see `fit`.
        """
        return self._fit(X)

    def transform(self, X: Any) -> Any:
        """Return a table as a matrix, float64 [n_rows, len(names_out_)]; NaN is missing.

        Columns of a frame are found by their names, in any order; others that it has are ignored.

        Args:
            X: rows with the columns of `fit`, in any form that `fit` takes.

        Returns:
            an array, or a CSR matrix where `fit` had a sparse matrix.

        Raises:
            ValueError: columns are missing, or hold what they cannot be.
        """
        check_is_fitted(self)
        if self.is_sparse_:
            return self._sparse(X)
        if sparse.issparse(X):
            X = X.toarray()
        table = read_table(X)
        places = self._places(table)
        found = np.empty((table.n_rows, len(self.names_out_)))
        at = 0
        for (_, name, role), place in zip(self.columns_, places, strict=True):
            values = table.column(place)
            part = role.read(values)
            _check_readable(name, role, values, part)
            found[:, at : at + part.shape[1]] = part
            at += part.shape[1]
        return found

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the matrix's columns.

        Args:
            input_features: not used.
        """
        check_is_fitted(self)
        return np.array(self.names_out_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.sparse = tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    # ------------------------------------------------------------------------------------------------------- in fit

    def _fit(self, X: Any) -> Any:
        self.__dict__.pop("feature_names_in_", None)
        matrix = _as_csr(X)
        self.is_sparse_ = matrix is not None
        self.roles_: dict[Any, str] = {}
        self.dropped_: dict[Any, str] = {}
        self.notes_: list[str] = []
        self.categories_: dict[int, int] = {}
        self.columns_: list[tuple[int, Any, Role]] = []
        if matrix is not None:
            return self._fit_sparse(X, matrix)
        table = read_table(X)
        names = _checked_names(table)
        if table.names is not None:
            self.feature_names_in_ = np.array([*names, None], dtype=object)[:-1]
        self.n_features_in_ = table.n_columns
        parts: list[NDArray[np.float64]] = []
        spared: list[tuple[int, Any, Role, NDArray[np.float64]]] = []
        copies: dict[bytes, Any] = {}
        read = [table.column(i) for i in range(len(names))]
        finding = _Finding(typed=any(values.kind == "number" for values in read))
        for i, (name, values) in enumerate(zip(names, read, strict=True)):
            role = finding.role(name, values)
            if isinstance(role, str):
                self.dropped_[name] = role
                if role == NUMBERING:
                    spared.append((i, name, Number(), Number().read(values)))
                continue
            part = role.read(values)
            original = copies.setdefault(_fingerprint(role, part), name)
            if original is not name:
                self.dropped_[name] = f"a copy of the column {original!r}"
                continue
            self.columns_.append((i, name, role))
            parts.append(part)
        if not parts and spared:  # better than nothing
            i, name, number, part = spared[0]
            del self.dropped_[name]
            self.columns_.append((i, name, number))
            parts.append(part)
        if not parts:
            raise ValueError(
                "X has no column that can be used: "
                + "; ".join(f"{name!r} is {why}" for name, why in list(self.dropped_.items())[:12])
                + ("; and others" if len(self.dropped_) > 12 else "")
            )
        self._note(finding)
        return np.column_stack(parts)

    def _note(self, finding: _Finding) -> None:
        """Set the attributes that say what was found."""
        self.names_out_: list[str] = []
        for _, name, role in self.columns_:
            self.roles_[name] = role.role
            if isinstance(role, Category) and role.role == "category":
                self.categories_[len(self.names_out_)] = len(role.levels)
            self.names_out_ += [f"{name}{suffix}" for suffix in role.suffixes]
        reasons: dict[str, list[Any]] = {}
        for name, why in self.dropped_.items():
            reasons.setdefault(why, []).append(name)
        for why, dropped in reasons.items():
            self.notes_.append(f"{_columns(dropped)} not used: {why}.")
        for text, noted in finding.notes.items():
            used = [name for name in noted if name in self.roles_]
            if used:
                self.notes_.append(f"{_columns(used)} read as {text}.")

    def _fit_sparse(self, X: Any, matrix: Any) -> Any:
        names = list(X.columns) if hasattr(X, "columns") else None
        self.n_features_in_ = matrix.shape[1]
        if names is not None:
            self.feature_names_in_ = np.array([*names, None], dtype=object)[:-1]
        self.names_out_ = [f"x{i}" for i in range(matrix.shape[1])] if names is None else [str(name) for name in names]
        self.notes_.append(f"X is sparse: its {matrix.shape[1]:,} columns are passed on as they are.")
        return self._sparse(X)

    # ------------------------------------------------------------------------------------------------- in transform

    def _sparse(self, X: Any) -> Any:
        """Return X as a CSR matrix with the columns of fit."""
        if hasattr(X, "columns") and hasattr(self, "feature_names_in_"):
            missing = [name for name in self.feature_names_in_ if name not in X.columns]
            if missing:
                raise ValueError(_missing(missing, list(X.columns)))
            X = X[list(self.feature_names_in_)]
        matrix = _as_csr(X)
        if matrix is None:
            table = read_table(X)
            matrix = sparse.csr_matrix(np.column_stack([table.column(i).numbers() for i in range(table.n_columns)]))
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(_other_number(matrix.shape[1], self.n_features_in_))
        if not np.isfinite(matrix.data).all():
            raise ValueError(
                "X is sparse and holds NaN or infinite values, which hardly any estimator takes in a sparse matrix; "
                "fill them, or give X.toarray()"
            )
        return matrix

    def _places(self, table: Table) -> list[int]:
        """Return where the columns that are used stand in a table."""
        names = getattr(self, "feature_names_in_", None)
        if names is None or table.names is None:
            if table.n_columns != self.n_features_in_:
                raise ValueError(_other_number(table.n_columns, self.n_features_in_))
            return [i for i, _, _ in self.columns_]
        place = {name: i for i, name in enumerate(table.names)}
        missing = [name for _, name, _ in self.columns_ if name not in place]
        if missing:
            raise ValueError(_missing(missing, table.names))
        if len(place) < len(table.names):
            repeated = [name for _, name, _ in self.columns_ if table.names.count(name) > 1]
            if repeated:
                raise ValueError(_repeated(repeated))
        return [place[name] for _, name, _ in self.columns_]


class _Finding:
    """Finds the roles of columns, and notes what a user may want to know.

    Args:
        typed: whether some columns hold numbers by their type, so that texts are meant to be texts.
    """

    def __init__(self, typed: bool) -> None:
        self.typed = typed
        self.notes: dict[str, list[Any]] = {}

    def note(self, text: str, name: Any) -> None:
        self.notes.setdefault(text, []).append(name)

    def role(self, name: Any, values: Values) -> Role | str:
        """Return the role of a column, or why it is dropped."""
        if values.kind == "nothing":
            return "empty: every value is missing"
        if values.kind == "unreadable":
            return f"of a type that no estimator reads: {values.type}"
        if values.kind == "date":
            found = values.data[~values.missing]
            if found.min() == found.max() and len(found) == len(values.data):
                return "constant"
            return Date(values.data)
        if values.kind == "labels":
            return self._of_labels(name, values)
        return self._of_numbers(name, values)

    def _of_numbers(self, name: Any, values: Values) -> Role | str:
        data = values.data
        low, high = np.fmin.reduce(data), np.fmax.reduce(data)
        is_full = not np.isnan(data).any()
        if low == high and is_full and np.isfinite(low):
            return "constant"
        if values.kind == "boolean":
            return Boolean()
        if np.isinf(low) or np.isinf(high):
            if not np.isfinite(data).any():
                return "empty: every value is missing or infinite"
            self.note("numbers; those that are infinite are taken as missing", name)
        elif is_full and _numbers_rows(name, data):
            return NUMBERING
        elif is_full and _is_id(name) and _are_serials(data):
            return IDENTIFIER
        return Number()

    def _of_labels(self, name: Any, values: Values) -> Role | str:
        codes, given = values.texts()
        texts, back = (list(given), None) if len(set(given)) == len(given) else _merged(given)
        if back is not None:
            codes = np.append(back, -1)[codes]
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        n = int(counts.sum())
        if len(texts) == 1 and n == len(codes):
            return "constant"
        if values.ordered:
            return Category(list(dict.fromkeys(given)), has_order=True)
        if {text.lower() for text in texts} in TRUTH_PAIRS:
            return Boolean()
        order = scale_of(texts)
        if order is not None:
            levels = [texts[i] for i in order]
            self.note("steps of a scale: " + " < ".join(levels[:12]), name)
            return Category(levels, has_order=True)
        if values.type != "category":
            if len({type(level) for level in values.levels}) > 1:
                self.note("texts, though their values have several types", name)
            found = self._of_texts(name, texts, codes, values)
            if found is not None:
                return found
        if values.type != "category" and _words(texts) >= 2:
            k, ratio = len(texts), len(texts) / n
            if (k >= FEW_ROWS and ratio > 0.5) or (k > FEW_TEXTS and ratio > 0.1) or k > MANY_TEXTS:
                self.note("short texts, whose n-grams become numbers", name)
                return ShortText(texts)
        if len(texts) > 1 and len(texts) >= NEARLY_ALL * n:
            return IDENTIFIER
        return Category(sorted(texts))

    def _of_texts(self, name: Any, texts: Sequence[str], codes: NDArray[np.intp], values: Values) -> Role | str | None:
        """Return the role of texts that are numbers or dates; None: they are neither."""
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        labels = LABELS <= len(texts) <= counts.sum() / 2 and all(text.isdigit() for text in texts)
        if labels and (self.typed or _names_things(name)):
            self.note(
                "categories, because their digits are texts or their names say that they identify something", name
            )
            return Category(sorted(texts, key=lambda text: (len(text), text)))
        written = number_writing(texts, counts)
        if written is not None:
            role = Number(written[0])
            numbers = np.append(written[1], np.nan)[codes]
            lost = int((np.isnan(numbers) & (codes >= 0)).sum())
            self.note(
                "numbers that are written as texts"
                + (f"; values that are none become gaps ({lost:,})" if lost else ""),
                name,
            )
            as_numbers = Values("number", numbers, type="integer")
            found = self._of_numbers(name, as_numbers)
            return role if isinstance(found, Number) else found
        dated = date_writing(texts, counts)
        if dated is not None:
            day_first, is_open = dated
            self.note(
                "dates that are written as texts"
                + (", the month before the day; convert them before where that is wrong" if is_open else ""),
                name,
            )
            return Date(values.dates(day_first), day_first)
        return None


def _merged(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return different texts, and the index of each given one among them."""
    index: dict[str, int] = {}
    back = np.array([index.setdefault(text, len(index)) for text in texts], dtype=np.intp)
    return list(index), back


def _words(texts: Sequence[str]) -> float:
    """Return how many words texts have on average; two letters of Chinese and the like count as one."""
    some = texts[:: max(1, len(texts) // 500)]
    return sum(len(text.split()) + len(WIDE_LETTERS.findall(text)) // 2 for text in some) / len(some)


def _is_id(name: Any) -> bool:
    return isinstance(name, str) and ID_NAME.fullmatch(CAMEL.sub("_", name).lower()) is not None


def _names_things(name: Any) -> bool:
    """Tell whether a name says that numbers stand for things, as user_id does."""
    return isinstance(name, str) and LABEL_NAME.search(CAMEL.sub("_", name).lower()) is not None


def _are_serials(data: NDArray[np.float64]) -> bool:
    """Tell whether numbers without gaps are whole and all different."""
    whole = len(data) >= FEW_ROWS and bool(np.all(data == np.floor(data)))
    return whole and len(np.unique(data)) == len(data)


def _numbers_rows(name: Any, data: NDArray[np.float64]) -> bool:
    """Tell whether numbers without gaps count the rows, or those of a table of which these are a part."""
    if len(data) < ROWS_OF_A_RUN or data[1] <= data[0] or (isinstance(name, str) and TIME_NAME.fullmatch(name.lower())):
        return False
    steps = np.diff(data)
    whole = bool(np.all(steps > 0)) and bool(np.all(data == np.floor(data)))
    return whole and bool(data[-1] - data[0] < 2 * len(data))


def _fingerprint(role: Role, part: NDArray[np.float64]) -> bytes:
    """Return what two columns share that are copies of one another."""
    levels = "\0".join(role.levels) if isinstance(role, Category) else ""
    head = f"{role.role}{part.shape}{levels}".encode(errors="surrogatepass")
    return hashlib.blake2b(np.ascontiguousarray(part + 0.0).tobytes() + head, digest_size=16).digest()


# ------------------------------------------------------------------------------------------------------------- edges


def _as_csr(X: Any) -> Any:
    """Return a sparse matrix, or a frame of sparse columns only, as CSR of floats; None: X is neither."""
    if sparse.issparse(X):
        if X.dtype.kind == "c":
            raise ValueError("X holds complex numbers, which no estimator reads")
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions, rows and columns; it has {X.ndim}")
        _check_rows(*X.shape)
        matrix = sparse.csr_matrix(X)  # not every library knows the sparse arrays
        return matrix if matrix.dtype in (np.float64, np.float32) else matrix.astype(np.float64)
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(X, pandas.DataFrame) or X.shape[1] == 0:
        return None
    if all(isinstance(dtype, pandas.SparseDtype) and dtype.fill_value == 0 for dtype in X.dtypes):
        return X.sparse.to_coo().tocsr().astype(np.float64)
    return None


def _checked_names(table: Table) -> list[Any]:
    _check_rows(table.n_rows, table.n_columns)
    if table.names is None:
        return [f"x{i}" for i in range(table.n_columns)]
    seen: dict[str, Any] = {}
    repeated = []
    for name in table.names:
        if is_missing(name) and name != "":
            raise ValueError(f"X has a column without a name ({name}); give it one")
        if str(name) in seen:
            repeated.append(name)
        seen[str(name)] = name
    if repeated:
        raise ValueError(_repeated(repeated))
    return table.names


def _check_rows(n_rows: int, n_columns: int) -> None:
    if n_rows == 0 or n_columns == 0:
        raise ValueError(f"X is empty: it has {n_rows:,} rows and {n_columns:,} columns")


def _check_readable(name: Any, role: Role, values: Values, part: NDArray[np.float64]) -> None:
    """Refuse a column of which nothing can be read as what it was in fit: one that was mixed up.

    Raises:
        ValueError: so it is.
    """
    if role.role not in ("number", "boolean", "date") or values.kind == "nothing" or not np.isnan(part).all():
        return
    if values.kind == "labels" and values.missing.sum() + 1 >= len(values.data):
        return  # one odd value is a gap
    if values.kind == "number" and not np.isfinite(values.data).any():
        return
    what = {"labels": "texts", "unreadable": values.type}.get(values.kind, f"{values.kind}s")
    if values.kind == "labels":
        what += f" such as {listing(values.levels, 2)}"
    raise ValueError(
        f"the column {name!r} held {role.role}s in fit; none of its values can be read as such now: {what}"
    )


def _columns(names: Sequence[Any]) -> str:
    return f"The column {names[0]!r} is" if len(names) == 1 else f"The columns {listing(names)} are"


def _missing(missing: Sequence[Any], given: Sequence[Any]) -> str:
    near = did_you_mean(missing[0], given)
    return (
        f"X lacks {'the column' if len(missing) == 1 else 'the columns'} {listing(missing)} that the model was fitted "
        f"with{near}"
    )


def _repeated(names: Sequence[Any]) -> str:
    return f"X has several columns of the name {listing(dict.fromkeys(names))}; give each column a name of its own"


def _other_number(given: int, fitted: int) -> str:
    return f"X has {given:,} columns; the model was fitted with {fitted:,}"
