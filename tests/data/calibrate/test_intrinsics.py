"""K and the lens come out of a film of the board, with honest uncertainties; a poor film is refused with what to film."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.calibrate.coverage import choose_views, missing
from data.calibrate.detection import Sighting, Survey
from data.calibrate.footage import Footage, open_footage
from data.calibrate.intrinsics import IntrinsicsResult, calibrate_intrinsics
from data.calibrate.lens import calibrate_lens
from data.calibrate.record import read_intrinsics
from data.calibrate.seen import usable_sightings
from docs.rendered_boards import Film, Sheet, moved_before, photograph, write_images
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError
from tests.data.calibrate.conftest import Filmed


def sightings_of(
    cameras: list[Camera], sheet: Sheet, rng: np.random.Generator, noise_px: float = 0.1
) -> list[Sighting]:
    """What a perfect detector with this noise would see."""
    views = []
    for index, camera in enumerate(cameras):
        seen = project_to_image(sheet.board.corners_world, camera)
        inside = np.flatnonzero(((seen > 3) & (seen < [636, 476])).all(1))
        corners = seen[inside] + rng.normal(scale=noise_px, size=(len(inside), 2))
        views.append(Sighting(index, str(index), inside, corners, 3.0, 0.0))
    return views


def test_the_lens_is_found(calibrated: IntrinsicsResult, camera: Camera) -> None:
    lens = calibrated.lens
    assert abs(lens.K[0, 0] / camera.K[0, 0] - 1) < 0.002 and abs(lens.K[1, 1] / camera.K[1, 1] - 1) < 0.002
    assert np.abs(lens.K[:2, 2] - camera.K[:2, 2]).max() < 2
    true = np.array([*camera.K[[0, 1], [0, 1]], *camera.K[:2, 2], *np.asarray(camera.distortion)])
    found = np.array([*lens.K[[0, 1], [0, 1]], *lens.K[:2, 2], *lens.distortion])
    assert (np.abs(found - true)[:8] < 4 * lens.std[:8]).all() and lens.distortion[4] == 0
    assert lens.rms_px < 0.15


def test_the_file_holds_the_lens_and_how_exact_it_is(calibrated: IntrinsicsResult) -> None:
    read = read_intrinsics(calibrated.file)
    np.testing.assert_allclose(read.camera.K, calibrated.lens.K)
    assert read.size == (640, 480) and read.turned_deg is None and read.covariance is not None
    np.testing.assert_allclose(read.covariance, calibrated.lens.covariance, rtol=1e-4)
    assert calibrated.picture.read_bytes().startswith(b"\x89PNG")
    written = json.loads(calibrated.file.read_text())
    assert "extrinsics" not in written
    del written["calibration"]["intrinsics"]["covariance"]
    broken = calibrated.file.with_name("broken.json")
    broken.write_text(json.dumps(written))
    with pytest.raises(
        UserError, match=r"calibration\.intrinsics has no covariance; run `python -m data.calibrate intrin"
    ):
        read_intrinsics(broken)
    del written["calibration"]
    broken.write_text(json.dumps(written))
    assert read_intrinsics(broken).covariance is None  # anybody's camera file
    del written["image_size"]
    broken.write_text(json.dumps(written))
    with pytest.raises(UserError, match="the field image_size is missing"):
        read_intrinsics(broken)


def test_the_standard_deviations_are_those_of_repeated_films(camera: Camera, sheet: Sheet) -> None:
    rng = np.random.default_rng(2)
    cameras = moved_before(camera, sheet.board, rng, 12)
    lenses = [calibrate_lens(sightings_of(cameras, sheet, rng, 0.2), sheet.board, (640, 480)) for _ in range(12)]
    found = np.array([[*lens.K[[0, 1], [0, 1]], *lens.K[:2, 2]] for lens in lenses])
    stated = np.mean([lens.std[:4] for lens in lenses], axis=0)
    assert (np.abs(np.log(found.std(0, ddof=1) / stated)) < 0.7).all()


def test_a_sixth_power_is_kept_where_the_lens_has_it_and_wrong_corners_are_left_out(
    camera: Camera, sheet: Sheet
) -> None:
    rng = np.random.default_rng(3)
    wide = replace(camera, K=camera.K * np.array([[0.6, 1, 1], [1, 0.6, 1], [1, 1, 1]]),
                   distortion=np.array([-0.2, 0.02, 0, 0, 0.04]))  # fmt: skip
    views = sightings_of(moved_before(wide, sheet.board, rng, 16), sheet, rng, 0.05)
    views[3].corners_px[2] += 25.0
    lens = calibrate_lens(views, sheet.board, (640, 480))
    assert lens.distortion[4] == pytest.approx(0.04, abs=0.01)
    assert lens.K[0, 0] == pytest.approx(372, rel=0.002) and lens.rms_px < 0.15
    assert sum(len(view.ids) for view in lens.views) < sum(len(view.ids) for view in views)


def test_poor_coverage_is_refused_with_what_to_film(filmed: Filmed, sheet: Sheet, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "poor", filmed.images[:3])
    with pytest.raises(
        UserError, match=r"not filmed in enough ways; film also at least 8 different views \(there are 3\)"
    ):
        calibrate_intrinsics(open_footage(str(folder)), sheet.board, tmp_path / "K.json")
    assert (tmp_path / "K.png").exists() and not (tmp_path / "K.json").exists()


def test_corners_of_the_picture_that_were_left_out_are_named(filmed: Filmed, sheet: Sheet) -> None:
    rng = np.random.default_rng(1)
    views = sightings_of(filmed.cameras, sheet, rng)
    assert missing(choose_views(views, sheet.board, (640, 480)), sheet.board, (640, 480)) == []
    left = [view for view in views if view.corners_px[:, 0].max() < 500]
    assert (
        missing(left, sheet.board, (640, 480))[0]
        == "the board in the top right and bottom right corners of the picture"
    )


def test_a_board_that_is_never_tilted_or_never_near_is_named(camera: Camera, sheet: Sheet) -> None:
    rng = np.random.default_rng(4)
    flat = []
    for x in (-0.3, 0, 0.3):
        for y in (-0.24, 0, 0.24):
            centre = np.array([90, 126, 420.0]) - [420 * x, -420 * y, 0]
            R = np.diag([1.0, -1, -1])
            flat.append(replace(camera, R=R, t=-R @ centre))
    size = (640, 480)
    found = missing(choose_views(sightings_of(flat, sheet, rng), sheet.board, size), sheet.board, size)
    assert [part.partition(" by ")[0] for part in found] == [
        "the board tilted",
        "the board tilted",
        "the board nearer and farther away",
    ]
    middle = np.array([90.0, 126, 0])
    far = [replace(one, t=one.t + 3 * (one.R @ middle + one.t)) for one in moved_before(camera, sheet.board, rng, 12)]
    assert "the board nearer, so that it fills half of the picture" in missing(
        sightings_of(far, sheet, rng), sheet.board, size
    )


def test_sharp_and_different_views_are_chosen(camera: Camera, sheet: Sheet) -> None:
    rng = np.random.default_rng(5)
    views = sightings_of(moved_before(camera, sheet.board, rng, 12), sheet, rng)
    blurred = [replace(view, blur_px=7.0, frame=100 + view.frame) for view in views]
    chosen = choose_views([*blurred, *views], sheet.board, (640, 480))
    assert len(chosen) == 12 and all(view.frame < 100 for view in chosen)
    moving = [replace(view, motion_px=12.0) for view in views]
    assert choose_views(moving, sheet.board, (640, 480)) == []


def footage() -> Footage:
    return Footage(Path("film.mp4"), (640, 480), None, tuple(Path(f"{i}.png") for i in range(9)))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Survey([], 9, doubled=["a"] * 4), r"^film.mp4: two boards with the same markers are in view \(a, and 4 of 9 frames"),
        (Survey([], 9, misfits=["b"] * 4), r"markers in view \(b\) are not laid out as on the board 5x7x36; name the board"),
        (Survey([], 9, blur_px=[14.0] * 9), r"no board is found, and the frames are blurred \(edges 14 px wide\); hold"),
        (Survey([], 9, blur_px=[4.0] * 9), r"the board 5x7x36 is not found in any of 9 frames; film it nearer"),
        (Survey([Sighting(0, "c", np.arange(4), np.zeros((4, 2)), 11.0, 2.0)], 9),
         r"blurred or moves in each of the 1 frames in which it is seen \(edges 11 px wide, motion 2 px\)"),
    ],
)  # fmt: skip
def test_unusable_footage_is_refused_with_the_fix(sheet: Sheet, found: Survey, says: str) -> None:
    with pytest.raises(UserError, match=says):
        usable_sightings(footage(), sheet.board, found)


def test_motion_blur_is_refused(camera: Camera, sheet: Sheet, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    cameras = moved_before(camera, sheet.board, rng, 4)
    images = [photograph(one, [(sheet, one)], rng, Film(blur_px=6.0)) for one in cameras]
    with pytest.raises(UserError, match=r"blurred.*; hold"):
        calibrate_intrinsics(open_footage(str(write_images(tmp_path / "x", images))), sheet.board, tmp_path / "K.json")


def test_images_of_two_sizes_are_refused(filmed: Filmed, tmp_path: Path) -> None:
    write_images(tmp_path, [filmed.images[0], filmed.images[1][:400]])
    with pytest.raises(
        UserError, match=r"01.png: this image is 640x400 px, but 00.png is 640x480; a calibration holds"
    ):
        open_footage(str(tmp_path))
