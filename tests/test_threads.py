"""Workers that share the cores must not start a thread for each core as well."""

import os

import pytest
from threadpoolctl import threadpool_info


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="runs in a worker of pytest -n")
def test_workers_compute_with_one_thread():
    pools = threadpool_info()
    assert pools
    assert {pool["num_threads"] for pool in pools} == {1}, pools
