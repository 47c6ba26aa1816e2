"""Grids: order, resolution, conditional and constrained spaces, sizes that cannot be walked through."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Ordinal, Space


def test_the_last_parameter_varies_fastest() -> None:
    grid = Space(a=["x", "y"], b=Int(1, 3)).grid()
    assert np.array(list(grid)).tolist() == [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2], [1, 3]]
    assert grid[-1].tolist() == [1, 3]
    assert [row.tolist() for row in grid[1:3]] == [[0, 2], [0, 3]]
    with pytest.raises(IndexError, match="6 cells"):
        grid[6]
    with pytest.raises(IndexError, match="0 to 5"):
        grid.rows([6])


def test_resolution_sets_the_points_of_numeric_parameters() -> None:
    space = Space(lr=Float(1e-4, 1, log=True), n=Int(1, 100), few=Int(1, 2), act=["relu", "tanh"], o=Ordinal([1, 2]))
    grid = space.grid(5)
    assert len(grid) == 5 * 5 * 2 * 2 * 2
    assert np.unique(grid.rows(range(len(grid)))[:, 0]).tolist() == [1e-4, 1e-3, 1e-2, 1e-1, 1]
    assert np.unique(grid.rows(range(len(grid)))[:, 1]).tolist() == [1, 26, 51, 76, 100]
    assert len(space.grid({"lr": 3})) == 3 * 100 * 2 * 2 * 2
    by_value = space.grid({"lr": [0.01, 0.1], "n": [7], "act": ["tanh"]})
    assert space.decode(by_value.rows([0]))[0] == {"lr": 0.01, "n": 7, "few": 1, "act": "tanh", "o": 1}
    assert space.decode(space.grid({"lr": 1}).rows([0]))[0]["lr"] == pytest.approx(0.01)


def test_only_active_parameters_multiply() -> None:
    space = Space(
        model=["svm", "forest", "none"],
        kernel=Categorical(["linear", "rbf"]).when(model="svm"),
        gamma=Int(1, 4).when(kernel="rbf"),
        depth=Int(1, 9).when(model="forest"),
    )
    assert space.n_cells == len(space.grid()) == (1 + 4) + 9 + 1
    names = {tuple(config) for config in space.decode(np.array(list(space.grid())))}
    assert names == {("model", "kernel"), ("model", "kernel", "gamma"), ("model", "depth"), ("model",)}


def test_parents_of_any_length_are_counted_without_being_listed() -> None:
    space = Space(n=Int(0, 2**40 - 1), a=Int(1, 3).when(n=[5, 7]), b=Int(1, 4).when(n=7))
    assert space.n_cells == 2**40 - 2 + 3 + 12
    grid = space.grid()
    rows = grid.rows([0, len(grid) - 1])
    assert space.contains_rows(rows).all()
    assert np.isnan(rows[-1, 1])
    assert rows[-1, 0] == 2**40 - 1


def test_the_size_of_huge_spaces_is_exact_and_their_grid_refused() -> None:
    space = Space({f"p{j}": Int(1, 8) for j in range(40)})
    assert space.n_cells == 8**40
    with pytest.raises(SpaceError, match=r"has 1\.3e\+36 cells, too many to walk through"):
        space.grid()


def test_cells_of_a_lattice_and_of_a_constant() -> None:
    space = Space(a=Float(0, 1, step=0.25), b=Float(3, 3), c=Int(1, 9, log=True))
    assert space.n_cells == 5 * 9
    assert np.unique(np.array(list(space.grid()))[:, 2]).tolist() == list(range(1, 10))


def test_constraints_leave_cells_out() -> None:
    space = Space(a=Int(0, 3), b=Int(0, 3), constraints=lambda a, b: a < b)
    assert space.n_cells == 16
    assert len(space.grid()) == 6
    assert np.array(list(space.grid())).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert len(Space(a=Int(0, 3), constraints=lambda a: a > 5).grid()) == 0
    with pytest.raises(SpaceError, match="too many to check against the constraints"):
        len(Space(a=Int(0, 10**7), constraints=lambda a: True).grid())


def test_errors_of_the_resolution() -> None:
    space = Space(lr=Float(0, 1), act=["relu", "tanh"])
    assert space.n_cells == np.inf
    for resolution, message in [
        (None, r"'lr' has no finite number of values .*give resolution=10, or resolution=\{'lr': 10\}"),
        ({"act": ["relu"]}, "'lr' has no finite number of values"),
        ({"rl": 3}, "no parameter 'rl'"),
        ({"lr": 0}, "a number of points >= 1"),
        ({"lr": True}, "a number of points >= 1"),
        ({"lr": 2.5}, "a number of points >= 1"),
        ({"lr": [2.0]}, "resolution of 'lr': 2.0 is out of range"),
        ({"lr": 3, "act": 1}, "give the list of choices"),
    ]:
        with pytest.raises(SpaceError, match=message):
            space.grid(resolution)  # type: ignore[arg-type]
