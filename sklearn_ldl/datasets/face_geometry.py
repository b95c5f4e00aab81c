"""Heads in space: points of a face, how expressions move them, and where they are seen.

Coordinates of a head: x to the right of the picture, y up, z towards the viewer; the head is an
ellipsoid around the origin whose half height is about 1. Faces are symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

#: Points of a face; "left" is the left of the picture.
LANDMARKS = (
    "left_eye",
    "right_eye",
    "nose_tip",
    "mouth_left",
    "mouth_right",
    "mouth_top",
    "mouth_bottom",
    "left_brow_outer",
    "left_brow_inner",
    "right_brow_inner",
    "right_brow_outer",
    "left_eye_outer",
    "left_eye_inner",
    "right_eye_inner",
    "right_eye_outer",
)

ACTION_UNITS = (
    "inner_brow_raise",
    "outer_brow_raise",
    "brow_lower",
    "lid_raise",
    "lid_tighten",
    "nose_wrinkle",
    "mouth_corner_up",
    "mouth_corner_down",
    "mouth_stretch",
    "mouth_tighten",
    "mouth_open",
)

#: Activations of the action units in the pure expressions.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"mouth_corner_up": 1.0, "lid_tighten": 0.5, "mouth_open": 0.2},
    "sad": {"inner_brow_raise": 0.8, "brow_lower": 0.3, "mouth_corner_down": 1.0},
    "surprise": {
        "inner_brow_raise": 1.0,
        "outer_brow_raise": 1.0,
        "lid_raise": 0.8,
        "mouth_open": 1.0,
    },
    "fear": {
        "inner_brow_raise": 1.0,
        "outer_brow_raise": 0.4,
        "brow_lower": 0.4,
        "lid_raise": 1.0,
        "mouth_stretch": 1.0,
        "mouth_open": 0.4,
    },
    "disgust": {
        "nose_wrinkle": 1.0,
        "brow_lower": 0.4,
        "lid_tighten": 0.6,
        "mouth_corner_down": 0.5,
    },
    "anger": {"brow_lower": 1.0, "lid_raise": 0.4, "lid_tighten": 0.2, "mouth_tighten": 1.0},
}

#: Number of traits of a person.
N_TRAITS = 12

#: Traits of a newborn, in standard deviations: a short head with low and wide eyes, a low mouth and
#: a small nose. They are gone at the age of 20.
_NEWBORN = (2.0, -2.5, 0.0, 1.0, -5.0, 2.0, -4.0, 0.0, -1.0, -2.0, -2.0, -4.0)

# A point this far behind a surface, in half heights of the head, still counts as on it.
_ON_SURFACE = 0.02


def prototypes() -> NDArray[np.float64]:
    """Activations (n_expressions, n_action_units) of the pure expressions."""
    return np.array(
        [[units.get(name, 0.0) for name in ACTION_UNITS] for units in EXPRESSIONS.values()]
    )


@dataclass
class Faces:
    """Shapes of faces in coordinates of the head.

    Attributes
    ----------
    axes, nose_axes : ndarray of shape (n_faces, 3)
        Half axes of the ellipsoids of head and nose.
    points : ndarray of shape (n_faces, n_landmarks, 3)
        The landmarks.
    lids : ndarray of shape (n_faces,)
        Half the height of the open eyes.
    wrinkles : ndarray of shape (n_faces,)
        How much the nose is wrinkled.
    lines : ndarray of shape (n_faces,)
        How deep the lines of the forehead are.
    """

    axes: NDArray[np.floating]
    nose_axes: NDArray[np.floating]
    points: NDArray[np.floating]
    lids: NDArray[np.floating]
    wrinkles: NDArray[np.floating]
    lines: NDArray[np.floating]

    def __getitem__(self, rows):
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def nose_centres(self) -> NDArray[np.floating]:
        """Centres (n_faces, 3) of the ellipsoids of the noses."""
        centres = self.points[:, LANDMARKS.index("nose_tip")].copy()
        centres[:, 2] -= self.nose_axes[:, 2]
        return centres


def aged(persons: NDArray, age: NDArray) -> NDArray[np.float64]:
    """Traits of persons at an age in years: those of children differ."""
    childhood = np.maximum(1 - age / 20, 0) ** 1.5
    return persons + childhood[:, None] * np.array(_NEWBORN)


def shape_faces(action_units: NDArray, persons: NDArray, lines: NDArray | None = None) -> Faces:
    """Shape faces by the activations of their muscles and by who they are.

    Parameters
    ----------
    action_units : ndarray of shape (n_faces, n_action_units)
        Activations, 0 at rest.
    persons : ndarray of shape (n_faces, n_traits)
        What differs between persons, in standard deviations; see :data:`N_TRAITS`.
    lines : ndarray of shape (n_faces,), default=None
        How deep the lines of the forehead are, from 0 to 1; None means that there are none.

    Returns
    -------
    faces : Faces
        Their shapes.
    """
    unit = dict(zip(ACTION_UNITS, action_units.T, strict=True))
    trait = iter(persons.T)
    axes = np.stack(
        [
            0.78 + 0.03 * next(trait),
            1.0 + 0.03 * next(trait),
            0.88 + 0.03 * next(trait),
        ],
        axis=1,
    )
    eye_x, eye_y = 0.33 + 0.02 * next(trait), 0.14 + 0.025 * next(trait)
    eye_width = 0.16 + 0.01 * next(trait)
    brow_y, brow_tilt = 0.38 + 0.025 * next(trait), 0.02 * next(trait)
    mouth_y, mouth_width = -0.5 + 0.025 * next(trait), 0.27 + 0.02 * next(trait)
    nose_y, nose_length = -0.14 + 0.025 * next(trait), 0.24 + 0.02 * next(trait)

    wrinkle, opened = unit["nose_wrinkle"], unit["mouth_open"]
    inner_x = 0.15 - 0.04 * unit["brow_lower"]
    inner_y = brow_y - brow_tilt + 0.13 * unit["inner_brow_raise"]
    inner_y -= 0.13 * unit["brow_lower"] + 0.05 * wrinkle
    outer_x = eye_x + 0.19
    outer_y = brow_y + brow_tilt + 0.13 * unit["outer_brow_raise"] - 0.03 * unit["brow_lower"]
    corner_x = mouth_width * (1 + 0.15 * unit["mouth_corner_up"] + 0.25 * unit["mouth_stretch"])
    corner_x -= 0.35 * mouth_width * unit["mouth_tighten"] + 0.15 * mouth_width * opened
    corner_y = mouth_y + 0.12 * unit["mouth_corner_up"] - 0.12 * unit["mouth_corner_down"]
    top_y = mouth_y + 0.03 + 0.03 * opened + 0.09 * wrinkle - 0.01 * unit["mouth_tighten"]
    bottom_y = mouth_y - 0.04 - 0.25 * opened + 0.015 * unit["mouth_tighten"]

    middle = np.zeros(len(axes))
    right = {
        "eye": (eye_x, eye_y),
        "brow_outer": (outer_x, outer_y),
        "brow_inner": (inner_x, inner_y),
        "eye_outer": (eye_x + eye_width, eye_y),
        "eye_inner": (eye_x - eye_width, eye_y),
    }
    places = {f"right_{name}": place for name, place in right.items()}
    places |= {f"left_{name}": (-x, y) for name, (x, y) in right.items()}
    places |= {
        "nose_tip": (middle, nose_y + 0.03 * wrinkle),
        "mouth_left": (-corner_x, corner_y),
        "mouth_right": (corner_x, corner_y),
        "mouth_top": (middle, top_y),
        "mouth_bottom": (middle, bottom_y),
    }
    xy = np.stack([np.stack(places[name], axis=1) for name in LANDMARKS], axis=1)
    z = surface_depth(axes[:, None], xy)
    # The nose stands out of the ellipsoid of the head.
    nose_axes = np.stack([0.12 + middle, 0.2 - 0.03 * wrinkle, nose_length], axis=1)
    z[:, LANDMARKS.index("nose_tip")] += nose_length - 0.04
    return Faces(
        axes=axes,
        nose_axes=nose_axes,
        points=np.concatenate([xy, z[..., None]], axis=2),
        lids=0.095 * (1 + 0.5 * unit["lid_raise"] - 0.55 * unit["lid_tighten"]),
        wrinkles=wrinkle,
        lines=middle if lines is None else lines,
    )


def surface_depth(axes: NDArray, xy: NDArray) -> NDArray[np.float64]:
    """Depth z of the front of an ellipsoid at points (x, y)."""
    inside = 1 - (xy**2 / axes[..., :2] ** 2).sum(axis=-1)
    return axes[..., 2] * np.sqrt(np.maximum(inside, 0))


def rotations(pitch: NDArray, yaw: NDArray, roll: NDArray) -> NDArray[np.float64]:
    r"""Rotation matrices of heads, :math:`R_z(roll) R_y(yaw) R_x(pitch)`, of angles in degrees.

    A head looks along :math:`(\cos p \sin y, \sin p, \cos p \cos y)` without roll: up with a
    positive pitch, to the right of the picture with a positive yaw. A positive roll turns the
    picture anticlockwise.

    Parameters
    ----------
    pitch, yaw, roll : ndarray of shape (n_faces,)
        Angles in degrees.

    Returns
    -------
    R : ndarray of shape (n_faces, 3, 3)
        ``R @ point`` is where a point of the head is seen.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.datasets.face_geometry import rotations
    >>> R = rotations(np.array([30.0]), np.array([90.0]), np.array([0.0]))
    >>> (R @ [0, 0, 1]).round(3) + 0.0
    array([[0.866, 0.5  , 0.   ]])
    """
    p, y, r = np.deg2rad([pitch, yaw, roll])
    zero, one = np.zeros_like(p), np.ones_like(p)

    def matrices(*entries):
        return np.stack(entries, axis=-1).reshape(-1, 3, 3)

    about_x = matrices(one, zero, zero, zero, np.cos(p), np.sin(p), zero, -np.sin(p), np.cos(p))
    about_y = matrices(np.cos(y), zero, np.sin(y), zero, one, zero, -np.sin(y), zero, np.cos(y))
    about_z = matrices(np.cos(r), -np.sin(r), zero, np.sin(r), np.cos(r), zero, zero, zero, one)
    return about_z @ about_y @ about_x


class Silhouettes:
    """Ellipsoids that were rotated, as they are seen along z.

    Parameters
    ----------
    R : ndarray of shape (n_faces, 3, 3)
        Rotations.
    axes : ndarray of shape (n_faces, 3)
        Half axes.
    centres : ndarray of shape (n_faces, 3)
        Centres after the rotation.
    """

    def __init__(self, R: NDArray, axes: NDArray, centres: NDArray):
        form = (R / axes[:, None] ** 2) @ R.transpose(0, 2, 1)
        self._toward = form[:, 2, 2]
        self._slope = -form[:, 2, :2] / self._toward[:, None]
        self._flat = form[:, :2, :2] + self._slope[:, :, None] * form[:, None, 2, :2]
        self._centres = centres

    def __call__(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        """How far out points are seen, 1 on the border, and the depth of the surface there."""
        last = (slice(None),) + (None,) * (x.ndim - 1)
        x = x - self._centres[:, 0][last]
        y = y - self._centres[:, 1][last]
        flat = self._flat
        out = flat[:, 0, 0][last] * x * x
        out += 2 * flat[:, 0, 1][last] * x * y
        out += flat[:, 1, 1][last] * y * y
        z = np.sqrt(np.maximum(1 - out, 0) / self._toward[last])
        z += self._slope[:, 0][last] * x + self._slope[:, 1][last] * y
        return np.sqrt(np.maximum(out, 0)), z + self._centres[:, 2][last]


def silhouettes(faces: Faces, R: NDArray) -> tuple[Silhouettes, Silhouettes]:
    """Heads and noses as they are seen."""
    head = Silhouettes(R, faces.axes, np.zeros_like(faces.axes))
    nose_centres = np.einsum("nij,nj->ni", R, faces.nose_centres)
    return head, Silhouettes(R, faces.nose_axes, nose_centres)


def seen_points(faces: Faces, R: NDArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Landmarks after the rotation, and which of them neither head nor nose hides.

    Parameters
    ----------
    faces : Faces
        Shapes.
    R : ndarray of shape (n_faces, 3, 3)
        Rotations.

    Returns
    -------
    points : ndarray of shape (n_faces, n_landmarks, 3)
        Landmarks as they are seen.
    visible : ndarray of shape (n_faces, n_landmarks), dtype bool
        Which of them are in front.
    """
    points = faces.points @ R.transpose(0, 2, 1)
    x, y, z = np.moveaxis(points, -1, 0)
    visible = np.ones(z.shape, dtype=bool)
    for surface in silhouettes(faces, R):
        out, depth = surface(x, y)
        visible &= (out > 1) | (z > depth - _ON_SURFACE)
    return points, visible
