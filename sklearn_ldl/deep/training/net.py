"""The only place that builds a skorch net, trains it, and asks it for outputs.

The net differs from skorch's own in four ways: batches come from a
:class:`~sklearn_ldl.deep.training.batches.RowSource` instead of a DataLoader, the loss is an
*objective* of the whole batch instead of a criterion of output and target, losses are summed on
the device, so that no step waits for it, and Ctrl-C is kept for the caller instead of being the end
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer
from torch import Tensor, nn

from sklearn_ldl.deep.generators import passing
from sklearn_ldl.deep.networks.ensemble import MLPEnsemble
from sklearn_ldl.deep.networks.inputs import StandardizedInputs
from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.training.batches import Batch, RowSource
from sklearn_ldl.deep.training.checkpoint_file import CheckpointError
from sklearn_ldl.deep.training.conversion import (
    Conversion,
    Inputs,
    call,
    first_input,
    precision,
)
from sklearn_ldl.deep.training.optimization import check_patterns
from sklearn_ldl.deep.training.processes import Processes
from sklearn_ldl.deep.training.seeds import random_bits, set_random_bits

# Events of a step, and what callbacks that do not care have for them.
_IGNORED = {
    name: getattr(Callback, name) for name in ("on_batch_begin", "on_batch_end", "on_grad_computed")
}


class Forward:
    """The passes of a network that an objective may ask for.

    Parameters
    ----------
    module : torch.nn.Module
        The network. It returns what is compared with the targets, such as logits, or a tuple that
        begins with it.
    amp, compiled : bool, default=False
        Whether training passes run in bfloat16, and compiled.
    """

    def __init__(self, module: nn.Module, *, amp: bool = False, compiled: bool = False):
        self.module = module
        self._train = torch.compile(module) if compiled else module
        self._amp = amp

    def __call__(self, X: Inputs) -> Tensor:
        """Pass in the current mode, which is that of training."""
        return self.everything(X)[0]

    def everything(self, X: Inputs) -> tuple[Any, ...]:
        """Pass in the current mode; return all that the module returns, in a tuple."""
        if not self._amp:
            return _as_tuple(call(self._train, X))
        with torch.autocast(first_input(X).device.type, dtype=torch.bfloat16):
            return _to_float32(_as_tuple(call(self._train, X)))

    @torch.no_grad()
    def evaluate(self, X: Inputs) -> Tensor:
        """Pass in evaluation mode, without gradients."""
        training = self.module.training
        try:
            return first_output(call(self.module.eval(), X))
        finally:
            self.module.train(training)


class WeightedRows(NamedTuple):
    """Losses of rows with weights that replace those of the batch."""

    losses: Tensor
    weight: Tensor


#: ``objective(forward, batch)``: losses of the rows, with weights of their own where these are not
#: those of the batch; or several by name, which are added.
Objective = Callable[[Forward, Batch], Tensor | WeightedRows | dict[str, Tensor]]


def plain_objective(row_loss: Callable[[Tensor, Tensor], Tensor]) -> Objective:
    """Objective of the same loss for every batch."""
    return lambda forward, batch: row_loss(forward(batch.X), batch.target)


class Sources(NamedTuple):
    """What a net is fitted to."""

    train: RowSource
    valid: RowSource | None

    def close(self) -> None:
        """Let go of what was opened to load batches."""
        for source in self:
            if source is not None:
                source.close()


class EndOfTraining(Exception):
    """A callback for early stopping has seen enough."""


class LDLNet(NeuralNet):
    """Net with an objective; see the module.

    Parameters
    ----------
    module : callable
        Builds the module.
    objective : callable
        Losses of the rows of a training batch.
    row_loss : callable
        ``(output, target) -> (n_rows,)``, the loss of a validation batch.
    amp : bool, default=False
        Whether to run training passes in bfloat16.
    compiled : bool, default=False
        Whether to compile training passes.
    **kwargs
        Parameters of :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: Any,
        *,
        objective: Any,
        row_loss: Any,
        amp: bool = False,
        compiled: bool = False,
        **kwargs: Any,
    ):
        super().__init__(module, criterion=nn.Identity, train_split=None, **kwargs)
        self.objective = objective
        self.row_loss = row_loss
        self.amp = amp
        self.compiled = compiled
        #: Those that train this net together.
        self.processes = Processes()
        #: Where the state goes after every epoch, if anywhere.
        self.checkpoint: Any = None
        #: Where the random numbers of the fit began, and with which dropout in predictions begins.
        self.seed = 0
        #: Where the random numbers of the last fit ended, for one that goes on.
        self.random_bits: list[Tensor] | None = None
        #: What ended training before its time, once callbacks have been told of the end.
        self.interruption: BaseException | None = None
        self._watchers: dict[str, list[Callback]] = {}

    #: Whether the module takes integers as they are.
    keeps_integers = False
    #: The module in the precision of predictions, where that is another one.
    converted: Any = None

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("converted", None)
        return state

    @property
    def conversion(self) -> Conversion:
        """How features become what the module takes."""
        far = any(
            layer.is_far()
            for layer in self.module_.modules()
            if isinstance(layer, StandardizedInputs)
        )
        return Conversion(precision(self.module_), self.keeps_integers, far)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def initialize_optimizer(self, triggered_directly=None):
        """Build the optimiser; a pattern without a parameter is an error."""
        names = [name for name, _ in self.get_all_learnable_params()]
        check_patterns(getattr(self, "optimizer__param_groups", ()), names)
        return super().initialize_optimizer(triggered_directly)

    def untrim(self, optimizer: Any) -> None:
        """Let a net that was trimmed for predictions train further, by an optimiser that is new."""
        self._trimmed_for_prediction = False
        self.optimizer = optimizer
        self.initialize_optimizer()

    def notify(self, method_name, **kwargs):
        """Tell the net and its callbacks of an event.

        The KeyboardInterrupt of skorch's early stopping is no interrupt of the user's.
        """
        getattr(self, method_name)(self, **kwargs)
        if method_name in _IGNORED:
            callbacks = self._watchers[method_name]
        else:
            callbacks = [callback for _, callback in self.callbacks_]
        for callback in callbacks:
            try:
                getattr(callback, method_name)(self, **kwargs)
            except KeyboardInterrupt:
                if isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience:
                    raise EndOfTraining from None
                raise

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Do nothing: the history has its new batch, whether or not a callback hears of it."""

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train for `max_epochs` on :class:`Sources`; see `interruption`."""
        self.interruption = None
        self.notify("on_train_begin", X=X, y=y)
        n_done = 0 if self.checkpoint is None else self.checkpoint.load(self, X.train)
        try:
            self.fit_loop(X, epochs=self.max_epochs - n_done)
        except EndOfTraining:
            pass
        except (KeyboardInterrupt, CheckpointError) as error:
            self.interruption = error
        try:
            self.notify("on_train_end", X=X, y=y)
        except KeyboardInterrupt as error:
            self.interruption = self.interruption or error
        except Exception as error:
            if self.interruption is None:
                raise
            self.interruption.__cause__ = error
        return self

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train for some epochs on :class:`Sources`."""
        self.check_training_readiness()
        forward = Forward(self.module_, amp=self.amp, compiled=self.compiled)
        datasets = {"dataset_train": X.train, "dataset_valid": X.valid}
        self._watch()
        self._best = {
            name: min((row[name] for row in self.history if name in row), default=np.inf)
            for name in ("train_loss", "valid_loss")
        }
        for _ in range(self.max_epochs if epochs is None else epochs):
            self.notify("on_epoch_begin", **datasets)
            self._run(X.train, "train", lambda batch: self._train_on(forward, batch))
            if X.valid is not None:
                self._run(X.valid, "valid", self._validate_on)
            self.notify("on_epoch_end", **datasets)
            if self.checkpoint is not None:
                self.checkpoint.save(self, X.train)
        return self

    def _watch(self) -> None:
        """Find out who is to hear of steps; most callbacks are told of epochs alone."""
        self._watchers = {
            event: [
                callback
                for _, callback in self.callbacks_
                if getattr(getattr(callback, event), "__func__", None) is not ignored
            ]
            for event, ignored in _IGNORED.items()
        }

    def _run(self, source: RowSource, prefix: str, step: Callable[[Batch], dict]) -> None:
        """One epoch; its mean losses go to the history."""
        training = prefix == "train"
        self._set_training(training)
        losses = []
        heard = any(self._watchers[event] for event in ("on_batch_begin", "on_batch_end"))
        for batch in source:
            self.history.new_batch()
            if heard:
                self.notify("on_batch_begin", batch=batch, training=training)
            result = step(batch)
            losses.append(result["terms"])
            if heard:
                self.notify("on_batch_end", batch=batch, training=training, **result)
            # Its memory is to be that of the next batch, which is made before the name is taken.
            del batch, result
        if training:
            # Running statistics, of the rows that each process has seen.
            self.processes.average([b for b in self.module_.buffers() if b.is_floating_point()])
        share = torch.tensor(source.sizes, dtype=torch.float64) / len(source)
        for name in losses[0]:
            values = torch.stack([terms[name] for terms in losses]).cpu().double()
            self.history.record(f"{prefix}_{name}", float(values @ share))
        loss = self.history[-1, f"{prefix}_loss"]
        # As skorch says it, for callbacks that wait for better epochs.
        self.history.record(f"{prefix}_loss_best", loss < self._best[f"{prefix}_loss"])
        self._best[f"{prefix}_loss"] = min(loss, self._best[f"{prefix}_loss"])
        if training and not np.isfinite(self.history[-1, "train_loss"]):
            raise _diverged(
                f"the loss is {self.history[-1, 'train_loss']} in epoch {len(self.history)}"
            )

    def _train_on(self, forward: Forward, batch: Batch) -> dict[str, Any]:
        terms: dict[str, Tensor] = {}
        if isinstance(self.module_, MLPEnsemble):
            batch = batch.repeated(self.module_.n_members)

        # An optimiser that evaluates a step several times is to see one function.
        again = isinstance(self.optimizer_, torch.optim.LBFGS)
        bits = random_bits(torch.device(self.device)) if again else []

        def closure() -> Tensor:
            self._zero_grad_optimizer()
            if terms and again:
                set_random_bits(bits, torch.device(self.device))
            with passing():
                rows = self.objective(forward, batch)
            if isinstance(rows, dict):
                if "loss" in rows:
                    raise ValueError(
                        'An objective calls a term "loss", which is the name of their sum.'
                    )
                parts = {name: _mean(value, batch) for name, value in rows.items()}
                loss = torch.stack(list(parts.values())).sum()
                terms.update({name: value.detach() for name, value in parts.items()})
            else:
                loss = _mean(rows, batch)
            loss.backward()
            terms["loss"] = loss.detach()
            if self.processes.count > 1:
                gradients = [p.grad for p in self.module_.parameters() if p.grad is not None]
                self.processes.add([*gradients, *terms.values()])
            if self._watchers["on_grad_computed"]:
                # A list: every callback goes through it anew.
                named_parameters = list(self.module_.named_parameters())
                self.notify("on_grad_computed", named_parameters=named_parameters, batch=batch)
            return loss

        self._step_optimizer(closure)
        return {"loss": terms["loss"], "terms": terms, "y_pred": None}

    @torch.no_grad()
    def _validate_on(self, batch: Batch) -> dict[str, Any]:
        with passing():
            output = first_output(call(self.module_, batch.X))
            loss = _mean(self.row_loss(output, batch.target), batch)
        self.processes.add([loss])
        return {"loss": loss, "terms": {"loss": loss}, "y_pred": output}

    def check_weights(self) -> None:
        """Raise a ValueError if the last step, which no loss has seen, left weights useless."""
        if not all(weight.isfinite().all() for weight in self.module_.parameters()):
            raise _diverged("weights are not finite")

    def release(self) -> None:
        """Let go of data and teachers."""
        self.objective = self.row_loss = self.checkpoint = None
        self.converted = None
        self.processes = Processes()
        self.callbacks: Any = None
        self.callbacks_: list = []
        self._watchers = {}
        # The builder knows the estimator that holds this net.
        self.module = type(self.module_)


def _mean(rows: Tensor | WeightedRows, batch: Batch) -> Tensor:
    rows, weight = rows if isinstance(rows, WeightedRows) else (rows, batch.weight)
    if rows.shape != batch.rows.shape:
        raise ValueError(
            f"The loss must be one number per row: expected shape {tuple(batch.rows.shape)}, got "
            f"{tuple(rows.shape)}."
        )
    if weight is not None:
        rows = rows * weight
    if batch.n_own is None:
        return rows.mean() if batch.share == 1 else rows.mean() * batch.share
    own = rows.view(batch.n_copies, -1)[:, : batch.n_own]
    return own.sum() / len(rows) * batch.share


def _as_tuple(returned: Any) -> tuple[Any, ...]:
    return returned if isinstance(returned, tuple) else (returned,)


def _to_float32(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(_to_float32(entry) for entry in part)
    return part.float() if isinstance(part, Tensor) and part.is_floating_point() else part


def _diverged(sign: str) -> ValueError:
    return ValueError(f"Training diverged: {sign}. Lower lr, set clip_norm, or scale the features.")
