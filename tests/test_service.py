"""The example of a service: it answers, it refuses with a message, and a batch says the same."""

import asyncio
import gc
import importlib
import json
import sys
import threading
import time
import weakref
from http.client import HTTPConnection

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl.decoding import quantile
from tests import ROOT
from tests.test_one_row import n_checks

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("skops")

ROW = {"price": 30, "weight": 2.5, "praise": 1, "blame": 0}


@pytest.fixture(scope="module")
def load_module(tmp_path_factory):
    """Import scripts of the example, in a folder with the model and the rows that they make."""
    names = ("app", "batch", "train")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "doc" / "service")
        patch.chdir(tmp_path_factory.mktemp("service"))
        importlib.import_module("train").main()
        yield importlib.import_module
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def pipeline(load_module):
    return load_module("app").load("model.skops")


@pytest.fixture(scope="module")
def ask(load_module, pipeline):
    """``ask(body)`` calls the application, and returns status, headers and answer."""
    app = load_module("app").create(pipeline)

    def ask(body=b"", path="/predict", method="POST"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = iter([(body[:7], True), (body[7:], False)])
        sent = []

        async def receive():
            part, more = next(parts)
            return {"type": "http.request", "body": part, "more_body": more}

        async def send(message):
            sent.append(message)

        asyncio.run(app({"type": "http", "path": path, "method": method}, receive, send))
        start, end = sent
        return start["status"], dict(start["headers"]), json.loads(end["body"])

    return ask


def test_answer_is_what_the_pipeline_says(ask, pipeline):
    status, headers, answer = ask(dict(reversed(ROW.items())))
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    X = pd.DataFrame([ROW])
    D = pipeline.predict(X)
    assert list(answer["distribution"]) == ["1", "2", "3", "4", "5"]
    assert_allclose(list(answer["distribution"].values()), D[0], rtol=1e-12)
    assert_allclose(answer["interval"], quantile(D, range(1, 6), [0.05, 0.95])[0], rtol=1e-12)
    inside = pipeline[-1].predict_set(pipeline[:-1].transform(X))[0]
    assert answer["set"] == [str(k + 1) for k in np.flatnonzero(inside)]
    assert 1 < len(answer["set"]) < 5


def test_answer_costs_one_validation_more_than_a_prediction(ask, pipeline):
    X = pd.DataFrame([ROW])
    assert n_checks(pipeline.predict, X) == 2
    assert n_checks(ask, ROW) == 3


def test_health(ask):
    status, _, answer = ask(path="/health", method="GET")
    assert (status, answer["status"]) == (200, "ok")
    assert (answer["features"], answer["labels"]) == (list(ROW), ["1", "2", "3", "4", "5"])


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "not JSON"),
        (b"price=3", 400, "not JSON"),
        (b"\xff\xfe\xfa", 400, "not JSON"),
        (b" " * 10_001, 413, "10000 bytes at most"),
        (b"[" * 9_999, 400, "not JSON"),
        (b'{"price": 1, "price": 30}', 422, "A column is given twice."),
        ([30, 2.5, 1, 0], 422, "A row is an object"),
        ({}, 422, "Missing columns: price, weight, praise, blame."),
        ({"price": 30, "weight": 2.5, "praise": 1}, 422, "Missing columns: blame."),
        (ROW | {"Price": 1}, 422, "Unknown columns: Price."),
        (ROW | {"price": "30"}, 422, "price must be a number."),
        (ROW | {"price": None}, 422, "price must be a number."),
        (ROW | {"price": True}, 422, "price must be a number."),
        (ROW | {"price": [1]}, 422, "price must be a number."),
        (ROW | {"price": float("nan")}, 422, "price must be finite"),
        (ROW | {"price": float("-inf")}, 422, "price must be finite"),
        (ROW | {"price": 10**400}, 422, "price must be finite, and less than 1e+70."),
        (ROW | {"blame": 9e69}, 422, "scale the features"),  # says the learner
    ],
)
def test_bad_rows_are_refused_with_a_message(ask, body, status, message):
    found, headers, answer = ask(body)
    assert found == status
    assert message in answer["error"]
    assert headers[b"content-type"] == b"application/json"


def test_wrong_places_and_methods(ask):
    assert ask(path="/")[0] == 404
    status, headers, answer = ask(path="/predict", method="GET")
    assert (status, headers[b"allow"], answer) == (405, b"POST", {"error": "Use POST."})
    assert ask(path="/health", method="POST")[0] == 405


def test_labels_without_numbers_have_no_interval(load_module, pipeline):
    names = pipeline[-1].label_names_
    try:
        pipeline[-1].label_names_ = np.array(["awful", "bad", "fair", "good", "great"])
        answer = load_module("app").Model(pipeline).answer(ROW)
    finally:
        pipeline[-1].label_names_ = names
    assert list(answer) == ["distribution", "set"]
    assert "fair" in answer["set"]


def test_a_server_answers(load_module, monkeypatch, ask):
    uvicorn = pytest.importorskip("uvicorn")
    load_module("app")
    monkeypatch.setenv("MODEL", "model.skops")
    config = uvicorn.Config("app:create", factory=True, port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        give_up = time.monotonic() + 60
        while not server.started and thread.is_alive() and time.monotonic() < give_up:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for body in (json.dumps(ROW).encode(), b"{}", b" " * 50_000):
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            status, _, answer = ask(body)
            assert (response.status, json.loads(response.read())) == (status, answer)
        connection.close()
    finally:
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


def test_batch_writes_predictions_partition_by_partition(load_module, monkeypatch, pipeline):
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask.dataframe")
    batch = load_module("batch")
    seen, alive = [], []

    def predict(rows, pipeline):
        gc.collect()
        alive.append(sum(ref() is not None for ref in seen))
        seen.append(weakref.ref(rows))
        return plain(rows, pipeline)

    plain = batch.predict
    monkeypatch.setattr(batch, "predict", predict)
    with dask.config.set(scheduler="synchronous"):
        batch.score(pipeline, "rows.parquet", "scored")
    X, scored = pd.read_parquet("rows.parquet"), pd.read_parquet("scored")
    assert len(seen) >= len(X) // 500
    assert max(alive) <= 1
    assert scored.columns.tolist() == ["1", "2", "3", "4", "5"]
    pd.testing.assert_index_equal(scored.index, X.index, exact="equiv")
    assert_allclose(scored, pipeline.predict(X), rtol=1e-12)
