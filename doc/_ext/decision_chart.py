"""The chart from data to estimator: as HTML in the guide, as a picture in the README.

``python doc/_ext/decision_chart.py`` draws the picture, ``doc/_static/choosing.svg``, anew. The
HTML is made when the pages are built; it has links, and folds where the screen is narrow.
"""

from html import escape
from pathlib import Path
from textwrap import wrap

PICTURE = Path(__file__).parents[1] / "_static" / "choosing.svg"
API = "../api/generated/sklearn_ldl."

# Question -> answers -> estimators, of which each is a label, or a label and the name it links to.
CHART: list[tuple[str, list[tuple[str, list[str | tuple[str, str]]]]]] = [
    (
        "Distributions in y: what is a row of X?",
        [
            ("numbers", [("AutoLDL, a minute", "AutoLDL")]),
            ("numbers and categories, with gaps", ["GradientBoostingLDL"]),
            (
                "mixed columns: dates and text, too",
                [("tabular_pipeline(AutoLDL())", "AutoLDL")],
            ),
            ("an image, a text, a sequence", ["DeepLDLRegressor"]),
        ],
    ),
    (
        "Something else in y?",
        [
            (
                "votes, counts, ratings",
                [("votes_to_distribution, then above", "votes_to_distribution")],
            ),
            ("values: ages, angles, points", ["LDLRegressor", "KernelDensityRegressor"]),
            ("class labels", ["LDLClassifier", "DeepLDLClassifier"]),
            (
                "class labels, and a teacher: any fitted classifier",
                [
                    "OfflineLDLClassifier",
                    ("OnlineLDLClassifier, its own teacher", "OnlineLDLClassifier"),
                ],
            ),
            ("noisy class labels, and auxiliary labels", ["AuxGraphLDLClassifier"]),
            ("class labels of annotators who mistake them", ["NoiseAdaptationClassifier"]),
            (
                "labels that apply or not",
                ["MultiLabelLDLClassifier", "LabelEnhancementClassifier"],
            ),
        ],
    ),
    (
        "One model that you choose yourself?",
        [
            (
                "linear: to read, to test",
                [
                    "BFGSLDL",
                    ("SmoothBFGSLDL, labels on a scale", "SmoothBFGSLDL"),
                    "MultinomialInference",
                ],
            ),
            (
                "curved, for up to some 10,000 rows",
                [
                    "LDSVR",
                    "KNeighborsLDL",
                    ("make_pipeline(Nystroem(), BFGSLDL())", "BFGSLDL"),
                ],
            ),
            ("trees: features of many kinds", ["GradientBoostingLDL"]),
            ("several, mixed", ["StackingLDL"]),
        ],
    ),
    (
        "Something wrong with the predictions?",
        [
            ("too sure, or not sure enough", ["TemperatureCalibrator"]),
            ("how far off they may be", ["ConformalLDL"]),
            (
                "new data have other labels more often than training data",
                ["LabelShiftCorrector"],
            ),
            (
                "rare labels are never predicted",
                ["OFRRegressor", ('DILDLRegressor(rebalance="db")', "DILDLRegressor")],
            ),
        ],
    ),
]

ROW, BOX, GAP = 21, 34, 8  # heights in the picture: of a further line, of a box, between boxes
LEFT, MIDDLE, RIGHT = 10, 270, 620  # left edges of its three columns
WIDE, WIDER, WIDEST = 210, 300, 330  # their widths
STYLE = """
  svg { font: 15px system-ui, sans-serif; --text: #24292f; --line: #8c959f; --link: #0a6f8a }
  rect { fill: none; stroke: var(--line) }
  path { fill: none; stroke: var(--line) }
  text { fill: var(--text); text-anchor: middle }
  .question rect { stroke-width: 2 }
  .question text { font-weight: 600 }
  .estimator rect { stroke: var(--link) }
  .estimator text { fill: var(--link); font: 14px ui-monospace, monospace }
  @media (prefers-color-scheme: dark) { svg { --text: #e6edf3; --line: #7d8590; --link: #5fc3dc } }
"""


def links() -> list[tuple[str, str]]:
    """Return the label of every estimator with the public name that it links to."""
    return [
        (item, item) if isinstance(item, str) else item
        for _, answers in CHART
        for _, estimators in answers
        for item in estimators
    ]


def html() -> str:
    """Return the chart as nested lists, which the style sheet makes a tree."""
    names = dict(links())
    parts = ['<div class="decision-chart">']
    for question, answers in CHART:
        parts.append(f'<section><p class="question">{escape(question)}</p><ul>')
        for answer, estimators in answers:
            parts.append(f'<li><p class="answer">{escape(answer)}</p><p class="estimators">')
            for item in estimators:
                label = item if isinstance(item, str) else item[0]
                parts.append(f'<a href="{API}{names[label]}.html">{escape(label)}</a>')
            parts.append("</p></li>")
        parts.append("</ul></section>")
    return "\n".join([*parts, "</div>"]) + "\n"


def svg() -> str:
    """Return the chart as a picture that brings its own style."""
    parts: list[str] = []
    y = 10.0
    for question, answers in CHART:
        start = y
        middles = []
        for answer, estimators in answers:
            lines = wrap(answer, 36)
            height = max(_height(lines), len(estimators) * (BOX + GAP) - GAP)
            middle = y + height / 2
            middles.append(middle)
            parts.append(_box(MIDDLE, middle, WIDER, lines, "answer"))
            for k, item in enumerate(estimators):
                level = middle + (k - (len(estimators) - 1) / 2) * (BOX + GAP)
                label = item if isinstance(item, str) else item[0]
                parts.append(_line(MIDDLE + WIDER, middle, RIGHT, level))
                parts.append(_box(RIGHT, level, WIDEST, [label], "estimator"))
            y += height + 2 * GAP
        middle = (start + y - 2 * GAP) / 2
        parts += [_line(LEFT + WIDE, middle, MIDDLE, end) for end in middles]
        parts.append(_box(LEFT, middle, WIDE, wrap(question, 23), "question"))
        y += 3 * GAP
    width = RIGHT + WIDEST + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - 3 * GAP:.0f}" '
        f'role="img" aria-label="From data to estimator">\n<style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _height(lines: list[str]) -> float:
    return BOX + (len(lines) - 1) * ROW


def _box(x: float, middle: float, width: float, lines: list[str], kind: str) -> str:
    height = _height(lines)
    top = middle - height / 2
    text = "".join(
        f'<text x="{x + width / 2:g}" y="{top + BOX / 2 + k * ROW + 5.5:g}">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    box = f'<rect x="{x}" y="{top:g}" width="{width}" height="{height}" rx="6"/>'
    return f'<g class="{kind}">{box}{text}</g>'


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    half = (x0 + x1) / 2
    return f'<path d="M{x0} {y0:g} C{half:g} {y0:g} {half:g} {y1:g} {x1} {y1:g}"/>'


if __name__ == "__main__":
    PICTURE.write_text(svg())
