"""Fitted estimators as ONNX models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator

from sklearn_ldl._core.extras import MissingExtraError

if TYPE_CHECKING:
    from onnx import ModelProto


def register_converters() -> None:
    """Tell skl2onnx of the estimators of this package, for conversions by its own functions.

    :func:`to_onnx` does so by itself. Call it again after an import of :mod:`sklearn_ldl.deep`, or
    a definition of subclasses, to include these.

    Raises
    ------
    ImportError
        If skl2onnx is missing.

    Examples
    --------
    >>> import skl2onnx
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import register_converters
    >>> register_converters()
    >>> X, D = make_ldl(100, random_state=0)
    >>> model = skl2onnx.to_onnx(BFGSLDL().fit(X, D), X)
    >>> [output.name for output in model.graph.output]
    ['distribution']
    """
    _converters().register()


def to_onnx(
    estimator: BaseEstimator, X: Any, *, target_opset: int | dict[str, int] | None = None
) -> ModelProto:
    """Convert a fitted estimator, or a pipeline of it, to an ONNX model.

    The model takes any number of rows. Outputs are

    * of estimators of distributions, ``distribution`` (n_rows, n_labels);
    * of classifiers, ``label`` (n_rows,) and ``probabilities`` (n_rows, n_labels); of label sets,
      ``label`` holds zeros and ones (n_rows, n_labels);
    * of regressors of values, ``value`` (n_rows,) or (n_rows, n_dims), and ``distribution`` over
      `grid_` where there is one.

    Names of labels and features, `grid_` and the version of this package are in the metadata of the
    model, as JSON: ``label_names``, ``feature_names``, ``grid``, ``sklearn_ldl_version``.

    Parameters
    ----------
    estimator : estimator
        One of this package or of scikit-learn, fitted, in pipelines or searches.
    X : array-like, data frame or dict of arrays, of shape (n_samples, n_features)
        Rows whose types and shapes are those of the model's input: it computes in single precision
        for float32, else in double. An array, also one of images, is the input ``X``; each column
        of a data frame, and each array of a dictionary, is an input of its own, in this order.
    target_opset : int or dict, default=None
        Version of the operators of ONNX, by domain in a dictionary; None takes the one that
        skl2onnx was tested with. Networks need 18 at least, some other estimators 11 or 13.

    Returns
    -------
    model : onnx.ModelProto
        The model; ``onnx.save(model, path)`` writes it.

    Raises
    ------
    NotConvertibleError
        If the estimator, a part of it, or one of their settings does not convert.
    ImportError
        If skl2onnx is missing, or onnxscript for a network.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If `X` has other columns than the rows of the fit, or them in another order, or if the
        operators of `target_opset` do not suffice.
    TypeError
        If `X` is sparse.

    See Also
    --------
    register_converters : For conversions by skl2onnx itself.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import to_onnx
    >>> X, D = make_ldl(100, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), BFGSLDL()).fit(X, D)
    >>> model = to_onnx(pipeline, X)
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> (P,) = session.run(["distribution"], {"X": X})
    >>> bool(abs(P - pipeline.predict(X)).max() < 1e-12)
    True
    """
    return _converters().convert(estimator, X, target_opset)


def _converters() -> Any:
    """Import what needs skl2onnx, or raise the error that names the extra."""
    try:
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("The conversion to ONNX", "skl2onnx", "onnx") from error
    from sklearn_ldl.deploy.onnx import conversion

    return conversion
