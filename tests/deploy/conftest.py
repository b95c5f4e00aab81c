from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pytest


@pytest.fixture(scope="package", autouse=True)
def operators_are_read_once():
    """torch's exporter reads the sources of all operators in every export: half of its time."""
    if find_spec("torch") is None or find_spec("onnxscript") is None:
        yield
        return
    apis = import_module("onnxscript._framework_apis.torch_2_5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apis, "get_torchlib_ops", cache(apis.get_torchlib_ops))
        yield
