"""The chart from data to estimator, as SVG with links, drawn when the pages are built."""

from html import escape

API = "../api/generated/sklearn_ldl."
ROW, BOX, GAP = 26, 34, 8  # heights: of a line of text, a box of one line, and between boxes
LEFT, MIDDLE, RIGHT = 10, 270, 620  # left edges of the three columns
WIDE, WIDER, WIDEST = 210, 300, 370  # their widths

# Question -> answers -> estimators. An estimator is its label, and what the label links to.
CHART = [
    (
        ["What does y hold?"],
        [
            (
                ["class labels"],
                [("LDLClassifier",) * 2, ("DeepLDLClassifier",) * 2],
            ),
            (
                ["class labels, and a teacher:", "any fitted classifier"],
                [
                    ("OfflineLDLClassifier",) * 2,
                    ("OnlineLDLClassifier, its own teacher", "OnlineLDLClassifier"),
                ],
            ),
            (
                ["noisy class labels,", "and auxiliary labels"],
                [("AuxGraphLDLClassifier",) * 2],
            ),
            (
                ["class labels of annotators", "who mistake them"],
                [("NoiseAdaptationClassifier",) * 2],
            ),
            (
                ["labels that apply or not"],
                [("MultiLabelLDLClassifier",) * 2, ("LabelEnhancementClassifier",) * 2],
            ),
            (
                ["values: ages, angles, points"],
                [("LDLRegressor",) * 2, ("KernelDensityRegressor",) * 2],
            ),
            (
                ["votes, counts, ratings"],
                [("votes_to_distribution, then as below", "votes_to_distribution")],
            ),
            (
                ["distributions"],
                [("BFGSLDL",) * 2, ("SmoothBFGSLDL, for labels on a scale", "SmoothBFGSLDL")],
            ),
        ],
    ),
    (
        ["Is the linear model", "too simple?"],
        [
            (
                ["up to some 10,000 rows"],
                [
                    ("LDSVR",) * 2,
                    ("KNeighborsLDL",) * 2,
                    ("make_pipeline(Nystroem(), BFGSLDLCV())", "BFGSLDLCV"),
                ],
            ),
            (["features of many kinds"], [("GradientBoostingLDL",) * 2]),
            (["images, text, many rows"], [("DeepLDLRegressor",) * 2]),
            (["time for several of these"], [("AutoLDL",) * 2, ("StackingLDL",) * 2]),
        ],
    ),
    (
        ["Something wrong with", "the predictions?"],
        [
            (["too sure, or not sure enough"], [("TemperatureCalibrator",) * 2]),
            (
                ["new data have other labels", "more often than training data"],
                [("LabelShiftCorrector",) * 2],
            ),
            (
                ["rare labels are never predicted"],
                [("OFRRegressor",) * 2, ('DILDLRegressor(rebalance="db")', "DILDLRegressor")],
            ),
        ],
    ),
]


def svg() -> str:
    """Return the drawing."""
    parts: list[str] = []
    y = 10.0
    for question, answers in CHART:
        start = y
        middles = []
        for answer, estimators in answers:
            height = max(_height(answer), len(estimators) * (BOX + GAP) - GAP)
            middle = y + height / 2
            middles.append(middle)
            parts.append(_box(MIDDLE, middle - _height(answer) / 2, WIDER, answer, "answer"))
            for k, (label, name) in enumerate(estimators):
                top = middle + (k - len(estimators) / 2) * (BOX + GAP) + GAP / 2
                parts.append(_line(MIDDLE + WIDER, middle, RIGHT, top + BOX / 2))
                box = _box(RIGHT, top, WIDEST, [label], "estimator")
                parts.append(f'<a href="{API}{name}.html">{box}</a>')
            y += height + 2 * GAP
        middle = (start + y - 2 * GAP) / 2
        parts += [_line(LEFT + WIDE, middle, MIDDLE, end) for end in middles]
        parts.append(_box(LEFT, middle - _height(question) / 2, WIDE, question, "question"))
        y += 3 * GAP
    width = RIGHT + WIDEST + 10
    return (
        f'<svg class="decision-chart" viewBox="0 0 {width} {y:.0f}" role="img" '
        'aria-label="From data to estimator">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _height(lines: list[str]) -> float:
    return BOX + (len(lines) - 1) * ROW * 0.8


def _box(x: float, y: float, width: float, lines: list[str], kind: str) -> str:
    height = _height(lines)
    text = "".join(
        f'<text x="{x + width / 2:.1f}" y="{y + BOX / 2 + k * ROW * 0.8 + 5.5:.1f}">'
        f"{escape(line)}</text>"
        for k, line in enumerate(lines)
    )
    box = f'<rect x="{x}" y="{y:.1f}" width="{width}" height="{height:.1f}" rx="6"/>'
    return f'<g class="{kind}">{box}{text}</g>'


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    half = (x0 + x1) / 2
    return f'<path d="M{x0} {y0:.1f} C{half} {y0:.1f} {half} {y1:.1f} {x1} {y1:.1f}"/>'
