"""DILDL: decoupled divergences, and features aligned with dominant and other labels."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, Unpack, cast

import torch
from torch import Tensor

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.distributions.aligned import AlignedRegressor
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.decoupled import (
    DOMINANT_TARGETS,
    NONDOMINANT_TARGETS,
    decouple,
    decoupled_terms,
)
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.losses.priors import label_frequency
from sklearn_ldl.deep.losses.rebalanced import DistributionBalance, whole_loss
from sklearn_ldl.deep.networks.alignment import AlignmentNet, Branch
from sklearn_ldl.deep.parameters import DistributionOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Forward, Objective


class DILDLRegressor(AlignedRegressor):
    r"""Decoupled imbalanced label distribution learning (DILDL).

    Every label distribution is split into its dominant label, with degree :math:`q`, and the
    distribution :math:`t` of the others. Both are learned with fixed weights, where the plain
    Kullback-Leibler divergence damps the second by the mass :math:`1 - q` that is left to it; and
    the features are drawn to both. Training minimises the mean over the rows of

    .. math::

        \alpha L_{dominant} + (1 - \alpha) L_{other}
        + \lambda \big( \alpha\, KL(N_x \| N_q) + (1 - \alpha)\, KL(N_x \| N_t) \big)
        + \beta L_{similarity} + \gamma L_{reconstruction}.

    The first two terms are the loss "decoupled_kl" of :class:`DeepLDLRegressor`. :math:`N_x`,
    :math:`N_q`, :math:`N_t` are normal distributions in a latent space, to which the hidden layer,
    the dominant label and the others are mapped; a fourth one, :math:`N_d`, comes from the whole
    distribution. Similarity is the mean squared difference of the cosine similarities between the
    rows of a batch, once among samples of :math:`N_x` and once among samples of :math:`N_d`.
    Reconstruction is the divergence of the labels from what the output layer makes of the latter.
    Predictions need the perceptron alone, with one hidden layer.

    Parameters
    ----------
    alpha : float, default=0.6
        Weight of the dominant label against the others, between 0 and 1 (exclusive). The others
        count more than in the plain divergence where :math:`q > 2 - 1 / \alpha`, one third by
        default. With two labels there is one other, and `alpha` is a mere factor. The name is that
        of the paper; elsewhere `alpha` is the strength of an L2 penalty.
    align_weight : float, default=0.1
        Weight :math:`\lambda` of the divergences between features and labels.
    similarity_weight : float, default=0.1
        Weight :math:`\beta` of the similarities.
    reconstruction_weight : float, default=0.1
        Weight :math:`\gamma` of the reconstruction. What has a weight of zero is not computed; if
        all three are zero, this is a perceptron with the loss "decoupled_kl".
    nondominant_target : {"renormalize", "softmax"}, default="renormalize"
        The target :math:`t`: the degrees of the others divided by their sum, or their softmax; see
        Notes.
    dominant_target : {"degree", "onehot"}, default="degree"
        The target of the dominant label: its degree or 1; see Notes.
    rebalance : {"db"}, default=None
        Whether to reweight the targets and to shift the logits in training by the frequencies of
        the labels, as the distribution-balanced loss does; see Notes.
    base_loss : {"decoupled", "kl", "db", "fl", "cb"} or callable, default="decoupled"
        The loss of predictions. "decoupled" are the first two terms above; the others are those of
        :class:`RDARegressor`, and leave the decoupling to the alignment: an ablation. They ignore
        the targets of the dominant label and of the others, and "db", "fl" and "cb" are re-balanced
        already, so that `rebalance` must be None.
    align_gradient : {"both", "features"}, default="both"
        Whether the divergences between features and labels train the encoders of both, or those of
        the features alone. Then the encoders of the dominant label and of the others stay random
        maps.
    hidden_dim : int, default=100
        Width of the hidden layer and dimension of the latent space. The divergences between
        features and labels are sums over the latent dimensions: twice the dimensions, about twice
        the weight.
    <net parameters>

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
    label_frequency_ : ndarray of shape (n_labels,)
        Sum of the degrees over the training rows (those for early stopping are not among them),
        at least 1. With weights of samples it is a weighted sum, of weights with a mean of one.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss" and the weighted terms that add up to it: "train_dominant",
        "train_nondominant" (with another `base_loss`, "train_base" instead of these two),
        "train_align_dominant", "train_align_nondominant", "train_similarity" and
        "train_reconstruction". With early stopping "valid_loss", the Kullback-Leibler
        divergence of the rows set aside.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    RDARegressor : The alignment with undivided distributions.
    DeepLDLRegressor : With ``loss="decoupled_kl"``, the first two terms for any network.

    Notes
    -----
    The printed equations do not fit together, and the defaults here are a reading under which they
    do. The dominant label is printed with a target of 1, but the gradients that are derived, and
    the conclusions from them, are those of its degree: with 1 in its place one of their factors
    means nothing. The target of the others is printed as the softmax of their degrees, while the
    derivation divides them by their sum; as degrees lie between 0 and 1, their softmax is close to
    uniform whatever they are. Only the degree and the division have their optimum where the
    prediction is the target. ``DILDLRegressor(**PRESETS["dildl_literal"])`` takes both targets as
    printed.

    Nothing in these equations corrects a shift of the labels between training and test. If the
    labels are known to be distributed differently where the model is to be used,
    ``DILDLRegressor(**PRESETS["dildl_rebalanced"])`` makes rare labels count more, and predictions
    flatter. It is meant to be biased: where training and test are alike, it can be worse than to
    predict the mean. Compare with both constants, the uniform distribution and the mean. The rows
    for early stopping are distributed as in training: their divergence favours the first epochs,
    when re-balanced predictions have not left the uniform distribution far behind.

    Networks want features of order one: put a ``StandardScaler`` in front.

    References
    ----------
    Y. Gao, X. Sun, M. Ling, C. Tan, Y. Zhai, G. Lv, "Decoupled imbalanced label distribution
    learning", IJCAI 2025.

    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    B. Zhao, Q. Cui, R. Song, Y. Qiu, J. Liang, "Decoupled knowledge distillation", CVPR 2022.

    Examples
    --------
    >>> from sklearn_ldl import DILDLRegressor
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(200, random_state=0)
    >>> model = DILDLRegressor(max_epochs=50, random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.8
    True
    >>> model.predict(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "nondominant_target": [StrOptions(set(NONDOMINANT_TARGETS))],
        "dominant_target": [StrOptions(set(DOMINANT_TARGETS))],
        "rebalance": [StrOptions({"db"}), None],
        "base_loss": [StrOptions({"decoupled", "kl", "db", "fl", "cb"}), callable],
        "align_gradient": [StrOptions({"both", "features"})],
    }
    _encoders = ("whole", "dominant", "nondominant")

    def __init__(
        self,
        alpha: float = 0.6,
        *,
        align_weight: float = 0.1,
        similarity_weight: float = 0.1,
        reconstruction_weight: float = 0.1,
        nondominant_target: Literal["renormalize", "softmax"] = "renormalize",
        dominant_target: Literal["degree", "onehot"] = "degree",
        rebalance: Literal["db"] | None = None,
        base_loss: Literal["decoupled", "kl", "db", "fl", "cb"] | Loss = "decoupled",
        align_gradient: Literal["both", "features"] = "both",
        hidden_dim: int = 100,
        **net: Unpack[DistributionOptions],
    ):
        super().__init__(**net)
        self.alpha = alpha
        self.align_weight = align_weight
        self.similarity_weight = similarity_weight
        self.reconstruction_weight = reconstruction_weight
        self.nondominant_target = nondominant_target
        self.dominant_target = dominant_target
        self.rebalance = rebalance
        self.base_loss = base_loss
        self.align_gradient = align_gradient
        self.hidden_dim = hidden_dim

    def _no_stream(self) -> str:
        return "its loss goes by the frequencies of the labels in all rows"

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        if self.rebalance is not None and self.base_loss in ("db", "fl", "cb"):
            raise ValueError(
                f"base_loss={self.base_loss!r} is re-balanced already: set rebalance=None."
            )
        sums = data.label_sums()
        self.label_frequency_ = label_frequency(sums)
        self._warn_of_size(data)
        base_loss = None
        if self.base_loss != "decoupled":
            base_loss = whole_loss(self.base_loss, self.label_frequency_, sums.sum())
        balance = None
        if self.rebalance is not None:
            balance = DistributionBalance(self.label_frequency_, sums.sum())
        alpha = self.alpha
        kinds: dict[str, Any] = {
            "nondominant_target": self.nondominant_target,
            "dominant_target": self.dominant_target,
        }

        def objective(forward: Forward, batch: Batch) -> dict[str, Tensor]:
            net, D = cast(AlignmentNet, forward.module), batch.target
            H = net.encode(batch.X)
            Z, target, parts = net.decode(H), D, decouple(D, **kinds)
            if balance is not None:
                Z, target = balance.logits(Z, D), balance.targets(D)
            if base_loss is None:
                learned = decouple(target, parts.dominant, **kinds)
                dominant, nondominant = decoupled_terms(Z, learned)
                terms = {"dominant": alpha * dominant, "nondominant": (1 - alpha) * nondominant}
            else:
                terms = {"base": base_loss(Z, target)}
            degree = torch.zeros_like(D).scatter(1, parts.dominant, parts.degree[:, None])
            branches = {
                "align_dominant": Branch("dominant", degree, alpha),
                "align_nondominant": Branch("nondominant", parts.nondominant, 1 - alpha),
            }
            return {
                **terms,
                **self._alignment(net, H, D, branches, detach=self.align_gradient == "features"),
            }

        return kl_divergence, objective
