import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn_ldl.deep import MixUp  # noqa: E402
from sklearn_ldl.deep.mixing.mixed import Mixed, mix_targets  # noqa: E402


def test_targets_of_any_float_shape_are_mixed():
    mixed = Mixed(torch.zeros(2, 1), torch.tensor([0.75, 0.25]), torch.tensor([[0, 1], [1, 0]]))
    assert mix_targets(torch.tensor([0.0, 4.0]), mixed).tolist() == [1.0, 3.0]
    D = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    before = D.clone()
    assert mix_targets(D, mixed).tolist() == [[0.625, 0.375], [0.875, 0.125]]
    assert torch.equal(D, before)


def test_distributions_stay_on_the_simplex_in_their_own_precision(rng):
    D = torch.from_numpy(rng.dirichlet(np.ones(30), 16))
    for _ in range(20):
        # Inputs in single precision do not spoil targets in double precision.
        mixed = MixUp()(torch.zeros((16, 2), dtype=torch.float32), rng)
        assert_allclose(mix_targets(D, mixed).sum(dim=1), 1, rtol=1e-12)
        assert_allclose(mix_targets(D.float(), mixed).sum(dim=1), 1, rtol=1e-6)


def test_class_codes_and_targets_of_another_batch_are_refused(rng):
    mixed = MixUp()(torch.zeros((4, 2)), rng)
    with pytest.raises(TypeError, match=r"floating-point torch tensor, got torch\.int64"):
        mix_targets(torch.arange(4), mixed)
    with pytest.raises(TypeError, match="floating-point torch tensor, got float64"):
        mix_targets(np.eye(4), mixed)
    with pytest.raises(ValueError, match="D has 5 rows, the mixed batch 4"):
        mix_targets(torch.eye(5), mixed)
