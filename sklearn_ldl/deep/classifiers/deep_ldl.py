"""The deep classifier of label distributions."""

from __future__ import annotations

from typing import Unpack

from sklearn.base import BaseEstimator

from sklearn_ldl._core.sklearn_compat import StrOptions
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.mixing.augmentations import AUGMENTATIONS
from sklearn_ldl.deep.mixing.mixed import Augmentation
from sklearn_ldl.deep.mixing.objective import mixing_objective
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.net import Objective


class DeepLDLClassifier(DeepClassifier, defaults=PRESETS["tabular"]):
    r"""Network that learns label distributions and predicts classes.

    The network returns logits :math:`z(x)` over the classes; training minimises the mean
    divergence between the given distributions :math:`d` and the softmax of the logits,

    .. math:: \min_\theta \frac{1}{n} \sum_i KL\big(d_i \,\|\, \mathrm{softmax}(z_\theta(x_i))\big)

    or another `loss`. With class labels and no smoothing this is an ordinary classifier trained by
    cross entropy.

    Parameters
    ----------
    distributor : transformer of targets, default=None
        Turns labels into distributions over `classes_`; None means one-hot rows. See
        :class:`~sklearn_ldl.LabelSmoother`. Distributions given as `y` need none.
    augment : {"mixup", "cutmix", "ricap"} or callable, default=None
        How batches are mixed, and their targets and weights with them: a name, or
        :class:`~sklearn_ldl.deep.MixUp`, :class:`~sklearn_ldl.deep.CutMix` or
        :class:`~sklearn_ldl.deep.RICAP` with parameters of your own. Only mixup does without
        images. None leaves them as they are.
    <net parameters>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    distributor_ : transformer
        The fitted distributor, after a fit to labels.
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
    DeepLDLRegressor : The same with distributions in and out.
    sklearn_ldl.LDLClassifier : Class labels for any estimator of distributions.

    Notes
    -----
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

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import DeepLDLClassifier, LabelSmoother
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DeepLDLClassifier(distributor=LabelSmoother(0.1), random_state=0).fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "distributor": [BaseEstimator, None],
        "augment": [StrOptions(set(AUGMENTATIONS)), callable, None],
    }

    def __init__(
        self,
        module: Module | None = None,
        *,
        distributor: BaseEstimator | None = None,
        augment: str | Augmentation | None = None,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.distributor = distributor
        self.augment = augment

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective | None]:
        row_loss = get_loss(self.loss)
        return row_loss, mixing_objective(row_loss, self.augment)
