"""Pictures of faces with landmarks, pose and expression."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.utils import Bunch, check_array, check_random_state

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, validate_params
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.datasets.face_geometry import (
    ACTION_UNITS,
    EXPRESSIONS,
    LANDMARKS,
    N_TRAITS,
    aged,
    prototypes,
    rotations,
    seen_points,
    shape_faces,
)
from sklearn_ldl.datasets.face_images import View, blurred, cover, paint

# Of the action units around those that the distribution of expressions gives.
_SPREAD_OF_UNITS = 0.1
_NAMES = tuple(EXPRESSIONS)


@underflow_is_zero
@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "image_size": [Interval(Integral, 8, None, closed="left")],
        "n_landmarks": [Interval(Integral, 2, len(LANDMARKS), closed="both")],
        "poses": ["array-like", None],
        "pitch_range": ["array-like"],
        "yaw_range": ["array-like"],
        "roll_range": ["array-like"],
        "expressions": [StrOptions({"mixed", "pure", "neutral"})],
        "age_range": ["array-like", None],
        "n_persons": [Interval(Integral, 1, None, closed="left"), None],
        "shape_variation": [Interval(Real, 0, 1, closed="both")],
        "occlusion": [Interval(Real, 0, 1, closed="both"), "array-like"],
        "blur": [Interval(Real, 0, None, closed="left"), "array-like"],
        "noise": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_faces(
    n_samples: int = 500,
    *,
    image_size: int = 32,
    n_landmarks: int = 11,
    poses: ArrayLike | None = None,
    pitch_range: tuple[float, float] = (-30.0, 30.0),
    yaw_range: tuple[float, float] = (-45.0, 45.0),
    roll_range: tuple[float, float] = (0.0, 0.0),
    expressions: Literal["mixed", "pure", "neutral"] = "mixed",
    age_range: tuple[float, float] | None = None,
    n_persons: int | None = None,
    shape_variation: float = 1.0,
    occlusion: float | tuple[float, float] = 0.0,
    blur: float | tuple[float, float] = 0.0,
    noise: float = 0.02,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate pictures of faces, with their landmarks, poses and expressions.

    A head is an ellipsoid with a nose, eyes, brows and a mouth, turned and seen along parallel
    lines. Persons differ in their shape and brightness, pictures in the light, the background, and
    in where and how large a head is.

    Expressions mix: with the distribution :math:`d` over the expressions and the activations
    :math:`A` of the action units in the pure ones, a face has activations :math:`A^\top d + e` with
    :math:`e \sim N(0, 0.01)`, cut off at 0 and 1. They move the points of the face.

    Parameters
    ----------
    n_samples : int, default=500
        Number of pictures, at least 1.
    image_size : int, default=32
        Height and width in pixels, at least 8.
    n_landmarks : int, default=11
        How many landmarks, from 2 to 15: the eyes, the tip of the nose (3) and the corners of the
        mouth (5), the middles of the lips (7), the ends of the brows (11), the corners of the eyes.
    poses : array-like of shape (n_poses, 2), default=None
        Pitch and yaw in degrees that poses are drawn from. None draws them evenly from the ranges.
    pitch_range, yaw_range, roll_range : (float, float), default=(-30, 30), (-45, 45), (0, 0)
        Least and largest angles in degrees: a head with a positive pitch looks up, one with a
        positive yaw to the right of the picture, and one with a positive roll is turned
        anticlockwise in the picture.
    expressions : {"mixed", "pure", "neutral"}, default="mixed"
        Whether every face mixes two expressions in shares that are drawn evenly, has one, or has
        none.
    age_range : (float, float), default=None
        Least and largest age in years, from 0 to 100, between which ages are drawn evenly. Children
        have large eyes in the lower half of a short head; from the age of 30 on lines deepen, and
        from about 50 on hair turns grey, with some earlier than with others. None makes everybody
        grown up, without lines.
    n_persons : int, default=None
        How many persons the faces belong to; None makes every face another person.
    shape_variation : float, default=1.0
        How much the shapes of persons differ, from 0 to 1.
    occlusion : float or (float, float), default=0.0
        Side of a square patch before the face, as a part of `image_size`: a number, or the range it
        is drawn from.
    blur : float or (float, float), default=0.0
        Standard deviation of a Gaussian blur in pixels: a number, or the range it is drawn from.
    noise : float, default=0.02
        Standard deviation of the noise of pixels.
    random_state : int, RandomState instance or None, default=None
        Seed. Faces and their landmarks do not depend on `occlusion`, `blur` and `noise`.

    Returns
    -------
    faces : Bunch
        A dictionary whose entries are attributes, too.

        images : ndarray of shape (n_samples, 1, image_size, image_size), dtype float32
            Brightness in [0, 1].
        landmarks : ndarray of shape (n_samples, n_landmarks, 2)
            The **(row, column)** of every landmark in pixels; integers are middles of pixels.
        visible : ndarray of shape (n_samples, n_landmarks), dtype bool
            Whether a landmark lies in the picture and neither the head nor the patch hides it.
        landmark_names : list of str
            Their names; "left" is the left of the picture. The first two are the eyes.
        interocular : ndarray of shape (n_samples,)
            Distance of the eyes in pixels, were the face seen from the front.
        pose : ndarray of shape (n_samples, 2)
            Pitch and yaw in degrees.
        pose_index : ndarray of shape (n_samples,)
            Row of `poses`; only with `poses`.
        expression : ndarray of shape (n_samples,)
            The strongest expression, as an index of `expression_names`.
        expression_distribution : ndarray of shape (n_samples, 7)
            Shares of the expressions.
        expression_names : list of str
            Neutral, happy, sad, surprise, fear, disgust, anger.
        action_units : ndarray of shape (n_samples, 11)
            Activations in [0, 1].
        action_unit_names : list of str
            Their names.
        age : ndarray of shape (n_samples,)
            Age in years; only with `age_range`.
        person : ndarray of shape (n_samples,)
            Which person it is.
        patch : ndarray of shape (n_samples, 4)
            First row, first column, height and width of what is before the face, in pixels.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    See Also
    --------
    sklearn_ldl.KernelDensityRegressor : Learns landmarks as densities.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_faces
    >>> faces = make_faces(100, n_landmarks=5, random_state=0)
    >>> faces.images.shape, faces.landmarks.shape, faces.pose.shape
    ((100, 1, 32, 32), (100, 5, 2), (100, 2))
    >>> faces.landmark_names
    ['left_eye', 'right_eye', 'nose_tip', 'mouth_left', 'mouth_right']
    >>> grid = [[pitch, yaw] for pitch in (-30, 0, 30) for yaw in (-60, -30, 0, 30, 60)]
    >>> make_faces(3, poses=grid, random_state=0).pose
    array([[ 30.,  30.],
           [ 30.,  60.],
           [-30., -60.]])
    """
    angles = [
        _range(name, given, -180, 180)
        for name, given in [
            ("pitch_range", pitch_range),
            ("yaw_range", yaw_range),
            ("roll_range", roll_range),
        ]
    ]
    sides = _range("occlusion", occlusion, 0, 1)
    widths = _range("blur", blur, 0, np.inf)
    if poses is not None:
        poses = check_array(poses, dtype=np.float64, input_name="poses")
        if poses.shape[1] != 2:
            raise ValueError(f"poses has shape {poses.shape}, expected (n_poses, 2).")
    random = check_random_state(random_state)

    person = np.arange(n_samples)
    if n_persons is not None:
        person = random.randint(0, n_persons, n_samples)
    n_persons = n_samples if n_persons is None else n_persons
    traits = shape_variation * random.standard_normal((n_persons, N_TRAITS)).clip(-2, 2)
    skin, hair = random.uniform(0.55, 0.9, n_persons), random.uniform(0.05, 0.4, n_persons)

    D = _distributions(random, n_samples, expressions)
    units = D @ prototypes() + _SPREAD_OF_UNITS * random.standard_normal(
        (n_samples, len(ACTION_UNITS))
    )
    units = units.clip(0, 1)
    pitch, yaw, roll = (random.uniform(*ends, n_samples) for ends in angles)
    found = {}
    if poses is not None:
        found["pose_index"] = random.randint(0, len(poses), n_samples)
        pitch, yaw = poses[found["pose_index"]].T

    persons, tones, lines = traits[person], np.stack([skin[person], hair[person]], axis=1), None
    if age_range is not None:
        age = random.uniform(*_range("age_range", age_range, 0, 100), n_samples)
        # Bodies are older or younger than their years.
        body = age + 0.06 * (10 + age) * random.standard_normal((2, n_samples))
        persons = aged(persons, age)
        lines = np.clip((body[0] - 30) / 50, 0, 1)
        grey = expit((body[1] - 52) / 6)
        tones[:, 1] += grey * (0.85 - tones[:, 1])
        found["age"] = age

    light = random.standard_normal((n_samples, 3)) * 0.3 + [-0.3, 0.5, 1.0]
    middle = (image_size - 1) / 2
    view = View(
        R=rotations(pitch, yaw, roll),
        scale=image_size * random.uniform(0.36, 0.44, n_samples),
        centre=middle + image_size * random.uniform(-0.06, 0.06, (n_samples, 2)),
        light=light / np.linalg.norm(light, axis=1, keepdims=True),
        tones=np.column_stack([tones, random.uniform(0.0, 0.6, n_samples)]),
    )
    shapes = shape_faces(units, persons, lines)
    points, visible = seen_points(shapes, view.R)
    landmarks = view.to_pixels(points)
    eyes = shapes.points[:, :2]

    patch = _patches(random, n_samples, image_size, sides)
    patch_tone = random.uniform(0, 1, n_samples)
    sigmas = random.uniform(*widths, n_samples)
    images = paint(shapes, view, image_size)
    cover(images, patch, patch_tone)
    if widths[1] > 0:
        images = blurred(images, sigmas)
    images += noise * random.standard_normal(images.shape)
    nearest = np.rint(landmarks)
    visible &= ((nearest >= 0) & (nearest < image_size)).all(axis=2)
    visible &= ~_covered(nearest, patch)
    return Bunch(
        images=images.clip(0, 1)[:, None],
        landmarks=landmarks[:, :n_landmarks],
        visible=visible[:, :n_landmarks],
        landmark_names=list(LANDMARKS[:n_landmarks]),
        interocular=view.scale * np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1),
        pose=np.stack([pitch, yaw], axis=1),
        expression=D.argmax(axis=1),
        expression_distribution=D,
        expression_names=list(_NAMES),
        action_units=units,
        action_unit_names=list(ACTION_UNITS),
        person=person,
        patch=patch,
        **found,
    )


def _distributions(
    random: np.random.RandomState, n_samples: int, expressions: str
) -> NDArray[np.float64]:
    """Shares of the expressions in every face."""
    n_labels = len(_NAMES)
    first = random.randint(0, n_labels, n_samples)
    second = (first + random.randint(1, n_labels, n_samples)) % n_labels
    share = random.uniform(0.5, 1, n_samples)
    if expressions == "neutral":
        first = np.zeros_like(first)
    if expressions != "mixed":
        share = np.ones(n_samples)
    D = np.zeros((n_samples, n_labels))
    rows = np.arange(n_samples)
    D[rows, second] = 1 - share
    D[rows, first] = share
    return D


def _patches(
    random: np.random.RandomState, n_samples: int, size: int, occlusion: tuple[float, float]
) -> NDArray[np.intp]:
    """Squares whose middles lie in the inner half of the picture."""
    side = np.rint(size * random.uniform(*occlusion, n_samples)).astype(np.intp)
    middle = size * random.uniform(0.25, 0.75, (n_samples, 2))
    first = np.rint(middle - side[:, None] / 2).astype(np.intp)
    first = first.clip(0, (size - side)[:, None])
    return np.column_stack([first, side, side])


def _covered(nearest: NDArray, patch: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which points lie behind the patches."""
    first, side = patch[:, None, :2], patch[:, None, 2:]
    return np.all((first <= nearest) & (nearest < first + side), axis=2)


def _range(name: str, given: ArrayLike, low: float, high: float) -> tuple[float, float]:
    """Two ends of a range, of which a single number is both."""
    ends = np.asarray(given, dtype=np.float64)
    ends = np.repeat(ends, 2) if ends.ndim == 0 else ends
    if ends.shape != (2,) or not np.isfinite(ends).all() or not low <= ends[0] <= ends[1] <= high:
        raise ValueError(
            f"{name} must be two numbers in [{low}, {high}], the least first, got {given!r}."
        )
    return float(ends[0]), float(ends[1])
