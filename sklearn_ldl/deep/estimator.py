"""What all deep estimators share: the way from samples and targets to a trained net, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl._core.callbacks import CallbackSupportMixin, IterationReporter, with_callbacks
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.saved_parts import READING, WRITING
from sklearn_ldl._core.sklearn_compat import fit_context, num_samples
from sklearn_ldl._core.weights import check_weight, scaled_weight
from sklearn_ldl.base import require_y
from sklearn_ldl.deep.dataset_targets import collect_targets
from sklearn_ldl.deep.features import validate_features
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.networks.dropout import MCDropout
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble
from sklearn_ldl.deep.networks.members import Members, mean_output
from sklearn_ldl.deep.networks.outputs import identity
from sklearn_ldl.deep.networks.penultimate import LayerInput
from sklearn_ldl.deep.onnx_export import export_network
from sklearn_ldl.deep.parameters import NetConstructor
from sklearn_ldl.deep.streams import StreamMixin
from sklearn_ldl.deep.training.checkpoint import check_identity
from sklearn_ldl.deep.training.conversion import Inputs
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.fit import train_net
from sklearn_ldl.deep.training.inference import (
    forward_batches,
    in_precision,
    prediction_batches,
)
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.net import LDLNet, Objective
from sklearn_ldl.deep.training.processes import ACCELERATE
from sklearn_ldl.deep.training.saving import read_net, write_weights
from sklearn_ldl.deep.training.seeds import seeded
from sklearn_ldl.deep.training.validation import (
    ValidationSet,
    check_groups,
    naming,
    set_groups_aside,
)

#: What an estimator minimises: a loss ``(outputs, targets) -> (n_rows,)``; or such a loss, for
#: validation rows, and the objective of batches of training rows.
Losses = Loss | tuple[Loss, Objective | None]


class DeepEstimator(StreamMixin, PlainState, NetConstructor, CallbackSupportMixin, BaseEstimator):
    """Base of the bases of classifiers, of regressors of distributions, and of those of values."""

    n_iter_: int
    history_: dict[str, NDArray]
    input_shape_: Any
    #: For a network without dropout, which does without the parameter.
    predict_mc_samples = 0
    #: What the net makes of outputs where it is asked for predictions, as by callbacks.
    _nonlinearity = staticmethod(identity)

    def __sklearn_clone__(self) -> Self:
        try:
            return super().__sklearn_clone__()
        except TypeError as error:
            raise TypeError(
                f"A parameter, perhaps one of the callbacks: {error}, so that it cannot be copied "
                "for a clone; give a function that makes the callback."
            ) from error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        return tags

    def _kept_state(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Keep weights beside the attributes in a file that is loaded without running code."""
        writing = WRITING.get()
        if writing is None:
            return attributes
        kept = dict(attributes)
        if isinstance(kept["device"], torch.device):
            kept["device"] = str(kept["device"])
        if kept.get("module") is not None:
            kept["module"], kept["_module_name"] = None, writing.leave_out(kept["module"])
        if (net := kept.pop("net_", None)) is not None:
            about = {"estimator": type(self).__name__, "module": type(net.module_).__name__}
            part = writing.keep(net, partial(write_weights, net, about))
            kept["_net"] = {"part": part, "seed": net.seed, "keeps_integers": net.keeps_integers}
        return kept

    def _take_state(self, attributes: dict[str, Any]) -> None:
        name, kept = attributes.pop("_module_name", None), attributes.pop("_net", None)
        super()._take_state(attributes)
        if name is None and kept is None:
            return
        reading = READING.get()
        if reading is None:
            raise ValueError("This file holds a network: read it with sklearn_ldl.deploy.load.")
        if name is not None:
            self.module = reading.module(name)
        if reading.device is not None:
            self.device = reading.device
        if kept is not None:
            data, n_labels = reading.parts[kept.pop("part")], self._architecture[1][0]
            self.net_ = read_net(self, data, n_labels, self.device, **kept)

    def _losses(self, data: TrainingData) -> Losses:
        """Say what is minimised: the one method that every deep estimator writes.

        It is called in every fit, once samples and targets are validated, and may set attributes.

        Parameters
        ----------
        data : TrainingData
            What the fit was given.

        Returns
        -------
        loss : callable
            ``(outputs, targets) -> (n_rows,)``, on tensors. Outputs are those of the module, or the
            first of them where it returns a tuple.
        objective : callable, optional
            ``(forward, batch) -> (n_rows,)``, for losses of training batches that need more than
            outputs and targets; then the loss is that of validation rows. It returns several losses
            by name, to be added, in a dictionary; or losses with weights that replace those of the
            rows, in a :class:`~sklearn_ldl.deep.training.net.WeightedRows`. See
            :class:`~sklearn_ldl.deep.training.net.Forward` and
            :class:`~sklearn_ldl.deep.training.batches.Batch`. None means the loss. An optimiser
            such as LBFGS asks for it several times in a step, with the same batch.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it minimises: _losses.")

    def _prepare_targets(
        self, features: Any, y: Any, sample_weight: NDArray[np.floating] | None
    ) -> tuple[NDArray[np.float32] | None, tuple[int, ...]]:
        """Validate targets; return them encoded for the net, and the shape of its output for a row.

        Those that come with the items of a Dataset (`y` is None) are encoded later: None.
        """
        raise NotImplementedError

    def _encode(self, y: NDArray) -> NDArray[np.float32]:
        """Encode targets for the net."""
        raise NotImplementedError

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **metadata: Any,
    ) -> Self:
        """Validate and train, for `fit`, whose further arguments are `metadata`."""
        self._check_repeatable()
        if y is not None or not isinstance(X, Dataset):
            require_y(self, y)
        later_batch = self._streaming and self._goes_on()
        features = validate_features(self, X, reset=not later_batch)
        if self.checkpoint is not None:
            # Before any work.
            check_identity(self, features)
        if sample_weight is not None:
            weight, unit = scaled_weight(sample_weight, features)
            sample_weight = weight * weight.dtype.type(unit)
        targets, output_shape = self._prepare_targets(features, y, sample_weight)
        self._check_going_on(output_shape)
        data = TrainingData(
            features if isinstance(features, Mapping) else X,
            y,
            features,
            targets,
            self._encode,
            output_shape,
            sample_weight,
            check_random_state(self.random_state),
            self._split,
            metadata,
            check_groups(groups, features),
            self._validation_set(X_val, y_val, sample_weight_val),
        )
        losses = self._losses(data)
        row_loss, objective = losses if isinstance(losses, tuple) else (losses, None)
        if not callable(row_loss):
            raise TypeError(
                f"{type(self).__name__}._losses must return a loss, or a loss and an objective; "
                f"got {losses!r}."
            )
        self._fit_net(data, row_loss, objective)
        interruption, self.net_.interruption = self.net_.interruption, None
        if interruption is not None:
            try:
                raise interruption
            finally:
                # It holds this frame, and the data with it.
                del interruption
        return self

    def _targets_of(self, X: Any) -> NDArray | None:
        """Targets that come with samples, for wrappers that make others of them."""
        return collect_targets(X, len(X)) if isinstance(X, Dataset) else None  # type: ignore[arg-type]

    def _validation_set(
        self, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> ValidationSet | None:
        """Validate rows that are for validation alone, as those of the fit."""
        if X is None:
            if y is not None or sample_weight is not None:
                raise ValueError("y_val and sample_weight_val need X_val.")
            return None
        if y is None and not isinstance(X, Dataset):
            raise ValueError("X_val needs y_val, unless it is a Dataset of pairs.")
        with naming("X_val"):
            features = validate_features(self, X, reset=False)
        if sample_weight is not None:
            sample_weight = check_weight(sample_weight, num_samples(features))
        if y is not None:
            with naming("y_val"):
                y = self._encode_validation(y)
            check_consistent_length(features, y)
        return ValidationSet(features, y, sample_weight)

    def _encode_validation(self, y: Any) -> NDArray[np.float32]:
        """Encode targets for validation, which must be like those of the fit."""
        raise NotImplementedError

    def _check_repeatable(self) -> None:
        """Raise a ValueError if a fit that others repeat, here or later, could not be the same."""
        if self.checkpoint is not None and self.warm_start:
            raise ValueError("warm_start goes on from the estimator, not from a checkpoint.")
        repeated = {"checkpoint": self.checkpoint is not None, "device": self.device == ACCELERATE}
        for name in [name for name, needed in repeated.items() if needed]:
            if self.random_state is None:
                raise ValueError(f"{name}={getattr(self, name)!r} needs a random_state.")

    def _depends_on_max_epochs(self) -> bool:
        """Whether the first epochs would be others if `max_epochs` were larger.

        Those of an estimator that is not of this package may be.
        """
        ours = type(self).__module__.startswith("sklearn_ldl.")
        return self.lr_schedule is not None or not ours

    def _keeps_state(self) -> bool:
        """Whether another fit may train the net that this one leaves."""
        return self.warm_start or self._streaming

    def _goes_on(self) -> bool:
        """Whether a fit trains the net at hand."""
        return self._keeps_state() and hasattr(self, "net_")

    def _check_going_on(self, output_shape: tuple[int, ...]) -> None:
        if not self._goes_on():
            return
        if self.net_.optimizer_ is None and not self._streaming:
            raise ValueError("warm_start goes on only from a fit that had warm_start=True already.")
        if self._architecture != (self.input_shape_, output_shape):
            raise ValueError(
                f"{self._way_on()} goes on with the same shape of samples and the same labels only:"
                f" {self._architecture} became {(self.input_shape_, output_shape)}."
            )

    def _way_on(self) -> str:
        """Name what lets a fit go on, for messages."""
        return "partial_fit" if self._streaming else "warm_start"

    def _n_epochs(self) -> int:
        """Return the number of epochs of the fit under way, at most."""
        return 1 if self._streaming else self.max_epochs

    def _split(self, data: TrainingData) -> tuple[NDArray, NDArray]:
        """Training rows, and validation rows if there is early stopping."""
        weight, none = data.sample_weight, np.empty(0, dtype=np.intp)
        rows = np.arange(data.n_samples) if weight is None else np.flatnonzero(weight)
        n_rows = len(rows)
        watches = self.early_stopping and not self._streaming
        if not watches or n_rows == 1 or data.validation is not None:
            return rows, none
        if data.groups is not None:
            return set_groups_aside(rows, self.validation_fraction, data.groups, data.random_state)
        n_valid = max(1, round(self.validation_fraction * n_rows))
        if n_valid >= n_rows:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of n_samples={n_rows} leaves none "
                "to train on: set early_stopping=False."
            )
        order = rows[data.random_state.permutation(n_rows)]
        return np.sort(order[n_valid:]), np.sort(order[:n_valid])

    def _fit_net(self, data: TrainingData, row_loss: Loss, objective: Objective | None) -> None:
        """Train a new net, or the one at hand with `warm_start`; set the fitted attributes."""
        reporter = IterationReporter(
            self, self._n_epochs(), task="epoch", X=data.features, y=data.targets, metadata={}
        )
        net = train_net(self, data, row_loss, objective, reporter)
        rows = [row for row in net.history if "train_loss" in row]
        names = [
            name
            for name in (rows[0] if rows else ())
            if name.startswith(("train_", "valid_")) and not name.endswith("_best")
        ]
        self.history_ = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
        self.n_iter_ = len(rows)
        self._architecture = (self.input_shape_, data.output_shape)
        if not self._keeps_state():
            net.trim_for_prediction()
        self.net_ = net
        reporter.close()

    def _outputs(self, X: Any) -> NDArray[np.float64]:
        """Compute what the fitted module returns for `X`."""
        return self._inferred(X, self._infer)

    def _member_outputs(
        self, X: Any, mc_samples: int | None = None, random_state: Any = None
    ) -> NDArray[np.float64]:
        """Compute what every member returns for `X`: (n_members, n_samples, ...)."""
        if mc_samples is None:
            mc_samples = self.predict_mc_samples
        elif not isinstance(mc_samples, Integral) or mc_samples < 0:
            raise ValueError(f"mc_samples must be an integer, at least 0, got {mc_samples!r}.")
        infer = partial(self._infer_members, mc_samples=mc_samples, random_state=random_state)
        return np.moveaxis(self._inferred(X, infer), 1, 0)

    def _inferred(self, X: Any, infer: Callable[..., NDArray]) -> NDArray[np.float64]:
        check_is_fitted(self, "net_")
        X = validate_features(self, X, reset=False)
        net = self.net_
        raw = prediction_batches(
            X,
            self.input_shape_,
            getattr(net.module_, "n_members", 1),
            self.batch_size,
            self.num_workers,
            Collate(self.collate_fn),
        )
        convert, device = net.conversion, torch.device(net.device)
        batches = (convert(batch, device) for batch in raw)
        outputs = infer(net, batches, num_samples(X)).astype(np.float64)
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network returns NaN or infinity: X holds such values, or is far from the "
                "training data."
            )
        return outputs

    def _infer(self, net: LDLNet, batches: Iterable[Inputs], n_rows: int) -> NDArray[np.floating]:
        if not self.predict_mc_samples:
            return self._run(identity, net, batches, n_rows)
        passes = partial(self._passes, n_passes=self.predict_mc_samples)
        with seeded(self._mask_seed(net), torch.device(net.device)):
            return self._run(passes, net, batches, n_rows)

    def _infer_members(
        self,
        net: LDLNet,
        batches: Iterable[Inputs],
        n_rows: int,
        *,
        mc_samples: int,
        random_state: Any,
    ) -> NDArray[np.floating]:
        if mc_samples:
            seed = self._mask_seed(net)
            if random_state is not None:
                seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
            with seeded(seed, torch.device(net.device)):
                return self._run(
                    lambda module: Members(self._passes(module, mc_samples)), net, batches, n_rows
                )
        if isinstance(net.module_, MLPEnsemble):
            return self._run(Members, net, batches, n_rows)
        return self._run(identity, net, batches, n_rows)[:, None]

    def _passes(self, module: nn.Module, n_passes: int) -> MCDropout:
        """Make a module of passes with dropout of a copy, since others use the net meanwhile."""
        ensemble = isinstance(module, MLPEnsemble)
        return MCDropout(
            copy.deepcopy(module), n_passes, self._combine_members(), ensemble=ensemble
        )

    def _mask_seed(self, net: LDLNet) -> int:
        """Seed of dropout in predictions: the same call has the same result."""
        return net.seed

    def _run(
        self,
        wrap: Callable[[Any], nn.Module],
        net: LDLNet,
        batches: Iterable[Inputs],
        n_rows: int,
    ) -> NDArray[np.floating]:
        """Run what a function makes of the module, in the precision of predictions."""
        dtype = getattr(torch, self.inference_dtype)
        module = wrap(in_precision(net, dtype))
        return forward_batches(
            module,
            batches,
            n_rows,
            torch.device(net.device),
            dtype,
            keeps_doubles=net.conversion.keeps_doubles,
        )

    def transform_features(self, X: Any, *, layer: str | None = None) -> NDArray[np.float64]:
        """Compute what the last layer is given: features that the network has learnt.

        They serve other learners, searches for similar samples, and pictures of the data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        layer : str, default=None
            Name of the layer, one of ``net_.module_.named_modules()``, whose input is wanted. None
            means ``head``, or else the last linear layer that the module defines.

        Returns
        -------
        F : ndarray of shape (n_samples, n_outputs)
            Outputs of the penultimate layer, flat; of an ensemble those of all members, side by
            side.

        Raises
        ------
        ValueError
            If there is no such layer, or it is not given one entry per sample.
        """
        return self._inferred(X, partial(self._infer_features, layer=layer))

    def _infer_features(
        self, net: LDLNet, batches: Iterable[Inputs], n_rows: int, *, layer: str | None
    ) -> NDArray[np.floating]:
        return self._run(partial(LayerInput, layer=layer), net, batches, n_rows)

    def _export_network(self, dtypes: list[str], dtype: str, opset: int) -> Any:
        """Export the fitted network to ONNX; see `export_network`."""
        return export_network(self, dtypes, dtype, opset)

    def _extend_module(self, module: nn.Module) -> None:
        """Add to a network that was just built what its training needs besides."""

    def _first_output(self, data: TrainingData) -> NDArray[np.float64] | None:
        """Output from which an ensemble starts; None means anywhere."""
        return None

    def _combine_members(self) -> Callable[[Tensor], Tensor]:
        """Say how the outputs of members become one: a function that pickles by its name."""
        return mean_output
