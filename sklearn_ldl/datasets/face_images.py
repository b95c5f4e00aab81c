"""Pictures of heads, and what spoils them: a patch in front, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklearn_ldl.datasets.face_geometry import LANDMARKS, Faces, silhouettes

# Pixels that are painted at once: temporary arrays stay in the cache.
_CHUNK = 2**16


@dataclass
class View:
    """How heads are seen and lit.

    Attributes
    ----------
    R : ndarray of shape (n_faces, 3, 3)
        Rotations.
    scale : ndarray of shape (n_faces,)
        Pixels per unit of the head.
    centre : ndarray of shape (n_faces, 2)
        (row, column) of the middle of the head.
    light : ndarray of shape (n_faces, 3)
        Unit vectors towards the light.
    tones : ndarray of shape (n_faces, 3)
        Brightness of skin, hair and background.
    """

    R: NDArray[np.floating]
    scale: NDArray[np.floating]
    centre: NDArray[np.floating]
    light: NDArray[np.floating]
    tones: NDArray[np.floating]

    def __getitem__(self, rows):
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to_pixels(self, points: NDArray) -> NDArray[np.float64]:
        """(row, column) of points (n_faces, n_points, 3) that are rotated already."""
        scale = self.scale[:, None]
        rows = self.centre[:, :1] - scale * points[..., 1]
        columns = self.centre[:, 1:] + scale * points[..., 0]
        return np.stack([rows, columns], axis=-1)


def paint(faces: Faces, view: View, size: int) -> NDArray[np.float32]:
    """Paint heads in front of plain backgrounds.

    Parameters
    ----------
    faces : Faces
        Shapes.
    view : View
        How they are seen.
    size : int
        Side of the pictures in pixels.

    Returns
    -------
    images : ndarray of shape (n_faces, size, size), dtype float32
        Brightness in [0, 1].
    """
    n_faces = len(view.scale)
    images = np.empty((n_faces, size, size), dtype=np.float32)
    for rows in gen_batches(n_faces, max(1, _CHUNK // size**2)):
        images[rows] = _paint(faces[rows], view[rows], size)
    return images


def _paint(faces: Faces, view: View, size: int) -> NDArray[np.float32]:
    faces, view = _single(faces), _single(view)
    pixel = _per_face(1 / view.scale)
    place = np.arange(size, dtype=np.float32)
    x = (place - _per_face(view.centre[:, 1])) * pixel
    y = (_per_face(view.centre[:, 0]) - place[:, None]) * pixel
    x, y = np.broadcast_arrays(x, y)
    head, nose = silhouettes(faces, view.R)

    out, z = head(x, y)
    covered = _soft((1 - out) / pixel)
    spot = _in_head(view.R, x, y, z)
    image = _lit(spot, faces.axes, view) * _albedo(spot, faces, view, pixel)

    out, nose_z = nose(x, y)
    in_front = _soft((1 - out) * faces.nose_axes[:, 0, None, None] / pixel) * (nose_z > z - 0.02)
    spot = _in_head(view.R, x, y, nose_z)
    spot = [
        along - _per_face(middle) for along, middle in zip(spot, faces.nose_centres.T, strict=True)
    ]
    # From below, a nose is darker: nostrils.
    below = _soft((-0.55 * _per_face(faces.nose_axes[:, 1]) - spot[1]) / pixel)
    tone = _per_face(view.tones[:, 0]) * (1 - 0.35 * below)
    image += in_front * (_lit(spot, faces.nose_axes, view) * tone - image)
    covered = np.maximum(covered, in_front)
    return image * covered + _per_face(view.tones[:, 2]) * (1 - covered)


def _albedo(spot: list[NDArray], faces: Faces, view: View, pixel: NDArray) -> NDArray[np.float32]:
    """Brightness of the surface of heads, with all that is painted on it."""
    x, y, z = spot
    x = np.abs(x)
    front = z > 0
    skin, hair, _ = (_per_face(tone) for tone in view.tones.T)

    def point(name: str) -> tuple[NDArray, NDArray]:
        place = faces.points[:, LANDMARKS.index(name)]
        return _per_face(place[:, 0]), _per_face(place[:, 1])

    # Hair: on top, at the sides and behind.
    albedo = skin + _soft((y - 0.7 * z - 0.3) / pixel) * (hair - skin)

    eye_x, eye_y = point("right_eye")
    width = point("right_eye_outer")[0] - eye_x
    lids = _per_face(faces.lids)
    away_x, away_y = x - eye_x, y - eye_y
    opening = np.sqrt((away_x / width) ** 2 + (away_y / lids) ** 2)
    eye = _soft((1 - opening) * lids / pixel) * front
    pupil = _soft((0.085 - np.sqrt(away_x**2 + away_y**2)) / pixel)
    albedo += eye * (1.0 - 0.95 * pupil - albedo)

    # Brows: from the inner to the outer end.
    (in_x, in_y), (out_x, out_y) = point("right_brow_inner"), point("right_brow_outer")
    long_x, long_y = out_x - in_x, out_y - in_y
    along = ((x - in_x) * long_x + (y - in_y) * long_y) / (long_x**2 + long_y**2)
    along = np.clip(along, 0, 1)
    away = np.sqrt((x - in_x - along * long_x) ** 2 + (y - in_y - along * long_y) ** 2)
    albedo *= 1 - 0.8 * _soft((0.045 - away) / pixel) * front

    # Lips: two parabolas through the corners; what is between them is dark.
    corner_x, corner_y = point("mouth_right")
    arch = np.maximum(1 - (x / corner_x) ** 2, 0)
    above = corner_y + (point("mouth_top")[1] - corner_y) * arch - y
    under = y - corner_y - (point("mouth_bottom")[1] - corner_y) * arch
    inside = np.minimum(np.minimum(above, under) + 0.02, corner_x + 0.02 - x)
    albedo *= 1 - 0.6 * _soft(inside / pixel) * front
    albedo *= 1 - 0.7 * _soft((inside - 0.06) / pixel) * front

    # Wrinkles between the eyes and beside the nose.
    wrinkle = _soft((0.03 - np.abs(x - 0.14 + 0.6 * (y + 0.05))) / pixel)
    wrinkle *= front & (np.abs(y + 0.02) < 0.25)
    albedo *= 1 - 0.5 * _per_face(faces.wrinkles) * wrinkle

    # Lines of the forehead, between brows and hair, and from the nose to the mouth.
    if faces.lines.any():
        top = np.maximum(in_y, out_y)
        heights = [top + 0.1, top + 0.19, top + 0.28]
        forehead = sum(_soft((0.018 - np.abs(y - height)) / pixel) for height in heights)
        fold = _soft((0.02 - np.abs(x - 0.2 + 0.45 * (y + 0.25))) / pixel)
        fold *= np.abs(y + 0.32) < 0.14
        drawn = np.maximum(forehead * (x < 0.42), fold) * front
        albedo = albedo * (1 - 0.6 * _per_face(faces.lines) * drawn)
    return albedo


def _lit(spot: list[NDArray], axes: NDArray, view: View) -> NDArray[np.float32]:
    """Light on ellipsoids at points of their surfaces."""
    light = np.einsum("nij,ni->nj", view.R, view.light)
    normal = [along / _per_face(axis) ** 2 for along, axis in zip(spot, axes.T, strict=True)]
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    toward = sum(
        along * _per_face(of_light) for along, of_light in zip(normal, light.T, strict=True)
    )
    return 0.4 + 0.6 * np.maximum(toward / np.maximum(length, 1e-6), 0)


def _in_head(R: NDArray, x: NDArray, y: NDArray, z: NDArray) -> list[NDArray]:
    """Coordinates of the head of points that are seen."""
    return [
        _per_face(R[:, 0, k]) * x + _per_face(R[:, 1, k]) * y + _per_face(R[:, 2, k]) * z
        for k in range(3)
    ]


def _soft(pixels: NDArray) -> NDArray:
    """Share of a pixel that is inside, by how far it lies within the border."""
    return np.clip(pixels + 0.5, 0, 1)


def _per_face(values: NDArray) -> NDArray:
    return values[:, None, None]


def _single(shapes):
    return type(shapes)(*(getattr(shapes, f.name).astype(np.float32) for f in fields(shapes)))


def cover(images: NDArray[np.float32], patches: NDArray[np.intp], tones: NDArray) -> None:
    """Put a plain patch in front of every image, in place.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        Images.
    patches : ndarray of shape (n_images, 4)
        First row and column, height and width in pixels.
    tones : ndarray of shape (n_images,)
        Brightness of the patches.
    """
    place = np.arange(images.shape[1])
    row, column, height, width = (part[:, None] for part in patches.T)
    in_rows = (row <= place) & (place < row + height)
    in_columns = (column <= place) & (place < column + width)
    covered = in_rows[:, :, None] & in_columns[:, None, :]
    np.copyto(images, tones[:, None, None].astype(np.float32), where=covered)


def blurred(images: NDArray[np.float32], sigmas: NDArray) -> NDArray[np.float32]:
    """Blur every image by a normal distribution of its own width.

    Parameters
    ----------
    images : ndarray of shape (n_images, size, size)
        Images.
    sigmas : ndarray of shape (n_images,)
        Standard deviations in pixels; 0 leaves an image as it is.

    Returns
    -------
    images : ndarray of the same shape
        Blurred images. At the border, weights outside of the image count for those inside.
    """
    distance = np.subtract.outer(*[np.arange(images.shape[1])] * 2)
    width = np.maximum(sigmas, 1e-3)[:, None, None]
    kernels = np.exp(-0.5 * (distance / width) ** 2).astype(np.float32)
    kernels /= kernels.sum(axis=2, keepdims=True)
    return kernels @ images @ kernels.transpose(0, 2, 1)
