"""The display of raters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from sklearn_ldl import RaterModel

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from sklearn_ldl.plotting import RaterDisplay  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


def test_raters_are_points_and_the_flagged_have_names(rng):
    items, raters = (index.ravel() for index in np.indices((60, 6)))
    labels = np.where(raters == 5, "a", rng.choice(["a", "b"], size=60)[items])
    model = RaterModel().fit(items, np.char.add("rater ", raters.astype(str)), labels)
    display = RaterDisplay.from_model(model)
    assert_allclose(
        display.points_.get_offsets(), np.c_[model.expected_agreement_, model.agreement_]
    )
    assert [text.get_text() for text in display.texts_] == ["rater 5"]
    again = display.plot(ax=display.ax_, alpha=0.2)
    assert again.points_.get_alpha() == 0.2


def test_not_fitted():
    with pytest.raises(NotFittedError):
        RaterDisplay.from_model(RaterModel())
