"""What the regressors with aligned features and labels share."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from warnings import warn

from torch import Tensor

from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.deep.distributions.base import DeepDistributionRegressor
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.networks.alignment import AlignmentNet, Branch, gaussian_kl, gram_mismatch
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.data import TrainingData

# Most rows of a batch whose similarities go without saying; a matrix of them has 256 MB.
_LARGEST = 2**13


class AlignedRegressor(
    DeepDistributionRegressor,
    omit=(
        "module",
        "hidden_layer_sizes",
        "dropout",
        "n_members",
        "standardize",
        "predict_mc_samples",
        "loss",
        "amp",
        "compile",
    ),
    defaults=PRESETS["imbalanced"],
):
    """Base of the regressors that train an :class:`AlignmentNet`.

    Subclasses have the parameters `align_weight`, `similarity_weight`, `reconstruction_weight` and
    `hidden_dim`, and name their label encoders, one of which is "whole".
    """

    _parameter_constraints: dict = {
        "align_weight": [Interval(Real, 0, None, closed="left")],
        "similarity_weight": [Interval(Real, 0, None, closed="left")],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
    }
    _encoders: tuple[str, ...] = ("whole",)

    # Objectives use parts of the module, which passes in other precision or compiled ones are not.
    amp = compile = False

    @property
    def module(self) -> partial:
        """What builds the network."""
        return partial(AlignmentNet, hidden_dim=self.hidden_dim, encoders=self._encoders)

    def _warn_of_size(self, data: TrainingData) -> None:
        """Warn of batches whose similarities need much memory."""
        n_rows = len(data.rows[0])
        size = n_rows if self.batch_size == "all" else min(self.batch_size, n_rows)
        if self.similarity_weight and size > _LARGEST:
            warn(
                f"batch_size={self.batch_size!r}: similarities of {size} rows are matrices of "
                f"{4e-9 * size**2:.1f} GB each. Set a smaller batch_size, or similarity_weight=0.",
                stacklevel=8,
            )

    def _alignment(
        self, net: AlignmentNet, H: Tensor, D: Tensor, branches: dict[str, Branch], *, detach: bool
    ) -> dict[str, Tensor]:
        """Weighted losses of the rows, but those whose weight is zero.

        Parameters
        ----------
        net : AlignmentNet
            The network.
        H : Tensor of shape (n_samples, hidden_dim)
            Encoded features.
        D : Tensor of shape (n_samples, n_labels)
            Label distributions.
        branches : dict of Branch
            What to align the features with, by the name of the loss.
        detach : bool
            Whether the divergences from the branches leave the label encoders alone.

        Returns
        -------
        terms : dict of Tensors of shape (n_samples,)
            One for each branch, "similarity" and "reconstruction".
        """
        terms = {}
        if self.align_weight or self.similarity_weight:
            features = net.feature_gaussian(H)
        if self.align_weight:
            for name, branch in branches.items():
                labels = net.label_gaussian[branch.encoder](branch.labels)
                divergence = gaussian_kl(features, labels.detach() if detach else labels)
                terms[name] = self.align_weight * branch.share * divergence
        if self.similarity_weight or self.reconstruction_weight:
            R = net.label_gaussian["whole"](D).sample()
            if self.similarity_weight:
                mismatch = gram_mismatch(features.sample(), R)
                terms["similarity"] = self.similarity_weight * mismatch
            if self.reconstruction_weight:
                terms["reconstruction"] = self.reconstruction_weight * kl_divergence(net.head(R), D)
        return terms
