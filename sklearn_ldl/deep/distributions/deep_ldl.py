"""The deep learner of label distributions."""

from __future__ import annotations

from numbers import Real
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.decoding import check_grid, in_order_of_names, label_spacing
from sklearn_ldl.deep.distributions.base import DeepDistributionRegressor
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.priors import adjust_logits, label_prior
from sklearn_ldl.deep.losses.registry import get_loss, with_label_values
from sklearn_ldl.deep.mixing.augmentations import AUGMENTATIONS
from sklearn_ldl.deep.mixing.mixed import Augmentation
from sklearn_ldl.deep.mixing.objective import mixing_objective
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Objective


class DeepLDLRegressor(DeepDistributionRegressor, defaults=PRESETS["tabular"]):
    r"""Network that learns label distributions and predicts label distributions.

    The network returns logits :math:`z(x)` over the labels; training minimises the mean divergence
    between the given distributions :math:`d` and the softmax of the logits,

    .. math:: \min_\theta \frac{1}{n} \sum_i KL\big(d_i \,\|\, \mathrm{softmax}(z_\theta(x_i))\big)

    or another `loss`. With ``loss="mse"`` this is AA-BP.

    Parameters
    ----------
    logit_adjustment : float, default=0.0
        Strength :math:`\tau \ge 0` of logit adjustment, for labels that are distributed differently
        where the model is to be used. Training and validation compare targets with
        :math:`\mathrm{softmax}(z + \tau \ln \pi)`, where :math:`\pi` is the mean of the training
        distributions; predictions are the softmax of :math:`z`. With 1 they are those for equally
        frequent labels; 0 leaves the prior of training in them.
    augment : {"mixup", "cutmix", "ricap"} or callable, default=None
        How batches are mixed, and their targets and weights with them: a name, or
        :class:`~sklearn_ldl.deep.MixUp`, :class:`~sklearn_ldl.deep.CutMix` or
        :class:`~sklearn_ldl.deep.RICAP` with parameters of your own. Only mixup does without
        images. None leaves them as they are.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Values or points of the labels, for losses that have a parameter `label_values`, such as
        "kl_expectation" and "mean_variance": they get them in units of the median distance from a
        label to the next, so that weights of terms mean the same on any scale. None counts the
        labels in their order; :class:`~sklearn_ldl.LDLRegressor` fills in its own grid. Columns of
        a data frame that have the values as names are matched by name.
    <net parameters>

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
    prior_ : ndarray of shape (n_labels,)
        With `logit_adjustment`, the mean of the training distributions (weighted, and without the
        rows for early stopping), at least 1e-6: of a label without any mass in training, nothing
        says how frequent it would be.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and "valid_loss" with early stopping.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepLDLClassifier : The same with class labels out.
    OFRRegressor : Losses reshaped for imbalanced training sets.
    sklearn_ldl.LDLRegressor : Real values and points, for this and any other learner.

    Notes
    -----
    Wrapped, this is deep label distribution learning for other targets, and its baselines:

    * values, such as ages: ``LDLRegressor(DeepLDLRegressor(), GaussianLabelDistributor(sigma=2))``,
      with one standard deviation per sample by ``fit(X, y, distributor__sigma=s)``;
    * points, such as head poses: the same with a `grid` of points;
    * a net trained by cross entropy on the nearest label (C-Net): ``sigma=0`` and a `grid`; with
      smoothed labels: ``label_smoothing=0.1`` besides; with the alpha-divergence: ``loss="alpha"``;
    * label sets, some labels of which may be difficult:
      ``MultiLabelLDLClassifier(DeepLDLRegressor())``.

    The defaults are a recipe for tables, ``PRESETS["tabular"]``: an ensemble of small perceptrons
    that share their matrices (BatchEnsemble, TabM), standardise the features, start from the mean
    distribution and stop early. `module` replaces the ensemble and what standardises; what is said
    of training holds for it too, for which ``PRESETS["plain"]`` and the recipes for images have
    other settings. A module wants features of order one: put a ``StandardScaler`` in front.

    With batches drawn at random, weights of samples are equivalent to repetition in expectation
    only. Early stopping needs two rows; a single one is trained on to the end.

    Ctrl-C ends training early and keeps what was reached.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", ICLR 2025 (the ensemble).

    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (AA-BP).

    A. K. Menon, S. Jayasumana, A. S. Rawat, H. Jain, A. Veit, S. Kumar, "Long-tail learning via
    logit adjustment", ICLR 2021.

    Examples
    --------
    >>> from sklearn_ldl import DeepLDLRegressor
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(200, random_state=0)
    >>> model = DeepLDLRegressor(random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.9
    True
    >>> model.predict(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        "logit_adjustment": [Interval(Real, 0, None, closed="left")],
        "augment": [StrOptions(set(AUGMENTATIONS)), callable, None],
        "grid": ["array-like", None],
    }

    prior_: NDArray[np.float64]

    def __init__(
        self,
        module: Module | None = None,
        *,
        logit_adjustment: float = 0.0,
        augment: str | Augmentation | None = None,
        grid: ArrayLike | None = None,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.logit_adjustment = logit_adjustment
        self.augment = augment
        self.grid = grid

    def _take_grid(self, grid: NDArray[np.float64]) -> None:
        """Learn where the labels are from a wrapper, before the fit."""
        if self.grid is None:
            self.grid = grid

    def _no_stream(self) -> str | None:
        if self.logit_adjustment:
            return "logit_adjustment goes by the frequencies of the labels in all rows"
        return super()._no_stream()

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective | None]:
        row_loss = self._on_grid(get_loss(self.loss))
        forget(self, "prior_")
        if self.logit_adjustment:
            self.prior_ = label_prior(data.label_sums())
            row_loss = adjust_logits(row_loss, self.prior_, self.logit_adjustment)
        return row_loss, mixing_objective(row_loss, self.augment)

    def _on_grid(self, loss: Loss) -> Loss:
        """Tell a loss where the labels are."""
        if self.grid is None:
            return loss
        grid = check_grid(self.grid, n_labels=self.n_labels_)
        values = in_order_of_names(grid, getattr(self, "label_names_", None))
        return with_label_values(loss, values / np.median(label_spacing(grid)))

    def _first_output(self, data: TrainingData) -> NDArray[np.float64] | None:
        log_prior = super()._first_output(data)
        # What is compared with the targets has the rest of it.
        return None if log_prior is None else (1 - self.logit_adjustment) * log_prior
