"""The loop of splitting methods, on a lasso whose solution is known."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from sklearn_ldl.linear.published.admm import Pass, Progress, alternate, warn_if_unfinished
from sklearn_ldl.linear.published.proximal import soft_threshold


class SplitLasso:
    """Minimise ||A x - b||^2 / 2 + weight * ||z||_1 subject to x = z."""

    def __init__(self, A, b, weight):
        self.A, self.b, self.weight = A, b, weight
        self.z = self.u = np.zeros(A.shape[1])
        self.penalties = []

    def objective(self, x):
        return ((self.A @ x - self.b) ** 2).sum() / 2 + self.weight * np.abs(x).sum()

    def step(self, rho):
        self.penalties.append(rho)
        hessian = self.A.T @ self.A + rho * np.eye(len(self.z))
        x = np.linalg.solve(hessian, self.A.T @ self.b + rho * self.z - self.u)
        z, self.z = self.z, soft_threshold(x + self.u / rho, self.weight / rho)
        self.u = self.u + rho * (x - self.z)
        return Pass(
            self.objective(self.z),
            float(np.linalg.norm(x - self.z)),
            float(rho * np.linalg.norm(self.z - z)),
        )


@pytest.fixture
def lasso(rng):
    return SplitLasso(rng.standard_normal((40, 8)), rng.standard_normal(40), 5.0)


@pytest.mark.parametrize("rho", [1e-3, 1.0, 1e4])
def test_reaches_the_solution_from_any_penalty(lasso, rho):
    progress = Progress([lasso.objective(lasso.z)])
    alternate(lasso.step, progress, rho=rho, max_iter=2000, tol=1e-8)
    assert progress.converged
    reference = Lasso(alpha=5 / 40, fit_intercept=False, tol=1e-12).fit(lasso.A, lasso.b)
    assert_allclose(lasso.z, reference.coef_, atol=1e-7)
    objective, residuals = progress.curves()
    assert len(objective) == progress.n_iter + 1
    assert residuals.shape == (progress.n_iter, 2)
    assert residuals[-1].max() <= 1e-8
    assert objective[-1] < objective[0]


@pytest.mark.parametrize(("rho", "direction"), [(1e-3, 1), (1e5, -1)])
def test_penalty_is_balanced_in_the_first_half_only(lasso, rho, direction):
    alternate(lasso.step, Progress(), rho=rho, max_iter=60, tol=0.0)
    moves = np.sign(np.diff(lasso.penalties))
    assert (moves * direction >= 0).all()
    assert moves[:30].any()
    assert not moves[31:].any()


def test_a_stall_stiffens_the_penalty_for_good():
    # As problems that are not convex do: they circle while the penalty is too small.
    penalties, size = [], 1.0

    def step(rho):
        nonlocal size
        penalties.append(rho)
        if rho > 10:
            size *= 0.9
        # Balancing alone would lower the penalty.
        return Pass(0.0, 0.01 * size, size)

    progress = alternate(step, Progress(), rho=1.0, max_iter=300, tol=1e-6)
    assert progress.converged
    stiff = penalties.index(next(rho for rho in penalties if rho > 10))
    assert min(penalties[stiff:]) > 10


def test_multipliers_have_five_passes_to_follow_a_penalty():
    penalties = []

    def step(rho):
        penalties.append(rho)
        # The larger residual falls, so that nothing stalls, and stays far above the other.
        return Pass(0.0, primal=1.0 / len(penalties), dual=1e-3 / len(penalties))

    alternate(step, Progress(), rho=1.0, max_iter=40, tol=1e-9)
    # From the middle on it stays where it is.
    assert penalties == [2.0 ** min(n_passes // 5, 4) for n_passes in range(40)]


def test_stops_at_max_iter_and_says_what_to_try(lasso):
    progress = alternate(lasso.step, Progress(), rho=1.0, max_iter=3, tol=1e-12)
    assert progress.n_iter == 3
    with pytest.warns(ConvergenceWarning, match=r"after 3 iterations .* Increase max_iter"):
        warn_if_unfinished(progress, 1e-12)


def test_no_pass_at_all(lasso):
    progress = alternate(lasso.step, Progress([1.0]), rho=1.0, max_iter=0, tol=1e-3)
    assert progress.curves()[1].shape == (0, 2)
    with pytest.warns(ConvergenceWarning, match="after 0 iterations"):
        warn_if_unfinished(progress, 1e-3)


def test_no_warning_after_convergence(lasso):
    progress = alternate(lasso.step, Progress(), rho=10.0, max_iter=1000, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_unfinished(progress, 1e-3)


def test_an_interrupt_loses_nothing(lasso):
    progress = Progress()

    def interrupted(rho):
        if progress.n_iter == 2:
            raise KeyboardInterrupt
        return lasso.step(rho)

    with pytest.raises(KeyboardInterrupt):
        alternate(interrupted, progress, rho=1.0, max_iter=10, tol=0.0)
    assert progress.n_iter == len(progress.objective) == 2


def test_prints_on_request(lasso, capsys):
    alternate(lasso.step, Progress(), rho=1.0, max_iter=4, tol=0.0, verbose=2, name="Lasso")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Lasso iteration    2",
        "Lasso iteration    4",
    ]
