import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from sklearn_ldl.datasets import make_faces
from sklearn_ldl.datasets.face_geometry import (
    ACTION_UNITS,
    EXPRESSIONS,
    LANDMARKS,
    N_TRAITS,
    prototypes,
    rotations,
    seen_points,
    shape_faces,
)

FRONT = {"pitch_range": (0, 0), "yaw_range": (0, 0)}


def column(faces, name, axis):
    return faces.landmarks[:, faces.landmark_names.index(name), axis]


def brightness(faces, row, column):
    rows = np.arange(len(faces.images))
    return faces.images[rows, 0, np.rint(row).astype(int), np.rint(column).astype(int)]


class TestResult:
    def test_shapes_and_ranges(self):
        faces = make_faces(60, image_size=24, n_landmarks=15, random_state=0)
        assert faces.images.shape == (60, 1, 24, 24)
        assert faces.images.dtype == np.float32
        assert 0 <= faces.images.min() < faces.images.max() <= 1
        assert faces.landmarks.shape == (60, 15, 2)
        assert faces.visible.shape == (60, 15)
        assert faces.visible.mean() > 0.9
        assert faces.landmark_names == list(LANDMARKS)
        assert ((faces.landmarks > -1) & (faces.landmarks < 24)).all()
        assert faces.pose.shape == (60, 2)
        assert (np.abs(faces.pose) <= [30, 45]).all()
        assert (np.abs(faces.pose).max(axis=0) > [25, 40]).all()
        assert "pose_index" not in faces
        assert faces.expression_distribution.shape == (60, 7)
        assert faces.action_units.shape == (60, len(faces.action_unit_names))
        assert_array_equal(faces.person, np.arange(60))

    def test_same_seed_same_faces(self):
        first, second = (make_faces(20, random_state=3) for _ in range(2))
        for name, value in first.items():
            assert_array_equal(value, second[name])
        assert not np.array_equal(first.images, make_faces(20, random_state=4).images)

    @pytest.mark.parametrize("spoilt", [{"blur": 2.0}, {"noise": 0.3}, {"occlusion": (0.1, 0.5)}])
    def test_spoilt_pictures_show_the_same_faces(self, spoilt):
        clean, other = make_faces(20, random_state=0), make_faces(20, random_state=0, **spoilt)
        assert_array_equal(clean.landmarks, other.landmarks)
        assert_array_equal(clean.action_units, other.action_units)
        assert (np.abs(clean.images - other.images).max(axis=(1, 2, 3)) > 0.05).all()

    def test_landmarks_are_the_first_of_all(self):
        few, all_of_them = (make_faces(9, n_landmarks=n, random_state=0) for n in (5, 15))
        assert_array_equal(few.landmarks, all_of_them.landmarks[:, :5])

    def test_chunks_do_not_matter(self, monkeypatch):
        whole = make_faces(30, random_state=0)
        monkeypatch.setattr("sklearn_ldl.datasets.face_images._CHUNK", 1)
        assert_allclose(make_faces(30, random_state=0).images, whole.images, atol=1e-6)

    def test_2000_pictures_a_second(self):
        make_faces(10)
        start = time.process_time()
        make_faces(1000, random_state=0)
        assert time.process_time() - start < 0.5


@pytest.fixture(scope="module")
def faces():
    return make_faces(
        40, image_size=128, n_landmarks=15, noise=0, expressions="neutral", random_state=0, **FRONT
    )


class TestWhatIsDrawn:
    """Brightness at the landmarks of large pictures without noise."""

    def test_pupils_are_dark_and_the_eyes_around_them_bright(self, faces):
        for side in ("left", "right"):
            row, at = column(faces, f"{side}_eye", 0), column(faces, f"{side}_eye", 1)
            corner = column(faces, f"{side}_eye_outer", 1)
            pupil, white = (brightness(faces, row, at + k * (corner - at)) for k in (0, 0.75))
            assert (pupil < 0.3 * white).all()

    def test_brows_are_darker_than_the_forehead(self, faces):
        for side in ("left", "right"):
            ends = [column(faces, f"{side}_brow_{end}", slice(None)) for end in ("inner", "outer")]
            row, at = np.mean(ends, axis=0).T
            assert (brightness(faces, row, at) < 0.6 * brightness(faces, row - 8, at)).all()
            for end in ends:
                assert (brightness(faces, *end.T) < 0.8 * brightness(faces, row - 8, at)).all()

    def test_lips_are_darker_than_the_chin(self, faces):
        row = (column(faces, "mouth_top", 0) + column(faces, "mouth_bottom", 0)) / 2
        at = column(faces, "mouth_top", 1)
        assert (brightness(faces, row, at) < 0.7 * brightness(faces, row + 12, at)).all()
        for side, inwards in (("left", 1), ("right", -1)):
            row, at = column(faces, f"mouth_{side}", slice(None)).T
            inside, outside = (brightness(faces, row, at + d * inwards) for d in (3, -5))
            assert (inside < 0.9 * outside).all()

    def test_the_nose_sticks_out_of_a_profile(self):
        faces = make_faces(30, image_size=128, noise=0, poses=[[0, 90]], random_state=0)
        row, at = column(faces, "nose_tip", slice(None)).T
        inside = np.flatnonzero(at < 124)
        assert len(inside) > 10
        images, row, at = faces.images[inside, 0], *np.rint([row[inside], at[inside]]).astype(int)
        background, rows = images[:, 0, 0], np.arange(len(inside))
        assert_allclose(images[rows, row, at + 3], background, atol=1e-6)
        assert (np.abs(images[rows, row, at - 3] - background) > 1e-3).all()
        # Above the nose, the head ends before it.
        assert_allclose(images[rows, row - 40, at - 3], background, atol=1e-6)


class TestPose:
    def test_rotations_by_hand(self):
        up, right, turned = rotations(*np.array([[30, 0, 0], [0, 30, 0], [0, 0, 30]], dtype=float))
        half, root = 0.5, np.sqrt(3) / 2
        assert_allclose(up @ [0, 0, 1], [0, half, root], atol=1e-15)
        assert_allclose(up @ [0, 1, 0], [0, root, -half], atol=1e-15)
        assert_allclose(right @ [0, 0, 1], [half, 0, root], atol=1e-15)
        assert_allclose(right @ [1, 0, 0], [root, 0, -half], atol=1e-15)
        assert_allclose(turned @ [1, 0, 0], [root, half, 0], atol=1e-15)

    def test_rotations_turn(self):
        R = rotations(*np.random.RandomState(0).uniform(-90, 90, (3, 10)))
        assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (10, 1, 1)), atol=1e-14)
        assert_allclose(np.linalg.det(R), 1)

    @pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (30, 0), (-60, 0), (40, 20)])
    def test_eyes_by_hand(self, yaw, roll):
        faces = make_faces(
            20, yaw_range=(yaw, yaw), pitch_range=(0, 0), roll_range=(roll, roll), random_state=0
        )
        left, right = faces.landmarks[:, 0], faces.landmarks[:, 1]
        across = faces.interocular * np.cos(np.deg2rad(yaw))
        angle = np.deg2rad(roll)
        expected = across * np.array([[-np.sin(angle)], [np.cos(angle)]])
        assert_allclose((right - left).T, expected, atol=1e-12)

    @pytest.mark.parametrize(("axis", "sign", "tilt"), [(1, 1, [0, 1]), (0, -1, [1, 0])])
    def test_the_nose_moves_by_the_sine_of_the_angle(self, axis, sign, tilt):
        def moved(angle):
            """Nose against the eyes, relative to the head seen from the front."""
            faces = make_faces(20, poses=[np.multiply(angle, tilt)], random_state=0)
            return (faces.landmarks[:, 2] - faces.landmarks[:, :2].mean(axis=1))[:, axis]

        front, cosine = moved(0.0), np.cos(np.deg2rad(30))
        # y cos(a) + z sin(a), for a = 30 and -30.
        there, back = moved(30.0), moved(-30.0)
        assert_allclose((there + back) / 2, front * cosine, atol=1e-12)
        depth = sign * (there - back) / 2 / 0.5
        assert (depth > 0).all()
        assert_allclose(sign * (moved(90.0) - moved(-90.0)) / 2, depth)

    def test_poses_of_a_grid(self):
        grid = np.array([[-30, 10], [0, 50], [20, -70]])
        faces = make_faces(200, poses=grid, random_state=0)
        assert_array_equal(faces.pose, grid[faces.pose_index])
        assert_array_equal(np.unique(faces.pose_index), [0, 1, 2])

    def test_what_is_turned_away_is_not_visible(self):
        faces = make_faces(20, n_landmarks=15, poses=[[0, 75]], random_state=0)
        assert not column_visible(faces, "right_eye_outer").any()
        assert column_visible(faces, "left_eye").all()
        assert make_faces(50, n_landmarks=15, random_state=0, **FRONT).visible.all()
        assert not make_faces(9, poses=[[0, 180]], random_state=0).visible.any()

    def test_the_nose_hides_an_eye_behind_it(self):
        shapes = shape_faces(np.zeros((2, len(ACTION_UNITS))), np.zeros((2, N_TRAITS)))
        corner = LANDMARKS.index("right_eye_inner")
        shapes.points[1, corner] = shapes.nose_centres[1] - [0, 0, 0.3]
        _, visible = seen_points(shapes, np.stack([np.eye(3)] * 2))
        assert visible[0].all()
        assert not visible[1, corner]
        assert visible[1].sum() == len(LANDMARKS) - 1


def column_visible(faces, name):
    return faces.visible[:, faces.landmark_names.index(name)]


class TestExpressions:
    def test_mixtures_of_two(self):
        faces = make_faces(300, random_state=0)
        D = faces.expression_distribution
        assert_allclose(D.sum(axis=1), 1, atol=1e-15)
        assert_array_equal((D > 0).sum(axis=1), 2)
        assert_array_equal(D.argmax(axis=1), faces.expression)
        assert D.max(axis=1).min() < 0.52
        assert_array_equal(np.unique(faces.expression), np.arange(7))

    def test_pure_and_neutral(self):
        pure = make_faces(100, expressions="pure", random_state=0)
        assert_array_equal(pure.expression_distribution, np.eye(7)[pure.expression])
        neutral = make_faces(100, expressions="neutral", random_state=0)
        assert_array_equal(neutral.expression, 0)
        assert neutral.expression_names[0] == "neutral"

    def test_action_units_follow_the_distribution(self):
        faces = make_faces(3000, random_state=0)
        error = faces.action_units - faces.expression_distribution @ prototypes()
        assert 0 <= faces.action_units.min() < faces.action_units.max() <= 1
        # Cut off at 0 and 1, the noise is less.
        assert 0.05 < error.std() < 0.1

    def test_prototypes_know_the_action_units(self):
        assert {name for units in EXPRESSIONS.values() for name in units} == set(ACTION_UNITS)
        assert len(np.unique(prototypes(), axis=0)) == len(EXPRESSIONS)

    @pytest.mark.parametrize(
        ("unit", "moved", "up"),
        [
            ("inner_brow_raise", "left_brow_inner", 1),
            ("outer_brow_raise", "right_brow_outer", 1),
            ("brow_lower", "right_brow_inner", -1),
            ("mouth_corner_up", "mouth_left", 1),
            ("mouth_corner_down", "mouth_right", -1),
            ("mouth_open", "mouth_bottom", -1),
        ],
    )
    def test_action_units_move_points(self, unit, moved, up):
        units = np.zeros((2, len(ACTION_UNITS)))
        units[1, ACTION_UNITS.index(unit)] = 1
        rest, active = shape_faces(units, np.zeros((2, N_TRAITS))).points
        point = LANDMARKS.index(moved)
        assert up * (active - rest)[point, 1] > 0.1
        assert_array_equal(rest[LANDMARKS.index("left_eye")], active[LANDMARKS.index("left_eye")])

    def test_persons_keep_their_shape(self):
        faces = make_faces(
            100, n_persons=4, image_size=64, expressions="neutral", n_landmarks=2, random_state=0
        )
        assert_array_equal(np.unique(faces.person), np.arange(4))

        def depth_of_eyes(seed_of_persons):
            alike = make_faces(50, shape_variation=0, random_state=seed_of_persons, **FRONT)
            return (alike.landmarks[:, 2] - alike.landmarks[:, 0])[:, 0] / alike.interocular

        # Nothing but the wrinkles of the nose moves its tip.
        assert np.ptp(depth_of_eyes(0)) < 0.06
        varied = make_faces(50, random_state=0, **FRONT)
        tip = (varied.landmarks[:, 2] - varied.landmarks[:, 0])[:, 0] / varied.interocular
        assert np.ptp(tip) > 0.1


class TestSpoiling:
    def test_a_patch_hides(self):
        faces = make_faces(50, occlusion=0.4, noise=0, random_state=0)
        clean = make_faces(50, noise=0, random_state=0)
        assert_array_equal(faces.patch[:, 2:], 13)
        for i, (row, start, height, width) in enumerate(faces.patch):
            patch = np.zeros((32, 32), dtype=bool)
            patch[row : row + height, start : start + width] = True
            assert patch.sum() == 169
            assert np.ptp(faces.images[i, 0][patch]) == 0
            assert_array_equal(faces.images[i, 0][~patch], clean.images[i, 0][~patch])
            nearest = np.rint(faces.landmarks[i]).astype(int).T
            assert_array_equal(faces.visible[i], clean.visible[i] & ~patch[tuple(nearest)])
        assert faces.visible.mean() < 0.9

    def test_sides_of_patches_are_drawn_from_a_range(self):
        sides = make_faces(300, occlusion=(0.25, 0.5), random_state=0).patch[:, 2]
        assert (sides.min(), sides.max()) == (8, 16)
        assert (make_faces(5).patch[:, 2:] == 0).all()

    def test_blur_is_that_of_scipy(self):
        clean, soft = (make_faces(9, noise=0, blur=b, random_state=0).images for b in (0, 1.5))
        middle = np.s_[:, 0, 8:-8, 8:-8]
        expected = gaussian_filter(clean, (0, 0, 1.5, 1.5), truncate=8)
        assert_allclose(soft[middle], expected[middle], atol=1e-3)

    def test_no_blur_among_blurred_pictures(self):
        clean, soft = (make_faces(40, noise=0, blur=b, random_state=0).images for b in (0, (0, 2)))
        change = np.abs(clean - soft).max(axis=(1, 2, 3))
        assert change.min() < 0.1 * change.max()

    def test_noise(self):
        clean, noisy = (make_faces(99, noise=n, random_state=0).images for n in (0, 0.05))
        inner = (clean > 0.3) & (clean < 0.7)
        assert_allclose((noisy - clean)[inner].std(), 0.05, rtol=0.02)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"image_size": 4}, "image_size"),
        ({"n_landmarks": 1}, "n_landmarks"),
        ({"n_landmarks": 16}, "n_landmarks"),
        ({"poses": [0, 1]}, "Expected 2D array"),
        ({"poses": [[0, 1, 2]]}, r"poses has shape \(1, 3\)"),
        ({"poses": [[0, np.nan]]}, "NaN"),
        ({"pitch_range": (10, -10)}, "pitch_range must be two numbers"),
        ({"yaw_range": (0, 200)}, "yaw_range must be two numbers"),
        ({"roll_range": (0, 1, 2)}, "roll_range must be two numbers"),
        ({"expressions": "bored"}, "expressions"),
        ({"n_persons": 0}, "n_persons"),
        ({"shape_variation": 2}, "shape_variation"),
        ({"occlusion": 1.5}, "occlusion"),
        ({"occlusion": (0.5, 0.1)}, "occlusion must be two numbers"),
        ({"blur": -1}, "blur"),
        ({"blur": (0, np.inf)}, "blur must be two numbers"),
        ({"noise": -0.1}, "noise"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_parameters(parameter, message):
    with pytest.raises(ValueError, match=message):
        make_faces(**{"n_samples": 3, **parameter})


def test_underflow_is_no_error():
    with np.errstate(all="raise"):
        make_faces(3, occlusion=0.5, blur=2, noise=0.3, random_state=0)


class TestAges:
    GIVEN = {"image_size": 48, "expressions": "neutral", "shape_variation": 0, **FRONT}

    def test_only_where_asked_for(self):
        assert "age" not in make_faces(5, random_state=0)
        age = make_faces(200, age_range=(20, 60), random_state=0).age
        assert age.shape == (200,)
        assert 20 <= age.min() < 22
        assert 58 < age.max() <= 60

    def test_eyes_of_children_are_lower(self):
        def height(age):
            faces = make_faces(50, age_range=(age, age), random_state=0, **self.GIVEN)
            eyes, mouth = (column(faces, name, 0) for name in ("left_eye", "mouth_left"))
            return np.mean((mouth - eyes) / faces.interocular)

        assert height(2) < height(8) < height(15) < height(20)
        assert_allclose(height(20), height(70))

    def test_hair_turns_grey_and_lines_deepen(self):
        def tones(age):
            faces = make_faces(100, noise=0, age_range=(age, age), random_state=0, **self.GIVEN)
            brow = column(faces, "right_brow_inner", 0)
            middle = 0.5 * (column(faces, "left_eye", 1) + column(faces, "right_eye", 1))
            forehead = [brightness(faces, brow - k, middle) for k in range(1, 6)]
            lines = np.min(forehead, axis=0) / np.max(forehead, axis=0)
            return brightness(faces, brow - 9, middle).mean(), lines.mean()

        (young_hair, smooth), (old_hair, lined) = tones(25), tones(80)
        assert old_hair > 1.5 * young_hair
        assert lined < 0.9 * smooth

    @pytest.mark.parametrize("wrong", [(-1, 20), (30, 20), (0, 101), [1, 2, 3]])
    def test_wrong_ranges(self, wrong):
        with pytest.raises(ValueError, match="age_range must be two numbers in"):
            make_faces(5, age_range=wrong)
