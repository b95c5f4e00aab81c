"""Compare what a prediction of one row takes with logistic regression, alone and as a service."""

import asyncio
import json
import sys
import tempfile
import threading
import time
from contextlib import chdir, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from _common import run
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    BFGSLDLCV,
    ConformalLDL,
    GradientBoostingLDL,
    KNeighborsLDL,
    LabelShiftCorrector,
    LDLClassifier,
    LDLRegressor,
    SmoothBFGSLDL,
    StackingLDL,
    TemperatureCalibrator,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep import PRESETS, DeepLDLRegressor

SERVICE = Path(__file__).parents[1] / "doc" / "service"
REFERENCE = "LogisticRegression()"


def linear():
    """Estimators, and which targets they are fitted to."""
    two = [("one", BFGSLDL()), ("other", SmoothBFGSLDL())]
    return {
        REFERENCE: (LogisticRegression(), "labels"),
        "BFGSLDL()": (BFGSLDL(), "distributions"),
        "BFGSLDLCV()": (BFGSLDLCV(), "distributions"),
        "SmoothBFGSLDL()": (SmoothBFGSLDL(), "distributions"),
        "LDLClassifier()": (LDLClassifier(), "labels"),
        "LDLRegressor()": (LDLRegressor(), "values"),
        "TemperatureCalibrator()": (TemperatureCalibrator(), "distributions"),
        "LabelShiftCorrector()": (LabelShiftCorrector(), "distributions"),
        "ConformalLDL()": (ConformalLDL(), "distributions"),
        "StackingLDL of two": (StackingLDL(two, weights=[1, 1]), "distributions"),
    }


def others(quick):
    """Estimators beside such of scikit-learn: ours, theirs, and what theirs is fitted to."""
    n_trees, n_epochs = (5, 1) if quick else (400, 20)
    boosted = GradientBoostingLDL(n_trees, random_state=0)
    trees = HistGradientBoostingClassifier(max_iter=max(n_trees // 4, 1), early_stopping=False)
    network = PRESETS["plain"] | {"max_epochs": n_epochs, "random_state": 0}
    theirs = MLPRegressor(max_iter=n_epochs, random_state=0)
    forest = ExtraTreesRegressor(n_trees // 4, random_state=0)
    return {
        "KNeighborsLDL()": (KNeighborsLDL(), KNeighborsRegressor(), "distributions"),
        f"GradientBoostingLDL({n_trees})": (boosted, trees, "labels"),
        "StackingLDL of BFGSLDL and a forest": (
            StackingLDL([("linear", BFGSLDL()), ("forest", forest)], weights=[1, 1]),
            forest,
            "distributions",
        ),
        "DeepLDLRegressor, one network": (DeepLDLRegressor(**network), theirs, "distributions"),
        "DeepLDLRegressor(), an ensemble": (
            DeepLDLRegressor(max_epochs=n_epochs, random_state=0),
            theirs,
            "distributions",
        ),
    }


def scaled(estimator, X, y):
    return make_pipeline(StandardScaler(), estimator).fit(X, y)


def medians(calls, n_calls):
    """Measure functions, called in turn in any order: medians of CPU seconds, by their names."""
    took = {name: np.empty(n_calls) for name in calls}
    rng = np.random.default_rng(0)
    for k in range(-1 - n_calls // 10, n_calls):  # the first ones do not count
        for name in rng.permutation(list(calls)):
            start = time.process_time()
            calls[name]()
            elapsed = time.process_time() - start
            if k >= 0:
                took[name][k] = elapsed
    return {name: float(np.median(seconds)) for name, seconds in took.items()}


def compare_linear(report, data, n_calls):
    X, targets = data
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    found = {}
    for given, fit, rows in (
        ("array", scaled, X),
        ("frame", scaled, frame),
        ("bare array", lambda e, X, y: e.fit(X, y), X),
    ):
        models = {name: fit(e, rows, targets[kind]) for name, (e, kind) in linear().items()}
        for method in ("predict", "predict_proba"):
            calls = {
                name: partial(getattr(model, method), rows[:1]) for name, model in models.items()
            }
            column = given if method == "predict" else f"{given}, proba"
            found[column] = medians(calls, n_calls)
    report.section("## Linear models")
    table = report.table(estimator="", **dict.fromkeys(found, ".2f"))
    for name in linear():
        ratios = {column: took[name] / took[REFERENCE] for column, took in found.items()}
        table.row(estimator=name, **ratios)
    took = [f"{column} {took[REFERENCE] * 1e6:.0f}" for column, took in found.items()]
    report.say("", f"Microseconds of `{REFERENCE}`: {'; '.join(took)}.")


def compare_others(report, data, n_calls, quick):
    X, targets = data
    models = {REFERENCE: scaled(LogisticRegression(), X, targets["labels"])}
    for name, (ours, theirs, kind) in others(quick).items():
        models[name] = scaled(ours, X, targets["distributions"])
        models[f"theirs of {name}"] = scaled(theirs, X, targets[kind])
    took = medians({name: partial(m.predict, X[:1]) for name, m in models.items()}, n_calls)
    report.section("## Neighbours, trees, networks")
    table = report.table(estimator="", ratio=".1f", beside="", **{"ratio to it": ".2f"})
    for name, (_, theirs, _) in others(quick).items():
        to_it = {"ratio to it": took[name] / took[f"theirs of {name}"]}
        ratio = took[name] / took[REFERENCE]
        table.row(estimator=name, ratio=ratio, beside=type(theirs).__name__, **to_it)


@contextmanager
def serving(application):
    """Start a server in another thread, and give what asks it for a body by HTTP."""
    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.01)
    connection = HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])

    def ask(body):
        connection.request("POST", "/predict", body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(answer.decode())

    try:
        yield ask
    finally:
        connection.close()
        server.should_exit = True
        thread.join()


def ask_in_process(app, body, loop):
    """Call an ASGI application as a server does."""

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        pass

    scope = {"type": "http", "path": "/predict", "method": "POST"}
    loop.run_until_complete(app(scope, receive, send))


def compare_service(report, n_calls):
    sys.path.insert(0, str(SERVICE))
    import app
    import train

    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        train.main()
        pipeline = app.load("model.skops")
        row = {name: float(k) for k, name in enumerate(pipeline.feature_names_in_, start=1)}
        frame, body = pd.DataFrame([row]), json.dumps(row).encode()
        model, application = app.Model(pipeline), app.create(pipeline)
        X = model.prepare.transform(frame)
        D = model.learner.predict(X)
        loop = asyncio.new_event_loop()
        whole = "pipeline.predict of a frame"
        calls = {
            whole: lambda: pipeline.predict(frame),
            "fields validated, in a frame": lambda: model.frame(row),
            "steps before the learner": lambda: model.prepare.transform(frame),
            "distribution": lambda: model.learner.predict(X),
            "interval": lambda: app.quantile(D, model.grid, app.LEVELS),
            "label set": lambda: model.learner.predict_set(X),
            "answer of the application": lambda: ask_in_process(application, body, loop),
        }
        with serving(application) as ask:
            calls["answer by HTTP, its client included"] = lambda: ask(body)
            took = medians(calls, n_calls)
        loop.close()
    report.section("## A service")
    table = report.table(what="", microseconds=".0f", ratio=".2f")
    for name, seconds in took.items():
        table.row(what=name, microseconds=seconds * 1e6, ratio=seconds / took[whole])


def main(report, options):
    n_calls, n_rows = (10, 60) if options.quick else (1000, 1000)
    X, D = make_ldl(n_rows, random_state=0)
    data = X, {"distributions": D, "labels": D.argmax(axis=1), "values": X.sum(axis=1)}
    compare_linear(report, data, n_calls)
    report.say("")
    compare_others(report, data, n_calls, options.quick)
    report.say("")
    compare_service(report, n_calls)


if __name__ == "__main__":
    run(__doc__, main, "torch", "skops", "uvicorn")
