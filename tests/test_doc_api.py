"""The documentation of every public name: complete, with sources and examples, and listed."""

import importlib
import inspect
import re
import tomllib
from importlib.util import find_spec

import pytest

import sklearn_ldl

pytest.importorskip("numpydoc")

from numpydoc.docscrape import get_doc_object
from numpydoc.validate import ERROR_MSGS, validate

from tests import ROOT

INDEX = ROOT / "doc" / "api" / "index.rst"

# Without a source, and why.
NO_REFERENCE = {
    "LabelDistributionMixin": "what estimators share, each with its own source",
    "check_distribution": "a check",
    "datasets.fetch_ldl": "names the publication of every data set where it describes it",
    "datasets.list_datasets": "a list",
    "datasets.load_ldl": "a reader",
    "datasets.load_table": "a reader",
    "datasets.make_faces": "invented here",
    "datasets.make_reviews": "invented here",
    "datasets.read_csv": "a reader",
    "datasets.read_mat": "a reader",
    "datasets.read_npz": "a reader",
    "decoding.decode": "applies one of the rules, which have theirs",
    "decoding.median": "a textbook matter",
    "decoding.quantile": "a textbook matter",
    "deep.CheckpointError": "an error",
    "deep.DeepClassifier": "what classifiers share, each with its own source",
    "deep.DeepDistributionRegressor": "what regressors share, each with its own source",
    "deep.DeepValueRegressor": "what regressors share, each with its own source",
    "deep.from_heatmap_coordinates": "a change of units",
    "deep.to_heatmap_coordinates": "a change of units",
    "deploy.NotConvertibleError": "an error",
    "deploy.describe": "a reader",
    "deploy.load": "a reader",
    "deploy.register_converters": "a list for skl2onnx",
    "deploy.save": "a writer",
    "deploy.skops_types": "a list",
    "deploy.to_onnx": "a change of format",
    "distributors.DominantSplit": "a result of split_dominant, which has its own",
    "distributors.VoteDispersion": "a result of vote_dispersion, which has its own",
    "distributors.VoteError": "a result of expected_vote_error, which has its own",
    "distributors.product_grid": "all combinations of values",
    "distributors.VoteTable": "a result of vote_table_to_distribution, which has its own",
    "inspection.DistributionDependence": "a result of distribution_dependence, which has its own",
    "inspection.ShapValues": "a result of shap_values, which has its own",
    "uncertainty.Region": "a result of ConformalLDL, which has its own",
    "uncertainty.Uncertainty": "a result of decompose_uncertainty, which has its own",
    "metrics.get_ldl_scorer_names": "a list",
    "plotting.LabelDistributionDisplay": "shows what it is given",
    "testing.as_regressor": "a tool for tests",
    "testing.expected_failures": "a list",
    "testing.skipped_checks": "a list",
}


def public_objects():
    """Name below `sklearn_ldl` -> object."""
    installed = {"deep": find_spec("skorch") is not None}
    modules = {**sklearn_ldl._PUBLIC, **dict.fromkeys(sklearn_ldl._MODULES)}
    names = [name for name, module in modules.items() if installed.get(module, True)]
    objects = {name: getattr(sklearn_ldl, name) for name in names if name in sklearn_ldl._PUBLIC}
    for module in sklearn_ldl._MODULES:
        if installed.get(module, True):
            loaded = importlib.import_module(f"sklearn_ldl.{module}")
            new = [name for name in loaded.__all__ if name not in objects]
            objects |= {f"{module}.{name}": getattr(loaded, name) for name in new}
    return objects


def own_methods(name, cls):
    """Public methods and properties that are written here, under the name of one class."""
    for attribute, member in inspect.getmembers_static(cls):
        function = getattr(member, "__func__", None) or getattr(member, "fget", None)
        function = inspect.unwrap(function or getattr(member, "fn", member))
        if (
            not attribute.startswith("_")
            and callable(function)
            and (getattr(function, "__module__", None) or "").startswith("sklearn_ldl")
        ):
            yield function, f"{name}.{attribute}"


PUBLIC = public_objects()
CLASSES = {name: public for name, public in PUBLIC.items() if inspect.isclass(public)}
METHODS = dict(pair for name, cls in CLASSES.items() for pair in own_methods(name, cls)).values()
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]
CHECKS = set(ERROR_MSGS) - set(SETTINGS["checks"])


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_docstring_is_valid(name):
    errors = validate(f"sklearn_ldl.{name}")["errors"]
    assert [error for error in errors if error[0] in CHECKS] == []


def test_settings_leave_checks_out_by_name():
    assert SETTINGS["checks"][0] == "all"
    assert set(SETTINGS["checks"][1:]) < set(ERROR_MSGS)


def section(name, title):
    return get_doc_object(PUBLIC[name])[title]


@pytest.mark.parametrize("name", [name for name, public in PUBLIC.items() if callable(public)])
def test_defaults_are_those_of_the_signature(name):
    signature = inspect.signature(PUBLIC[name]).parameters
    for parameter in section(name, "Parameters"):
        names = [own for own in parameter.name.split(", ") if own in signature]
        written = re.search(r"default=(.+)", parameter.type)
        if not written or not names:
            continue
        stated = eval(written[1], {})
        values = tuple(signature[own].default for own in names)
        # One default of all parameters that share a line, or one each.
        assert stated == values or values == (stated,) * len(names), parameter


@pytest.mark.parametrize("name", PUBLIC)
def test_there_is_an_example(name):
    assert any(line.startswith(">>> ") for line in section(name, "Examples"))


@pytest.mark.parametrize("name", PUBLIC)
def test_sources_have_authors_title_venue_and_year(name):
    references = "\n".join(section(name, "References")).split("\n\n")
    if name in NO_REFERENCE:
        assert references == [""], "it has a reference: take it off the list"
        return
    for reference in references:
        text = " ".join(reference.split())
        assert re.match(r'(\w\.[- ]?)+ .*, ".+", .*\b(19|20)\d\d\b', text), text


def test_what_needs_no_source_is_public():
    assert find_spec("skorch") is None or NO_REFERENCE.keys() <= PUBLIC.keys()
