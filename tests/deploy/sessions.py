"""Models that ONNX runtime runs, next to the estimators that they come from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

TOLERANCE = {"float64": 1e-6, "float32": 1e-5}


def feeds(rows):
    """What a model is given for these rows."""
    if isinstance(rows, dict):
        return rows
    if not hasattr(rows, "columns"):
        return {"X": rows}
    text = {name: rows[name].dtype.kind not in "biuf" for name in rows}
    columns = {name: rows[[name]].to_numpy() for name in rows}
    return {name: columns[name].astype(object) if text[name] else columns[name] for name in rows}


def run(model, rows):
    """Outputs of a model by name."""
    session = runtime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds(rows)), strict=True))


def assert_same(model, estimator, rows, tolerance):
    """A model answers as its estimator does, all rows at once and the first alone."""
    answers, first = run(model, rows), run(model, rows[:1] if not isinstance(rows, dict) else rows)
    for name, answer in answers.items():
        if name in ("label", "value"):
            expected = estimator.predict(rows)
        else:
            expected = getattr(estimator, "predict_proba", estimator.predict)(rows)
        assert answer.shape == expected.shape
        assert answer.ndim == len(output_shape(model, name))
        if name == "label":
            assert_array_equal(answer, expected)
            assert_array_equal(first[name][:1], answer[:1])
        else:
            assert np.abs(answer - expected).max() <= tolerance * max(1, np.abs(expected).max())
            assert_allclose(first[name][:1], answer[:1], atol=tolerance)
    return answers


def output_shape(model, name):
    """Declared shape, None where any number will do."""
    [shape] = [o.type.tensor_type.shape for o in model.graph.output if o.name == name]
    return [d.dim_value or None for d in shape.dim]
