"""CPNN: one network of the features and a label, asked once for every label."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any, Literal, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import minmax_scale
from sklearn.utils import check_array
from torch import Tensor

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.distributions.base import DeepDistributionRegressor
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.networks.conditional import ConditionalNet
from sklearn_ldl.deep.parameters import CPNNOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Forward, Objective
from sklearn_ldl.deep.training.optimization import OPTIMIZERS

# What keeps its meaning under an optimiser that goes by the signs of full gradients.
_RPROP = {"batch_size": "all", "lr_schedule": None, "clip_norm": None}
_DEFAULTS = {
    "optimizer": "rprop",
    "batch_size": "all",
    "max_epochs": 400,
    "param_groups": (("features.weight", {"weight_decay": 3e-3}),),
    "early_stopping": True,
    "n_iter_no_change": 40,
}


def augmented_target(D: Tensor, n_augment: int) -> Tensor:
    r"""Mean of copies of distributions, in each of which the dominant label has more.

    Copy :math:`r` multiplies the largest degree :math:`q` by :math:`1 + 1 / r` and is divided by
    its sum :math:`1 + q / r`. So the mean is

    .. math:: s \, d + (1 - s) \, e_k, \qquad s = \frac1v \sum_{r=1}^v \frac{r}{r + q}

    with the one-hot distribution :math:`e_k` of the dominant label.

    Parameters
    ----------
    D : Tensor of shape (n_samples, n_labels)
        Label distributions. The first of the largest degrees is the dominant one.
    n_augment : int
        Number of copies :math:`v`.

    Returns
    -------
    target : Tensor of shape (n_samples, n_labels)
        Rows on the simplex.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.distributions.cpnn import augmented_target
    >>> augmented_target(torch.tensor([[0.5, 0.3, 0.2]]), n_augment=1)
    tensor([[0.6667, 0.2000, 0.1333]])
    """
    dominant = D.argmax(1, keepdim=True)
    r = torch.arange(1, n_augment + 1, dtype=D.dtype, device=D.device)
    share = (r / (r + D.gather(1, dominant))).mean(1, keepdim=True)
    return (share * D).scatter_add(1, dominant, 1 - share)


class CPNN(
    DeepDistributionRegressor,
    omit=(
        "module",
        "hidden_layer_sizes",
        "dropout",
        "n_members",
        "standardize",
        "predict_mc_samples",
        "loss",
    ),
    defaults=_DEFAULTS,
):
    r"""Conditional probability neural network (CPNN), and its variants BCPNN and ACPNN.

    One perceptron :math:`f` takes the features :math:`x` *and* a label, and returns a number. The
    numbers for all labels are the logits of the distribution,

    .. math::

        f(x, j) = \sum_h a_h \, \sigma\big( (W x)_h + u_{jh} + b_h \big), \qquad
        p_j(x) = \frac{e^{f(x, j)}}{\sum_m e^{f(x, m)}},

    with the logistic function :math:`\sigma`; training minimises the mean Kullback-Leibler
    divergence between the given distributions :math:`d` and :math:`p`. All labels share the weights
    :math:`a, W, b`. What tells them apart is :math:`u_j`:

    * ``CPNN()``: :math:`u_j = y_j w`. A label is the number :math:`y_j`, and what is learned for
      one is learned for its neighbours;
    * ``CPNN("onehot")``, the binary CPNN (BCPNN): a vector :math:`u_j` for each label;
    * ``CPNN("onehot", n_augment=5)``, the augmented CPNN (ACPNN): the same, trained on copies of
      the rows whose dominant labels have more.

    Parameters
    ----------
    label_encoding : {"ordinal", "onehot"}, default="ordinal"
        How the network is told the label. "ordinal" supposes labels in the order of the columns,
        such as ages or ratings, at equal distances unless `label_values` says otherwise. For labels
        without an order, such as emotions, it is wrong: take "onehot".
    n_augment : int, default=0
        Number of copies :math:`v` that replace a row. The :math:`r`-th one has the largest degree
        (the first of equal ones) multiplied by :math:`1 + 1 / r`, and is divided by its sum.
        Published code takes 5, and leaves out the division. 0 takes the row as it is; see Notes.
    label_values : array-like of shape (n_labels,), default=None
        Distinct positions of ordinal labels, in any order and unit, such as ages in years; the
        network is given them scaled to [-1, 1]. None means equal distances.
    hidden_dim : int, default=64
        Width of the hidden layer.
    <net parameters>

    Attributes
    ----------
    label_values_ : ndarray of shape (n_labels,)
        With ordinal labels, their values :math:`y_j` between -1 and 1.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and with early stopping "valid_loss". With `n_augment` the former is the
        divergence from the mean copy; the latter takes the rows as they are.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepLDLRegressor : Perceptrons with one output per label.
    sklearn_ldl.BFGSLDL : The linear model.

    Notes
    -----
    Rprop adapts one step per weight by the signs of successive gradients, for which these have to
    be those of all rows: with ``optimizer="rprop"`` another `batch_size` than "all" is refused, as
    are `clip_norm` and `lr_schedule`, which it would not heed. `lr` is the first step. For batches,
    take ``optimizer="adam"``. Where rows times labels make more than a few million hidden units,
    these are computed twice instead of being kept for the gradient.

    Published code trains for 400 epochs without regularisation, as
    ``CPNN(early_stopping=False, param_groups=())`` does. That overfits: where real data have
    hundreds of features, predictions are often worse than the mean of the training distributions.
    Hence early stopping, with patience, since the first steps, equal for all weights, often raise
    the loss; and decay of the weights :math:`W` of the features. The other weights have that of
    `weight_decay`, none by default: where all weights of a product are zero, no gradient says how
    to leave. The logistic units want features of order one: put a ``StandardScaler`` in front.

    No copies of rows are made. Their features, and so their predictions, are the same, and the
    divergence is linear in the target but for a term without weights: the mean divergence over the
    copies and the divergence from the mean copy :math:`s d + (1 - s) e_k` have the same gradient,
    with :math:`s = \frac1v \sum_{r=1}^v r / (r + q)`, the largest degree :math:`q`, and its label
    :math:`k`. This shows what augmentation does: every target moves towards one-hot, and the
    minimum is not at :math:`p = d`.

    References
    ----------
    X. Geng, C. Yin, Z.-H. Zhou, "Facial age estimation by learning from label distributions", IEEE
    Transactions on Pattern Analysis and Machine Intelligence, 2013 (CPNN).

    J. Yang, M. Sun, X. Sun, "Learning visual sentiment distributions via augmented conditional
    probability neural network", AAAI 2017 (BCPNN, ACPNN).

    M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm", IEEE International Conference on Neural Networks, 1993.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl import CPNN
    >>> X, D = make_ldl(200, random_state=0)
    >>> model = CPNN("onehot", random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.9
    True

    Ages, as distributions over a grid that is finer for the young:

    >>> from sklearn_ldl import gaussian_label_distribution
    >>> ages = [0, 1, 2, 4, 8, 16, 32, 64]
    >>> D = gaussian_label_distribution(20 + 10 * X[:, 0], ages, 5.0)
    >>> CPNN(label_values=ages, random_state=0).fit(X, D).label_values_.round(2)
    array([-1.  , -0.97, -0.94, -0.88, -0.75, -0.5 ,  0.  ,  1.  ])
    """

    _parameter_constraints: dict = {
        "label_encoding": [StrOptions({"ordinal", "onehot"})],
        "n_augment": [Interval(Integral, 0, None, closed="left")],
        "label_values": ["array-like", None],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        label_encoding: Literal["ordinal", "onehot"] = "ordinal",
        *,
        n_augment: int = 0,
        label_values: ArrayLike | None = None,
        hidden_dim: int = 64,
        **net: Unpack[CPNNOptions],
    ):
        super().__init__(**net)
        self.label_encoding = label_encoding
        self.n_augment = n_augment
        self.label_values = label_values
        self.hidden_dim = hidden_dim

    @property
    def module(self) -> partial:
        """What builds the network."""
        values = getattr(self, "label_values_", None)
        return partial(ConditionalNet, hidden_dim=self.hidden_dim, label_values=values)

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective | None]:
        self._check_optimizer()
        values = self._scaled_values()
        before: Any = getattr(self, "label_values_", None)
        now: Any = values
        if self._goes_on() and not np.array_equal(before, now):
            raise ValueError(
                f"{self._way_on()} goes on with the same labels only: label_values_ {before} "
                f"became {values}."
            )
        if values is None:
            forget(self, "label_values_")
        else:
            self.label_values_ = values
        if not self.n_augment:
            return kl_divergence, None

        def objective(forward: Forward, batch: Batch) -> Tensor:
            return kl_divergence(forward(batch.X), augmented_target(batch.target, self.n_augment))

        return kl_divergence, objective

    def _check_optimizer(self) -> None:
        optimizer = OPTIMIZERS.get(self.optimizer, self.optimizer)
        if not (isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Rprop)):
            return
        for name, wanted in _RPROP.items():
            value = getattr(self, name)
            if value != wanted:
                raise ValueError(
                    f"Rprop goes by the signs of the gradients of all rows: it wants {name}="
                    f'{wanted!r}, got {value!r}. Choose another optimizer, such as "adam".'
                )

    def _scaled_values(self) -> NDArray[np.float64] | None:
        """Positions of the labels in [-1, 1]; None where they have none."""
        n_labels = self.n_labels_
        if self.label_encoding == "onehot":
            if self.label_values is not None:
                raise ValueError(
                    'label_values are positions of ordinal labels: label_encoding="onehot" has no '
                    "use for them."
                )
            return None
        if self.label_values is None:
            return np.linspace(-1, 1, n_labels)
        values = check_array(
            self.label_values, dtype=np.float64, ensure_2d=False, input_name="label_values"
        )
        if values.shape != (n_labels,):
            raise ValueError(
                f"label_values has shape {values.shape}; expected one value for each of the "
                f"{n_labels} labels."
            )
        values = minmax_scale(values, (-1, 1))
        if len(np.unique(values.astype(np.float32))) < n_labels:
            raise ValueError(
                "label_values must be distinct, in float32: the network cannot tell labels with "
                "the same value apart."
            )
        return values
