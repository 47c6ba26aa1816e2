"""Each family of models gets the matrix that it takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.base import clone

from tunesmith.tables import Encode
from tunesmith.tables.encode import categorical_indices

NAN = np.nan


def test_numbers_are_filled_marked_and_scaled_without_harm_from_outliers() -> None:
    X = np.array([[1.0, 5.0, 0.0], [2.0, NAN, 0.0], [3.0, 5.0, 0.0], [4.0, 5.0, 0.0], [1e9, 6.0, 1.0]])
    found = Encode(scale=True).fit_transform(X)
    assert found.shape == (5, 4)
    assert np.isfinite(found).all()
    assert found[2, 0] == 0  # the median
    assert found[1, 0] == pytest.approx(-0.5 / np.sqrt(1 + (0.5 / 3) ** 2))  # the quartiles are 2 and 4
    assert 2.99 < found[4, 0] <= 3
    assert found[:, 3].tolist() == [0, 1, 0, 0, 0]
    assert abs(found[4, 2] - found[0, 2]) > 1  # most are the same; the standard deviation takes over
    filled = Encode(fill=True).fit_transform(X)
    assert filled[1].tolist() == [2, 5, 0, 1]
    assert filled[4, 0] == 1e9


def test_columns_that_are_missing_together_have_one_mark() -> None:
    X = np.array([[1.0, 2.0, NAN], [NAN, NAN, 3.0], [4.0, 5.0, 6.0]])
    encode = Encode(fill=True).fit(X)
    assert encode.get_feature_names_out().tolist() == ["x0", "x1", "x2", "missing_x0", "missing_x2"]
    assert encode.transform(np.full((1, 3), NAN)).tolist() == [[2.5, 3.5, 4.5, 1, 1]]


def test_small_categories_stay_codes_or_become_columns() -> None:
    X = np.array([[0.0, 1.5, 1.0], [1.0, 2.5, 0.0], [2.0, 3.5, NAN], [NAN, 4.5, 1.0]])
    categories = ((0, 3), (2, 2))
    native = Encode(categories, native=True).fit_transform(X)
    np.testing.assert_array_equal(native, X)
    assert categorical_indices(categories, native=True) == [0, 2]
    assert categorical_indices(categories, native=False) == []
    encode = Encode(categories)
    expected = [[1.5, 1, 0, 0, 1], [2.5, 0, 1, 0, 0], [3.5, 0, 0, 1, 0.5], [4.5, 0, 0, 0, 1]]
    assert encode.fit_transform(X).tolist() == expected
    assert encode.get_feature_names_out(["a", "b", "c"]).tolist() == ["b", "a_0", "a_1", "a_2", "c_1"]
    filled = Encode(categories, native=True, fill=True).fit_transform(X)
    assert filled[2, 2] == 2
    assert filled[3, 0] == 3


@pytest.mark.parametrize("target_type", ["binary", "multiclass", "regression", "auto"])
def test_large_categories_become_the_mean_target_of_other_rows(target_type: str) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 40, 2000).astype(float)
    X = np.column_stack([rng.normal(size=2000), codes, rng.normal(size=2000)])
    effect = rng.normal(size=40)[codes.astype(int)]
    effect = effect + rng.normal(size=2000)
    y = {
        "binary": (effect > 0).astype(int),
        "multiclass": np.digitize(effect, [-0.5, 0.5]),
        "regression": effect,
        "auto": effect,
    }[target_type]
    encode = Encode(((1, 40),), target_type=target_type)
    found = encode.fit_transform(X, y)
    assert found.shape == (2000, 5 if target_type == "multiclass" else 3)
    np.testing.assert_array_equal(found[:, [0, 2]], X[:, [0, 2]])
    assert abs(np.corrcoef(found[:, 1], effect)[0, 1]) > 0.4
    assert not np.array_equal(found, encode.transform(X))  # a row does not see its own target
    np.testing.assert_array_equal(found, clone(encode).fit_transform(X, y))
    unseen = encode.transform(np.array([[0.0, NAN, 0.0], [0.0, 99.0, 0.0]]))
    assert np.isfinite(unseen).all()
    assert len(encode.get_feature_names_out()) == encode.n_features_out_ == found.shape[1]


def test_large_categories_keep_their_codes_where_others_do() -> None:
    codes = np.random.default_rng(0).integers(0, 300, 3000).astype(float)
    X = np.column_stack([codes, codes % 40])
    y = codes % 7 + np.arange(3000) % 3
    encode = Encode(((0, 300), (1, 40)), native=True, target_type="regression")
    found = encode.fit_transform(X, y)
    np.testing.assert_array_equal(found[:, :2], X)
    assert np.corrcoef(found[:, 2], y)[0, 1] > 0.5
    assert categorical_indices(encode.categories, native=True) == [1]
    assert encode.get_feature_names_out(["a", "b"]).tolist() == ["a", "b", "a_class0"]


def test_rare_classes_and_single_rows_do_not_stop_the_target_encoding() -> None:
    X = np.arange(40.0)[:, None]
    one, two, three = np.zeros(40, int), np.r_[np.zeros(39, int), 2], np.r_[np.zeros(38, int), 1, 2]
    for y in (one, two, np.arange(40) % 2, three):  # of the classes of a fold some may be missing
        encode = Encode(((0, 40),), scale=True, target_type="multiclass")
        assert np.isfinite(encode.fit_transform(X, y)).all()
        assert np.isfinite(encode.transform(X)).all()
    with pytest.raises(ValueError, match="give y"):
        Encode(((0, 40),)).fit(X)


def test_a_sparse_matrix_is_passed_on_or_scaled_by_its_largest_values() -> None:
    X = sparse.csr_matrix([[0.0, 4.0], [2.0, 0.0]])
    assert Encode(fill=True).fit_transform(X) is X
    assert Encode(scale=True).fit_transform(X).toarray().tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match="sparse"):
        Encode(((0, 3),)).fit(X)


def test_another_number_of_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="X has 3 columns; it was fitted with 2"):
        Encode().fit(np.zeros((2, 2))).transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="index 2"):
        Encode(((2, 5),)).fit(np.zeros((2, 2)))


@given(
    arrays(float, (12, 3), elements=st.one_of(st.just(NAN), st.floats(-3e38, 3e38))),
    st.booleans(),
    st.booleans(),
)
@example(np.column_stack([np.full(12, NAN), np.r_[5e-324, 0.0, np.full(10, NAN)], np.full(12, NAN)]), True, False)
def test_filled_matrices_are_finite_and_training_rows_are_read_alike(X: np.ndarray, scale: bool, native: bool) -> None:
    X[:, 0] = np.where(np.isnan(X[:, 0]), NAN, np.floor(np.abs(X[:, 0])) % 4)
    encode = Encode(((0, 4),), native=native, scale=scale, fill=True)
    found = encode.fit_transform(X)
    assert np.isfinite(found).all()
    assert found.shape[1] == encode.n_features_out_ == len(encode.get_feature_names_out())
    np.testing.assert_array_equal(found, encode.transform(X))
    if scale:
        assert np.abs(encode.transform(np.full((1, 3), 3e38) * [0, 1, 1])).max() <= 4
