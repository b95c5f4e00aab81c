"""RDA: a re-balanced loss, and features aligned with labels."""

from __future__ import annotations

from typing import Literal, Unpack, cast

from torch import Tensor

from sklearn_ldl._core.sklearn_compat import StrOptions
from sklearn_ldl.deep.distributions.aligned import AlignedRegressor
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.losses.priors import label_frequency
from sklearn_ldl.deep.losses.rebalanced import whole_loss
from sklearn_ldl.deep.networks.alignment import AlignmentNet, Branch
from sklearn_ldl.deep.parameters import DistributionOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Forward, Objective


class RDARegressor(AlignedRegressor):
    r"""Representation distribution alignment (RDA) for imbalanced label distribution learning.

    Training minimises the mean over the rows of

    .. math::

        L_{base} + \lambda_1 L_{reconstruction} + \lambda_2 KL(N_x \| N_d)
        + \lambda_3 L_{similarity}.

    :math:`N_x` and :math:`N_d` are normal distributions in a latent space, to which the hidden
    layer and the label distribution are mapped. Their divergence trains the features alone.
    Similarity is the mean squared difference of the cosine similarities between the rows of a
    batch, once among samples of :math:`N_x` and once among samples of :math:`N_d`. Reconstruction
    is the divergence of the labels from what the output layer makes of a sample of :math:`N_d`.
    Predictions need the perceptron alone, with one hidden layer.

    Parameters
    ----------
    reconstruction_weight : float, default=0.1
        Weight :math:`\lambda_1` of the reconstruction.
    align_weight : float, default=0.1
        Weight :math:`\lambda_2` of the divergence between features and labels.
    similarity_weight : float, default=0.1
        Weight :math:`\lambda_3` of the similarities. What has a weight of zero is not computed.
    base_loss : {"db", "fl", "cb", "kl"} or callable, default="db"
        The loss of predictions: one of those of :class:`OFRRegressor` (distribution-balanced,
        focal, class-balanced), the Kullback-Leibler divergence, or a callable
        ``(logits, distributions) -> (n_samples,)`` on tensors.
    hidden_dim : int, default=100
        Width of the hidden layer and dimension of the latent space. The divergence between
        features and labels is a sum over the latent dimensions: twice the dimensions, about twice
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
        "train_loss" and the weighted terms that add up to it: "train_base", "train_align",
        "train_similarity" and "train_reconstruction". With early stopping "valid_loss", the
        Kullback-Leibler divergence of the rows set aside.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    OFRRegressor : The losses without the alignment.
    DILDLRegressor : The alignment with dominant and other labels apart.

    Notes
    -----
    Re-balanced losses make rare labels count more, and predictions flatter, because the labels are
    expected to be distributed differently where the model is to be used. They are biased on
    purpose: where training and test are alike, the result can be worse than to predict the mean.
    Compare with both constants, the uniform distribution and the mean. They can also be negative,
    so that their training curve does not say how far there is to go. The rows for early stopping
    are distributed as in training: their divergence favours the first epochs.

    Networks want features of order one: put a ``StandardScaler`` in front.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl import RDARegressor
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(200, random_state=0)
    >>> model = RDARegressor(base_loss="kl", max_epochs=50, random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.8
    True
    >>> model.predict(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {
        "base_loss": [StrOptions({"db", "fl", "cb", "kl"}), callable],
    }

    def __init__(
        self,
        *,
        reconstruction_weight: float = 0.1,
        align_weight: float = 0.1,
        similarity_weight: float = 0.1,
        base_loss: Literal["db", "fl", "cb", "kl"] | Loss = "db",
        hidden_dim: int = 100,
        **net: Unpack[DistributionOptions],
    ):
        super().__init__(**net)
        self.reconstruction_weight = reconstruction_weight
        self.align_weight = align_weight
        self.similarity_weight = similarity_weight
        self.base_loss = base_loss
        self.hidden_dim = hidden_dim

    def _no_stream(self) -> str:
        return "its loss goes by the frequencies of the labels in all rows"

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        sums = data.label_sums()
        self.label_frequency_ = label_frequency(sums)
        self._warn_of_size(data)
        base_loss = whole_loss(self.base_loss, self.label_frequency_, sums.sum())

        def objective(forward: Forward, batch: Batch) -> dict[str, Tensor]:
            net, D = cast(AlignmentNet, forward.module), batch.target
            H = net.encode(batch.X)
            return {
                "base": base_loss(net.decode(H), D),
                **self._alignment(net, H, D, {"align": Branch("whole", D)}, detach=True),
            }

        return kl_divergence, objective
