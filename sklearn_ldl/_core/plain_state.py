"""The state of objects in plain values, for files that are read without running what they hold.

Arrays, numbers, texts and estimators are left as they are. What readers of such files refuse, or
trust at their own risk alone, becomes arrays and numbers: trees of decisions, whose nodes are
checked when they come back; trees of neighbours, which are built again from their points; sparse
arrays; and a few parts of scikit-learn that are known by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ldl._core.sklearn_compat import STATEFUL_PARTS, stateful_part

#: Key of a dictionary that stands for an object of the named kind.
KIND = "sklearn_ldl kind"
_SPARSE = {"csr": sparse.csr_array, "csc": sparse.csc_array}
_SPARSE_MATRIX = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}
_DECISIONS, _NEIGHBORS = "Tree", ("KDTree", "BallTree")


class PlainState:
    """Mixin for classes that fitted models hold, whose state is to be plain.

    It also says of a class, which need not be an estimator, that it is part of saved models, and
    that its constructor does nothing but compute.
    """

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        return _packed_attributes(self._kept_state(state or {}), {})  # None without attributes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._take_state(_unpacked_attributes(state, {}))

    def _kept_state(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept of the attributes."""
        return attributes

    def _take_state(self, attributes: dict[str, Any]) -> None:
        """Take the attributes that were kept."""
        vars(self).update(attributes)


def _packed_attributes(attributes: dict[str, Any], memo: dict) -> dict[str, Any]:
    if type(attributes.get("_tree")).__name__ in _NEIGHBORS:
        attributes = {**attributes, "_tree": None}
    return {name: _packed(value, memo) for name, value in attributes.items()}


def _unpacked_attributes(state: dict[str, Any], memo: dict) -> dict[str, Any]:
    attributes = {name: _unpacked(value, memo) for name, value in state.items()}
    kind = {"kd_tree": "KDTree", "ball_tree": "BallTree"}.get(attributes.get("_fit_method", ""))
    if kind is not None and attributes["_tree"] is None:
        attributes["_tree"] = stateful_part(kind)(
            attributes["_fit_X"],
            attributes["leaf_size"],
            metric=attributes["effective_metric_"],
            **attributes["effective_metric_params_"],
        )
    return attributes


def _packed(value: Any, memo: dict) -> Any:
    """Return what stands for a value; the same object for the same one."""
    if type(value) is list:
        return [_packed(entry, memo) for entry in value]
    if type(value) is dict:
        return {key: _packed(entry, memo) for key, entry in value.items()}
    if isinstance(value, tuple):
        entries = [_packed(entry, memo) for entry in value]
        return type(value)(*entries) if hasattr(value, "_fields") else tuple(entries)
    if sparse.issparse(value) and value.format in _SPARSE:
        parts = {name: getattr(value, name) for name in ("data", "indices", "indptr", "shape")}
        is_matrix = isinstance(value, sparse.spmatrix)
        return {KIND: "sparse", "format": value.format, "is_matrix": is_matrix, **parts}
    name = f"{type(value).__module__}.{type(value).__name__}"
    if STATEFUL_PARTS.get(type(value).__name__) != name:
        return value
    if id(value) not in memo:
        kind = type(value).__name__
        if kind == _DECISIONS:
            _, sizes, arrays = value.__reduce__()
            content = {"sizes": sizes, "arrays": arrays}
        else:
            attributes = dict(value) if isinstance(value, dict) else value.__getstate__()
            if kind.endswith("MetadataRequest") and not isinstance(attributes["owner"], str):
                # Named in messages; it is who holds this.
                attributes = {**attributes, "owner": type(attributes["owner"]).__name__}
            content = _packed_attributes(attributes, memo)
        memo[id(value)] = {KIND: kind, "content": content}
    return memo[id(value)]


def _unpacked(value: Any, memo: dict) -> Any:
    """Return the value that :func:`_packed` was given."""
    if type(value) is list:
        return [_unpacked(entry, memo) for entry in value]
    if isinstance(value, tuple):
        entries = [_unpacked(entry, memo) for entry in value]
        return type(value)(*entries) if hasattr(value, "_fields") else tuple(entries)
    if type(value) is not dict:
        return value
    kind = value.get(KIND)
    if kind is None:
        return {key: _unpacked(entry, memo) for key, entry in value.items()}
    if kind == "sparse":
        made = (_SPARSE_MATRIX if value["is_matrix"] else _SPARSE)[value["format"]]
        return made((value["data"], value["indices"], value["indptr"]), shape=value["shape"])
    if kind in _NEIGHBORS:
        raise ValueError(f"A file holds a {kind}, which is built of its points and never written.")
    if id(value) not in memo:
        cls, content = stateful_part(kind), value["content"]
        if kind == _DECISIONS:
            made = _decision_tree(cls, content["sizes"], content["arrays"])
        elif issubclass(cls, dict):
            made = cls(**_unpacked_attributes(content, memo))
        else:
            made = cls.__new__(cls)
            restore = getattr(made, "__setstate__", vars(made).update)
            restore(_unpacked_attributes(content, memo))  # scikit-learn compares its versions
        memo[id(value)] = made
    return memo[id(value)]


def _decision_tree(cls: Any, sizes: tuple, arrays: dict[str, Any]) -> Any:
    """Make a tree of scikit-learn, which follows its nodes without looking where they lead."""
    nodes, n_features = arrays["nodes"], int(sizes[0])
    if cls is None or len(nodes) != arrays["node_count"] or len(arrays["values"]) != len(nodes):
        raise ValueError("A tree has other numbers of nodes than it says.")
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != -1
    here = np.arange(len(nodes))[inner]
    leads_on = all(
        ((here < child[inner]) & (child[inner] < len(nodes))).all() for child in (left, right)
    )
    feature = nodes["feature"][inner]
    if not (len(nodes) and leads_on and ((feature >= 0) & (feature < n_features)).all()):
        raise ValueError("A tree has nodes that lead nowhere: the file is damaged, or was forged.")
    tree = cls(*sizes)
    tree.__setstate__(arrays)
    return tree
