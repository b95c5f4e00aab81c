"""One fit of a net: everything between the data and the trained weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_ldl._core.callbacks import IterationReporter
from sklearn_ldl.deep.training.batches import RowSource
from sklearn_ldl.deep.training.build import (
    adapt_module,
    build_net,
    build_sources,
    check_output,
    failure,
    identify_fit,
    is_own,
)
from sklearn_ldl.deep.training.callbacks import build_callbacks, check_callbacks
from sklearn_ldl.deep.training.conversion import first_input
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import LDLNet, Objective, Sources, plain_objective
from sklearn_ldl.deep.training.optimization import optimizer_class, set_rates
from sklearn_ldl.deep.training.processes import Processes
from sklearn_ldl.deep.training.seeds import fitting, random_bits, set_random_bits


def train_net(
    estimator: Any,
    data: TrainingData,
    row_loss: Callable[[Tensor, Tensor], Tensor],
    objective: Objective | None,
    reporter: IterationReporter,
) -> LDLNet:
    """Train a new net, or the one that the estimator has where the fit goes on from there.

    Parameters
    ----------
    estimator : DeepEstimator
        Has the parameters, and makes a trial prediction.
    data : TrainingData
        What to train on.
    row_loss : callable
        ``(output, target) -> (n_rows,)``.
    objective : callable or None
        Losses of training batches; None means `row_loss`.
    reporter : IterationReporter
        Is told about the epochs.

    Returns
    -------
    net : LDLNet
        The trained net, which has let go of the data; or what Ctrl-C has left of it, with that for
        its `interruption`.
    """
    device = resolve_device(estimator.device)
    processes = Processes(estimator.device, amp=estimator.amp)
    verbose = 0 if processes.rank else int(estimator.verbose)
    # Rows are drawn before the seed.
    rows = data.rows
    seed = data.random_state.randint(np.iinfo(np.int32).max)
    net = estimator.net_ if estimator._goes_on() else None
    own = is_own(estimator) and not estimator.compile
    with fitting(seed, device, own=own, benchmark=estimator.cudnn_benchmark) as draws:
        with draws.building():
            if net is not None and net.random_bits is not None:
                set_random_bits(net.random_bits, device)
            sources = build_sources(estimator, data, rows, device, processes)
            sources.train.companions = getattr(objective, "companions", None)
            report = Report(reporter, estimator)
            callbacks = build_callbacks(
                estimator, report, verbose, validates=sources.valid is not None
            )
            if net is not None:
                _set_up(net, row_loss, objective, processes, callbacks, verbose, sources)
                if net.optimizer_ is None:
                    net.untrim(optimizer_class(estimator.optimizer))
                if net.lr != estimator.lr:
                    net.lr = estimator.lr
                    set_rates(net.optimizer_, estimator.lr, estimator.param_groups)
                net.initialize_callbacks()
            else:
                net = build_net(estimator, estimator.input_shape_, data.output_shape[0], device)
                _set_up(net, row_loss, objective, processes, callbacks, verbose, sources)
                net.seed = seed
                net.initialize()
                if estimator.module is None:
                    adapt_module(estimator, net.module_, data)
                _try(estimator, net, sources.train, data.output_shape)
                if estimator.checkpoint is not None or processes.count > 1:
                    identify_fit(estimator, net, data, sources, seed)
            for source in sources:
                if source is not None:
                    source.conversion = net.conversion
            check_callbacks(net, validates=sources.valid is not None)
            net.max_epochs = estimator._n_epochs()
        try:
            net.partial_fit(sources)
            if net.interruption is None:
                net.check_weights()
        finally:
            net.release()
            sources.close()
        net.random_bits = random_bits(device) if estimator._keeps_state() else None
    return net


def _set_up(
    net: LDLNet,
    row_loss: Callable[[Tensor, Tensor], Tensor],
    objective: Objective | None,
    processes: Processes,
    callbacks: list[Callback],
    verbose: int,
    sources: Sources,
) -> None:
    net.row_loss = row_loss
    net.objective = objective or plain_objective(row_loss)
    net.processes = processes
    net.callbacks = callbacks
    net.verbose = verbose
    net.batch_size = sources.train.batch_size


def _try(estimator: Any, net: LDLNet, source: RowSource, output_shape: tuple[int, ...]) -> None:
    """Pass two samples through a net as training and as predictions do, before any training."""
    # Before any rows are read, which may place all of them on the device in its types.
    source.conversion = net.conversion
    raw = source.raw(source.rows[:2])
    net.keeps_integers = isinstance(raw, Tensor) and _takes_integers_alone(net, raw, source.device)
    source.conversion = net.conversion
    X = source.conversion(raw, source.device)
    check_output(net.module_, X, output_shape)
    try:
        estimator._infer(net, [X], len(first_input(X)))
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"The module does not compute in {estimator.inference_dtype}, as predictions do: set "
            f'inference_dtype="float32". ({error})'
        ) from error
    net.converted = None


def _takes_integers_alone(net: LDLNet, raw: Tensor, device: torch.device) -> bool:
    """Whether a module refuses samples of integers as floating-point numbers, but not as they are.

    An embedding does.
    """
    if raw.is_floating_point() or raw.dtype == torch.bool:
        return False
    as_numbers = net.conversion._replace(keeps_integers=False)
    refusal = failure(net.module_, as_numbers(raw, device))
    if refusal is None:
        return False
    as_integers = as_numbers._replace(keeps_integers=True)
    other = failure(net.module_, as_integers(raw, device))
    if other is not None:
        raise ValueError(
            f"The module does not take samples of shape {tuple(raw.shape[1:])}, neither as numbers "
            f"in {as_numbers.dtype} ({refusal}) nor as integers ({other})."
        )
    return True


class Report(Callback):
    """Tell scikit-learn's callbacks about the epochs."""

    def __init__(self, reporter: IterationReporter, estimator: Any):
        super().__init__()
        self.reporter = reporter
        self.estimator = estimator

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Open the first epoch."""
        self.reporter.step({})

    def on_epoch_end(self, net, **kwargs):
        """Close an epoch, with what is fitted so far, and open the next one."""
        if self.reporter.active:
            fitted = {name: v for name, v in vars(self.estimator).items() if name.endswith("_")}
            self.reporter.step({**fitted, "net_": net})
