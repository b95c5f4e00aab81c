"""Settings of the documentation: ``make -C doc`` builds it, with warnings as errors."""

import inspect
import re
import sys
from pathlib import Path

import matplotlib

import sklearn_ldl

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))  # what pages are drawn with
matplotlib.use("Agg")

import gallery  # noqa: E402

project = "sklearn_ldl"
author = "The sklearn_ldl developers"
project_copyright = author
release = version = sklearn_ldl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
    "myst_parser",
]
# The tables that benchmarks write are included in pages of results, each example in its page.
exclude_patterns = ["_build", "benchmarks", "examples", "_ext"]
templates_path = ["_templates"]
default_role = "literal"
nitpicky = True
# Resolved where their inventories can be read, plain text elsewhere.
_OTHERS = "collections|joblib|mapie|matplotlib|numpy|pandas|pathlib|polars|python|pynndescent"
_OTHERS += "|safetensors|scipy|sklearn|skops|skorch|torch"
nitpick_ignore_regex = [(r"py:.*", rf"({_OTHERS})(\..*)?")]

# Without a network the pages are built without links to other projects: the inventory that comes
# second holds nothing.
_INVENTORIES = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "sklearn": "https://scikit-learn.org/stable",
    "pandas": "https://pandas.pydata.org/docs",
    "matplotlib": "https://matplotlib.org/stable",
    "skorch": "https://skorch.readthedocs.io/en/stable",
    "torch": "https://docs.pytorch.org/docs/stable",
}
intersphinx_mapping = {
    name: (url, (None, str(HERE / "_static" / "empty.inv"))) for name, url in _INVENTORIES.items()
}
intersphinx_timeout = 10

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # types are in the docstrings, with shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 160)]
plot_rcparams = {
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    **gallery.RC,
}
plot_apply_rcparams = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [f"examples/{section}" for section in gallery.SECTIONS],
    "within_subsection_order": "gallery.Order",
    "reset_modules": ("matplotlib", "gallery.reset"),
    "remove_config_comments": True,
    "doc_module": "sklearn_ldl",
    "reference_url": {"sklearn_ldl": None},
    "backreferences_dir": "api/backreferences",
    "abort_on_example_error": True,
    "show_memory": False,
    "parallel": 2,
    "min_reported_time": 1,
    "write_computation_times": False,  # a page that asks other hosts for scripts
    "download_all_examples": False,
    "matplotlib_animations": False,
}

# Formulas need no network: KaTeX 0.19.1 (npm) is in _static.
mathjax_path = "katex/katex.min.js"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_update_mathjax = False
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_ldl"
html_static_path = ["_static"]
html_css_files = ["katex/katex.min.css", "style.css"]
html_js_files = [("formulas.js", {"defer": "defer", "priority": 900})]  # after KaTeX
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
}
html_sidebars = {"whats_new": [], "index": [], "api/index": []}


def _skip_inherited(app, what, name, member, skip, options):
    """Members that come from elsewhere are described there: scikit-learn's, and tuples'."""
    function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
    owner = getattr(function, "__objclass__", function)
    module = getattr(owner, "__module__", None) or type(function).__module__
    if what == "class" and not module.startswith("sklearn_ldl"):
        return True
    return None


def _escape_initials(app, what, name, obj, options, lines):
    """Keep a line such as "X. Geng, ..." from becoming an item of a list."""
    lines[:] = [re.sub(r"^(\s*)([A-Z]\. )", r"\1\\\2", line) for line in lines]


def _draw_chart(app):
    import decision_chart

    (HERE / "guide" / "decision_chart.html").write_text(decision_chart.html())


def setup(app):
    """Connect the functions above with Sphinx."""
    app.connect("autodoc-skip-member", _skip_inherited)
    app.connect("autodoc-process-docstring", _escape_initials, priority=400)
    app.connect("builder-inited", _draw_chart)
