"""OFR: a perceptron with a loss that is reshaped for imbalanced training sets."""

from __future__ import annotations

from numbers import Real
from typing import Literal, Unpack

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.distributions.base import DeepDistributionRegressor
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.losses.priors import label_frequency
from sklearn_ldl.deep.losses.rebalanced import reshaped_kl
from sklearn_ldl.deep.parameters import Module, ReshapingOptions
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Objective, plain_objective


class OFRRegressor(DeepDistributionRegressor, omit=("loss",), defaults=PRESETS["imbalanced"]):
    r"""Objective function reshaping (OFR) for imbalanced label distribution learning.

    A network with logits :math:`z(x)` is trained on the elements of the Kullback-Leibler
    divergence, with weights :math:`w` and a factor that damps large predictions,

    .. math::

        \frac{1}{nC} \sum_{i,j} w_{ij} (1 - p_{ij})^\gamma \, d_{ij} \ln \frac{d_{ij}}{p_{ij}},
        \qquad p_i = \mathrm{softmax}(z'_i).

    In terms of the frequencies :math:`f_j = \max(1, \sum_i d_{ij})` of the labels in training:

    * ``"fl"`` (focal loss): :math:`w = 1` and :math:`z' = z`;
    * ``"cb"`` (class-balanced): :math:`z' = z`, and :math:`w_{ij} = \sum_l d_{il} v_l` or
      :math:`v_j` with :math:`v_j = (1 - \beta) / (1 - \beta^{f_j})`;
    * ``"db"`` (distribution-balanced), with
      :math:`r_{ij} = f_j^{-1} / \sum_l d_{il} f_l^{-1}` and :math:`\sigma` the logistic function,

      .. math::

          w_{ij} = \Big( \alpha_{db} + \sigma\big(\beta_{db} (r_{ij} - \gamma_{db})\big) \Big)
                   \Big( \frac{1 - d_{ij}}{\kappa} + d_{ij} \Big), \qquad
          z'_{ij} = \Big( z_{ij} - b \ln \big( \tfrac{n}{f_j} - 1 \big) \Big)
                    \big( \kappa (1 - d_{ij}) + d_{ij} \big).

    Predictions are the softmax of :math:`z` itself.

    Parameters
    ----------
    reshape : {"db", "cb", "fl"}, default="db"
        Which loss is minimised.
    gamma : float, default=2.0
        Exponent :math:`\gamma` of the factor, at least 0; with 0, "fl" is the Kullback-Leibler
        divergence over the number of labels.
    cb_beta : float, default=0.9
        :math:`\beta` of "cb", in [0, 1): the larger, the rarer labels have to be to be called
        rare. At 0.9 these are the labels with a frequency far below 40.
    cb_mode : {"average_w", "by_class"}, default="average_w"
        Whether "cb" has one weight per row or one per label.
    db_alpha : float, default=0.1
        Smallest weight :math:`\alpha_{db}` of "db", at least 0.
    db_beta, db_gamma : float, default=10.0, 0.9
        Steepness :math:`\beta_{db}` (at least 0) and position :math:`\gamma_{db}` of the step
        between small and large weights of "db".
    neg_scale : float, default=2.0
        Factor :math:`\kappa` of the logits of labels with a degree of zero, for "db"; positive.
    init_bias : float, default=0.05
        Scale :math:`b` of the shift of the logits by the frequencies, for "db"; at least 0.
    <net parameters>

    Attributes
    ----------
    label_frequency_ : ndarray of shape (n_labels,)
        Sum of the degrees over the training rows (those for early stopping are not among them),
        at least 1. With weights of samples it is a weighted sum, of weights with a mean of one.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and with early stopping "valid_loss", the Kullback-Leibler divergence of the
        rows set aside: the two do not compare.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepLDLRegressor : Losses that have their optimum at the target.
    RDARegressor : The same losses, and features aligned with labels.
    sklearn_ldl.datasets.ImbalancedKFold : The experiments that these losses were made for.

    Notes
    -----
    Elements with :math:`p > d` are negative. Unlike the divergence, a weighted sum of elements can
    be negative, and its minimum is not at :math:`p = d`: that of "db" is a flatter distribution
    with more of the rare labels. So the value of the training loss says little, and predictions are
    biased by purpose. Where training and test are alike, they can be worse than the mean of the
    training distributions; where they are not, compare with the uniform distribution, too. The rows
    for early stopping are distributed as in training, and favour the first epochs.

    The published experiments scale features to [0, 1], as a ``MinMaxScaler`` does. Standardised
    features of about a hundred rows are overfitted if there is no early stopping.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced Label Distribution Learning", AAAI 2023.

    T. Wu, Q. Huang, Z. Liu, Y. Wang, D. Lin, "Distribution-balanced loss for multi-label
    classification in long-tailed datasets", ECCV 2020.

    Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, "Class-balanced loss based on effective number
    of samples", CVPR 2019.

    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal loss for dense object detection",
    ICCV 2017.

    Examples
    --------
    >>> from sklearn_ldl import OFRRegressor
    >>> from sklearn_ldl.datasets import make_imbalanced_ldl, make_ldl
    >>> X, D = make_imbalanced_ldl(
    ...     *make_ldl(random_state=0), head=2, tail=0, head_max=0.9, tail_min=1
    ... )
    >>> model = OFRRegressor(max_epochs=50, random_state=0).fit(X, D)
    >>> model.label_frequency_.round(1)
    array([90.8, 59.6, 47.6])
    >>> model.predict(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        "reshape": [StrOptions({"db", "cb", "fl"})],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "cb_beta": [Interval(Real, 0, 1, closed="left")],
        "cb_mode": [StrOptions({"average_w", "by_class"})],
        "db_alpha": [Interval(Real, 0, None, closed="left")],
        "db_beta": [Interval(Real, 0, None, closed="left")],
        "db_gamma": [Interval(Real, None, None, closed="neither")],
        "neg_scale": [Interval(Real, 0, None, closed="neither")],
        "init_bias": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        reshape: Literal["db", "cb", "fl"] = "db",
        *,
        gamma: float = 2.0,
        cb_beta: float = 0.9,
        cb_mode: Literal["average_w", "by_class"] = "average_w",
        db_alpha: float = 0.1,
        db_beta: float = 10.0,
        db_gamma: float = 0.9,
        neg_scale: float = 2.0,
        init_bias: float = 0.05,
        module: Module | None = None,
        **net: Unpack[ReshapingOptions],
    ):
        super().__init__(module, **net)
        self.reshape = reshape
        self.gamma = gamma
        self.cb_beta = cb_beta
        self.cb_mode = cb_mode
        self.db_alpha = db_alpha
        self.db_beta = db_beta
        self.db_gamma = db_gamma
        self.neg_scale = neg_scale
        self.init_bias = init_bias

    def _no_stream(self) -> str:
        return "its loss goes by the frequencies of the labels in all rows"

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        sums = data.label_sums()
        self.label_frequency_ = label_frequency(sums)
        training_loss = reshaped_kl(
            self.reshape,
            self.label_frequency_,
            sums.sum(),
            gamma=self.gamma,
            cb_beta=self.cb_beta,
            cb_mode=self.cb_mode,
            floor=self.db_alpha,
            slope=self.db_beta,
            centre=self.db_gamma,
            init_bias=self.init_bias,
            neg_scale=self.neg_scale,
        )
        return kl_divergence, plain_objective(training_loss)
