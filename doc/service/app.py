"""Serve a saved pipeline: a row as JSON in; a distribution, an interval and a label set out.

One plain ASGI application, without a framework::

    MODEL=model.skops uvicorn --factory app:create
    curl -d '{"price": 30, "weight": 2.5, "praise": 1, "blame": 0}' localhost:8000/predict

The pipeline was fitted to a data frame with columns of numbers, and its last step is a
``ConformalLDL``. Where the names of its labels are numbers, such as stars, there is an interval.
An answer takes about a millisecond, and so is made where requests are read; for more cores start
uvicorn with ``--workers``.
"""

import json
import os

import numpy as np
import pandas as pd

from sklearn_ldl.decoding import quantile
from sklearn_ldl.deploy import load

MOST_BYTES = 10_000
LARGEST = 1e70
LEVELS = [0.05, 0.95]


class Refusal(Exception):
    """A request that is not answered: a status of HTTP and a message."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status, self.headers = status, headers


class Model:
    """What a pipeline says about one row."""

    def __init__(self, pipeline):
        self.prepare, self.learner = pipeline[:-1], pipeline[-1]
        self.features = pd.Index(pipeline.feature_names_in_)
        self.labels = [str(name) for name in self.learner.label_names_]
        try:
            self.grid = np.array(self.labels, dtype=float)
        except ValueError:
            self.grid = None

    def answer(self, row):
        """Predict; what comes before the learner runs once for everything that is asked of it."""
        frame = self.frame(row)
        try:
            X = self.prepare.transform(frame)
            D = self.learner.predict(X)
            [chosen] = self.learner.predict_set(X)
        except ValueError as error:
            raise Refusal(422, str(error)) from error
        answer = {"distribution": dict(zip(self.labels, D[0].tolist(), strict=True))}
        if self.grid is not None:
            answer["interval"] = quantile(D, self.grid, LEVELS)[0].tolist()
        answer["set"] = [label for label, inside in zip(self.labels, chosen, strict=True) if inside]
        return answer

    def frame(self, row):
        """Validate the fields of a row, and put them into the order of the columns."""
        if not isinstance(row, dict):
            raise Refusal(422, "A row is an object: names of columns with their values.")
        if missing := [name for name in self.features if name not in row]:
            raise Refusal(422, f"Missing columns: {', '.join(missing)}.")
        if unknown := [name for name in row if name not in self.features]:
            raise Refusal(422, f"Unknown columns: {', '.join(unknown)}.")
        for name, value in row.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Refusal(422, f"{name} must be a number.")
            if not abs(value) < LARGEST:  # nor is NaN
                raise Refusal(422, f"{name} must be finite, and less than {LARGEST:g}.")
        values = [[float(row[name]) for name in self.features]]
        return pd.DataFrame(values, columns=self.features)


async def body_of(receive):
    """Read the body of a request, but not an endless one."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise Refusal(413, f"A row has {MOST_BYTES} bytes at most.")
    return body


def fields(pairs):
    """Make an object of its fields, each of which may come once."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise Refusal(422, "A column is given twice.")
    return row


def parse(body):
    """Read JSON."""
    try:
        return json.loads(body, object_pairs_hook=fields)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is not JSON: {error}") from error


def create(pipeline=None):
    """Make the application, with the pipeline in the file that the environment names."""
    model = Model(load(os.environ["MODEL"]) if pipeline is None else pipeline)
    about = {"status": "ok", "features": list(model.features), "labels": model.labels}

    async def respond(scope, receive):
        methods = {"/health": "GET", "/predict": "POST"}
        method = methods.get(scope["path"])
        if method is None:
            raise Refusal(404, f"There is nothing here but {' and '.join(methods)}.")
        if scope["method"] != method:
            raise Refusal(405, f"Use {method}.", allow=method)
        return about if method == "GET" else model.answer(parse(await body_of(receive)))

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        status, headers = 200, {}
        try:
            answer = await respond(scope, receive)
        except Refusal as refusal:
            status, headers, answer = refusal.status, refusal.headers, {"error": str(refusal)}
        body = json.dumps(answer).encode()
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return app
