"""What all deep estimators share: validation of features, training of the net, its outputs."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping
from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset

from sklearn_ldl._core.callbacks import CallbackSupportMixin, IterationReporter
from sklearn_ldl._core.sklearn_compat import num_samples
from sklearn_ldl.base import require_y, training_weight
from sklearn_ldl.deep.networks.perceptron import INITIALIZERS, MLP, make_module
from sklearn_ldl.deep.training.batches import (
    ArraySource,
    DatasetSource,
    RowSource,
    as_tensor,
    read_only_features,
)
from sklearn_ldl.deep.training.checkpoint import Checkpoint, describe
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.inference import forward_batches
from sklearn_ldl.deep.training.net import LDLNet, Objective, PrintEpochs, Sources
from sklearn_ldl.deep.training.optimization import (
    OPTIMIZERS,
    SCHEDULES,
    AdaptiveClipping,
    LearningRate,
    set_rates,
)
from sklearn_ldl.deep.training.processes import ACCELERATE, Processes
from sklearn_ldl.deep.training.seeds import random_bits, restored, seeded, set_random_bits
from sklearn_ldl.deep.training.stored_rows import Rows, check_mapped, is_stored, to_float32

# Most rows, and most numbers, in a batch of a prediction that exceeds `batch_size`.
_ROWS, _NUMBERS = 2**12, 2**18


class Training(NamedTuple):
    """What one fit trains on and for."""

    X: Any
    #: Targets, one entry per row in float32, or None for those of a Dataset.
    target: NDArray | None
    #: ``(output, target) -> (n_rows,)``: the loss, of validation batches in any case.
    row_loss: Callable[[Tensor, Tensor], Tensor]
    #: Shape of the output for one row; the first entry is what the module knows as `n_labels`.
    output_shape: tuple[int, ...]
    #: Losses of training batches; None means `row_loss`.
    objective: Objective | None = None
    sample_weight: ArrayLike | None = None
    #: Turns the targets of Dataset items into `target`.
    encode: Callable[[NDArray], NDArray] | None = None


class DeepEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of the deep estimators, whose parameters come from :mod:`._parameters`."""

    n_iter_: int
    history_: dict[str, NDArray]
    _random_bits: list[Tensor]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        return tags

    def _validate_samples(self, X: Any, y: Any) -> tuple[Any, bool]:
        """Validate the features of a fit; say whether its targets are those of a Dataset."""
        self._check_repeatable()
        own_targets = y is None and isinstance(X, Dataset)
        if not own_targets:
            require_y(self, y)
        return self._validate_X(X, reset=True), own_targets

    def _check_repeatable(self) -> None:
        """Raise a ValueError if a fit that others repeat, here or later, could not be the same."""
        if self.checkpoint is not None and self.warm_start:
            raise ValueError("warm_start goes on from the estimator, not from a checkpoint.")
        repeated = {"checkpoint": self.checkpoint is not None, "device": self.device == ACCELERATE}
        for name in [name for name, needed in repeated.items() if needed]:
            if self.random_state is None:
                raise ValueError(f"{name}={getattr(self, name)!r} needs a random_state.")

    def _validate_X(self, X: Any, *, reset: bool) -> Any:
        """Return features as a float32 array or CSR matrix, a Dataset or memory map as it is."""
        if isinstance(X, Dataset):
            return self._validate_dataset(X, reset=reset)
        mapped = isinstance(X, np.memmap)
        checked = validate_data(
            self,
            X[:1] if mapped else X,
            reset=reset,
            dtype=(np.float64, np.float32),
            order="C",
            allow_nd=True,
            accept_sparse="csr",
        )
        if mapped:
            check_mapped(X)
        X32 = X if mapped else to_float32(checked)
        X = X if mapped else checked
        shape = X.shape[1:]
        if X.ndim == 2 and self.input_shape is not None:
            shape = tuple(self.input_shape)
            if math.prod(shape) != X.shape[1]:
                raise ValueError(
                    f"input_shape={shape} has {math.prod(shape)} entries, but X has "
                    f"{X.shape[1]} features."
                )
            X32 = X32.toarray() if sparse.issparse(X32) else X32
            X32 = X32.reshape(-1, *shape)
        self._check_shape(shape, reset=reset)
        return X32

    def _validate_dataset(self, dataset: Dataset, *, reset: bool) -> Dataset:
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise ValueError(
                f"{type(dataset).__name__} has no length: give a map-style Dataset, with __len__ "
                "and __getitem__."
            )
        if reset:
            self.__dict__.pop("n_features_in_", None)
            self.__dict__.pop("feature_names_in_", None)
        if len(dataset) == 0:
            raise ValueError("Found a Dataset with 0 samples, but a minimum of 1 is required.")
        with restored():
            item = dataset[0]
        shape = tuple(np.shape(item[0] if isinstance(item, (tuple, list)) else item))
        self._check_shape(shape, reset=reset)
        return dataset

    def _check_shape(self, shape: tuple[int, ...], *, reset: bool) -> None:
        if 0 in shape:
            raise ValueError(f"X has samples of shape {shape}, which are empty.")
        if reset:
            if self.input_shape is not None and shape != tuple(self.input_shape):
                raise ValueError(
                    f"input_shape={tuple(self.input_shape)}, but X has samples of shape {shape}."
                )
            self.input_shape_ = shape
        elif shape != self.input_shape_:
            raise ValueError(
                f"X has samples of shape {shape}, but {type(self).__name__} was fitted to samples "
                f"of shape {self.input_shape_}."
            )

    def _split(self, n_rows: int, random_state: RandomState) -> tuple[NDArray, NDArray]:
        """Training rows, and validation rows if there is early stopping."""
        if not self.early_stopping:
            return np.arange(n_rows), np.empty(0, dtype=np.intp)
        n_valid = max(1, round(self.validation_fraction * n_rows))
        if n_valid >= n_rows:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of n_samples={n_rows} leaves none "
                "to train on: set early_stopping=False."
            )
        order = random_state.permutation(n_rows)
        return np.sort(order[n_valid:]), np.sort(order[:n_valid])

    def _fit_net(
        self,
        training: Training,
        random_state: RandomState,
        split: tuple[NDArray, NDArray] | None = None,
    ) -> None:
        """Train a new net, or the one at hand with `warm_start`; set the fitted attributes."""
        device = resolve_device(self.device)
        processes = Processes(self.device, amp=self.amp)
        go_on = self.warm_start and hasattr(self, "net_")
        if go_on and self.net_.optimizer_ is None:
            raise ValueError("warm_start goes on only from a fit that had warm_start=True already.")
        if go_on and self._architecture != (self.input_shape_, training.output_shape):
            raise ValueError(
                "warm_start goes on with the same shape of samples and the same labels only: "
                f"{self._architecture} became {(self.input_shape_, training.output_shape)}."
            )
        if split is None:
            split = self._split(num_samples(training.X), random_state)
        seed = random_state.randint(np.iinfo(np.int32).max)
        with seeded(seed, device):
            if go_on:
                set_random_bits(self._random_bits, device)
            sources = self._sources(training, split, device, processes)
            reporter = IterationReporter(
                self, self.max_epochs, task="epoch", X=training.X, y=training.target, metadata={}
            )
            net = self.net_ if go_on else self._new_net(training, device)
            net.objective = training.objective or plain_objective(training.row_loss)
            net.row_loss = training.row_loss
            net.processes = processes
            verbose = net.verbose = 0 if processes.rank else int(self.verbose)
            net.callbacks = self._net_callbacks(_Report(reporter, self), verbose)
            if go_on:
                net.max_epochs = self.max_epochs
                if net.lr != self.lr:
                    net.lr = self.lr
                    set_rates(net.optimizer_, self.lr, self.param_groups)
                net.initialize_callbacks()
            else:
                net.initialize()
                self._check_output(net, sources.train, training)
                if self.checkpoint is not None or processes.count > 1:
                    self._identify(net, training, sources, seed)
            try:
                # skorch ends training on Ctrl-C and returns: what was reached is kept.
                net.partial_fit(sources)
                net.check_weights()
            finally:
                net.release()
            if self.warm_start:
                self._random_bits = random_bits(device)
        self._keep(net, training.output_shape)
        reporter.close()

    def _keep(self, net: LDLNet, output_shape: tuple[int, ...]) -> None:
        rows = [row for row in net.history if "train_loss" in row]
        names = [
            name for name in (rows[0] if rows else ()) if name.startswith(("train_", "valid_"))
        ]
        self.history_ = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
        self.n_iter_ = len(rows)
        self._architecture = (self.input_shape_, output_shape)
        if not self.warm_start:
            net.trim_for_prediction()
        self.net_ = net

    def _sources(
        self,
        training: Training,
        split: tuple[NDArray, NDArray],
        device: torch.device,
        processes: Processes,
    ) -> Sources:
        X, target = training.X, training.target
        rows, valid_rows, weight = weigh(training.sample_weight, X, split)
        if weight is not None:
            weight = torch.from_numpy(weight.astype(np.float32))

        def source(rows: NDArray, *, shuffle: bool) -> RowSource:
            settings = {
                "batch_size": len(rows) if self.batch_size == "all" else int(self.batch_size),
                "shuffle": shuffle,
                "weight": weight,
                "device": device,
                "processes": processes,
            }
            positions = torch.from_numpy(rows)
            if isinstance(X, Dataset):
                return DatasetSource(
                    X, target, training.encode, positions, num_workers=self.num_workers, **settings
                )
            return ArraySource(X, target, positions, **settings)

        valid = source(valid_rows, shuffle=False) if len(valid_rows) else None
        return Sources(source(rows, shuffle=True), valid)

    def _new_net(self, training: Training, device: torch.device) -> LDLNet:
        options = dict(self.net_params or {})
        module_options = {
            name.removeprefix("module__"): options.pop(name)
            for name in list(options)
            if name.startswith("module__")
        }
        sizes = {
            "n_features": math.prod(self.input_shape_),
            "input_shape": self.input_shape_,
            "n_labels": training.output_shape[0],
        }
        if self.weight_decay:
            options["optimizer__weight_decay"] = self.weight_decay
        if len(self.param_groups):
            options["optimizer__param_groups"] = list(self.param_groups)
        optimizer = self.optimizer
        return LDLNet(
            partial(self._build, sizes, module_options),
            objective=None,
            row_loss=None,
            amp=self.amp,
            compiled=self.compile,
            optimizer=OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            device=str(device),
            callbacks=None,
            verbose=int(self.verbose),
            **options,
        )

    def _identify(self, net: LDLNet, training: Training, sources: Sources, seed: int) -> None:
        """Compare this fit with those of the other processes, and prepare its checkpoint."""
        train, valid = sources
        arrays = {
            "the targets": training.target,
            "the weights of the rows": train.weight,
            "the training rows": train.rows,
            "the validation rows": None if valid is None else valid.rows,
            "the seed drawn from random_state": seed,
        }
        description = describe(self, training.X, arrays, net.module_)
        net.processes.check_agreement(description)
        if self.checkpoint is not None:
            net.checkpoint = Checkpoint(self.checkpoint, description, net.processes)
        net.processes.start(net.module_)
        if net.processes.rank:
            # The dropout of one part of a batch is not that of another.
            torch.manual_seed(seed + net.processes.rank)

    def _build(self, sizes: dict[str, Any], options: dict[str, Any]) -> nn.Module:
        module = self.module
        if module is None:
            module = partial(MLP, hidden_layer_sizes=self.hidden_layer_sizes, dropout=self.dropout)
        built = make_module(module, sizes, **options)
        if self.init is not None:
            (INITIALIZERS[self.init] if isinstance(self.init, str) else self.init)(built)
        return built

    def _net_callbacks(self, report: Callback, verbose: int) -> list[Callback]:
        callbacks: list[Callback] = [report]
        if self.lr_schedule is not None:
            schedule = self.lr_schedule
            callbacks.append(
                LearningRate(SCHEDULES[schedule] if isinstance(schedule, str) else schedule)
            )
        if self.clip_norm == "adaptive":
            callbacks.append(AdaptiveClipping())
        elif self.clip_norm is not None:
            callbacks.append(GradientNormClipping(self.clip_norm))
        callbacks += copy.deepcopy(list(self.callbacks))
        if verbose:
            callbacks.append(PrintEpochs(verbose))
        # Last, since it ends training before the callbacks behind it have seen the epoch.
        if self.early_stopping and self.max_epochs:
            callbacks.append(EarlyStopping(patience=self.n_iter_no_change, load_best=True))
        return callbacks

    def _check_output(self, net: LDLNet, source: RowSource, training: Training) -> None:
        """Try the module on two rows, before any training."""
        X = source.take(source.rows[:2])
        module = net.module_.eval()
        try:
            with torch.no_grad():
                output = module(X)
        except (RuntimeError, AssertionError, IndexError) as error:
            raise ValueError(
                f"The module does not take samples of shape {self.input_shape_}: {error}"
            ) from error
        expected = (len(X), *training.output_shape)
        if not isinstance(output, Tensor):
            if training.objective is not None:
                return
            kind = type(output).__name__
            raise TypeError(f"The module returns a {kind}; expected a tensor of shape {expected}.")
        if output.shape != expected:
            raise ValueError(
                f"The module returns an output of shape {tuple(output.shape)} for {len(X)} "
                f"samples; expected {expected}."
            )
        try:
            self._infer(net, [X], len(X))
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"The module does not compute in {self.inference_dtype}, as predictions do: set "
                f'inference_dtype="float32". ({error})'
            ) from error

    def _outputs(self, X: Any) -> NDArray[np.float64]:
        """Compute what the fitted module returns for `X`."""
        check_is_fitted(self, "net_")
        X = self._validate_X(X, reset=False)
        outputs = self._infer(self.net_, self._batches(X), num_samples(X)).astype(np.float64)
        if not np.isfinite(outputs).all():
            raise ValueError(
                "The network returns NaN or infinity: X holds such values, or is far from the "
                "training data."
            )
        return outputs

    def _infer(self, net: LDLNet, batches: Iterable[Tensor], n_rows: int) -> NDArray[np.floating]:
        module, dtype = net.module_.eval(), getattr(torch, self.inference_dtype)
        if dtype != torch.float32:
            module = copy.deepcopy(module).to(dtype)
        return forward_batches(module, batches, n_rows, torch.device(net.device), dtype)

    def _batches(self, X: Any) -> Iterator[Tensor]:
        size = 1 if self.batch_size == "all" else int(self.batch_size)
        size = max(size, min(_ROWS, _NUMBERS // math.prod(self.input_shape_)))
        if isinstance(X, Dataset):
            yield from read_only_features(X, size, self.num_workers)
            return
        stored = Rows(X) if is_stored(X) else None
        for start in range(0, X.shape[0], size):
            rows = slice(start, start + size)
            yield as_tensor(X[rows]) if stored is None else torch.from_numpy(stored(rows))


class _Report(Callback):
    """Tell scikit-learn's callbacks about the epochs."""

    def __init__(self, reporter: IterationReporter, estimator: DeepEstimator):
        self.reporter = reporter
        self.estimator = estimator

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.reporter.step({})

    def on_epoch_end(self, net, **kwargs):
        if self.reporter.active:
            fitted = {name: v for name, v in vars(self.estimator).items() if name.endswith("_")}
            self.reporter.step({**fitted, "net_": net})


def weigh(
    sample_weight: ArrayLike | None, X: Any, split: tuple[NDArray, NDArray]
) -> tuple[NDArray, NDArray, NDArray[np.floating] | None]:
    """Drop rows without weight from a split; give the training rows a mean weight of one."""
    if sample_weight is None:
        return *split, None
    weights = training_weight(sample_weight, X)
    rows = _weighted(split[0], weights, "training")
    valid_rows = _weighted(split[1], weights, "validation")
    return rows, valid_rows, weights / weights[rows].mean()


def _weighted(rows: NDArray, weights: NDArray, kind: str) -> NDArray:
    """Drop the rows without a weight; to drop them all is an error."""
    kept = rows[weights[rows] > 0]
    if len(rows) and not len(kept):
        raise ValueError(f"All sample weights of the {kind} rows are zero.")
    return kept


def plain_objective(row_loss: Callable[[Tensor, Tensor], Tensor]) -> Objective:
    """Objective of the same loss for every batch."""
    return lambda forward, batch: row_loss(forward(batch.X), batch.target)
