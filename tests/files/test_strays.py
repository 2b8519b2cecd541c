"""What below a data set's folders is read by nothing is said, with its count, an example and the likely reason."""

import json
import unicodedata
from pathlib import Path

import pytest

from modules.config.schema import Config
from modules.config.sections import Data
from modules.files.labels import read_validation_list
from modules.files.layout import list_frames
from modules.files.strays import passed_over, unmatched_labels
from modules.files.submission import requested_frames
from modules.utils import UserError

VIEW = "30_F160A_1"


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def images(root: Path, *names: str, split: str = "train") -> None:
    touch(root, *(f"task04_{split}/images/{name}" for name in names))


def test_strays_are_counted_and_named(tmp_path: Path) -> None:
    good = [f"{VIEW}/{VIEW}_{end}" for end in ("4.jpg", "5.TIF", "6.webp", "7.bmp", "8.jpeg")]
    images(
        tmp_path,
        *good,
        f"{VIEW}/{VIEW}_4 (1).jpg",
        f"{VIEW}/{VIEW}_5 - Copy.TIF",
        f"{VIEW}/x.heic",
        f"{VIEW}/sub/y.jpg",
    )
    images(
        tmp_path, f"{VIEW}/DSC0001.jpg", "backup/30_F160A_1_9.jpg", "list.txt", f"{VIEW}/Thumbs.db", f"{VIEW}/.DS_Store"
    )
    assert [frame.file_name for frame in list_frames(tmp_path, "train")] == [name.split("/")[1] for name in good]
    said = "\n".join(passed_over(tmp_path, "train"))
    for part in (
        "2 files or folders are passed over (in no folder <POSE>_<PERSON>_<CAM>), such as backup",
        "2 files or folders are passed over (a copy of another image), such as",
        "2 files or folders are passed over (no image that is read), such as 30_F160A_1/sub",
        "1 files or folders are passed over (not named <POSE>_<PERSON>_<CAM>_<SEQ>: 1 fields are separated by _, not 4)",
    ):
        assert part in said, (part, said)
    assert len(passed_over(tmp_path, "train")) == 4 and "Thumbs" not in said


def test_nothing_but_strays_is_refused_with_what_they_are(tmp_path: Path) -> None:
    images(tmp_path, f"{VIEW}/DSC 1.jpg")
    with pytest.raises(UserError, match=r"no image in here \(1 files .*not named .*, such as .*DSC 1.jpg\); put"):
        list_frames(tmp_path, "train")


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("30_F160A/3D_30_F160A_0004.json", "30_F160A/3D_30_F160A_4.json"),
        ("30_F160A/3D_30_f160a_4.json", "30_F160A/3D_30_F160A_4.json"),
        ("30_F160A/30_F160A_4.json", "30_F160A/3D_30_F160A_4.json"),
        ("3D_30_F160A_4.json", "30_F160A/3D_30_F160A_4.json"),
    ],
)
def test_labels_that_fit_no_image_are_named_with_the_reason(tmp_path: Path, label: str, wanted: str) -> None:
    images(tmp_path, f"{VIEW}/{VIEW}_4.jpg", f"{VIEW}/{VIEW}_5.jpg")
    touch(tmp_path, f"task04_train/labels/{label}", "task04_train/labels/30_F160A/3D_30_F160A_5.json")
    said = unmatched_labels(tmp_path, "train", list_frames(tmp_path, "train"))
    assert said is not None and "1 of 2 label files fit no image" in said
    assert f"{label} is there where the images want {wanted}, which differs in leading zeros" in said


def test_labels_of_other_images_and_labels_that_fit(tmp_path: Path) -> None:
    images(tmp_path, f"{VIEW}/{VIEW}_4.jpg")
    frames = list_frames(tmp_path, "train")
    assert unmatched_labels(tmp_path, "train", frames) is None
    touch(tmp_path, "task04_train/labels/30_F160A/3D_30_F160A_4.json")
    assert unmatched_labels(tmp_path, "train", frames) is None
    touch(tmp_path, "task04_train/labels/30_F160A/3D_30_F160A_40.json")
    said = unmatched_labels(tmp_path, "train", frames)
    assert said is not None and "1 of 2 label files fit no image, such as 30_F160A/3D_30_F160A_40.json; add" in said


@pytest.mark.parametrize("images_form", ["NFC", "NFD"])
@pytest.mark.parametrize("others_form", ["NFC", "NFD"])
def test_every_file_is_found_in_any_normal_form(tmp_path: Path, images_form: str, others_form: str) -> None:
    """macOS writes decomposed names, people and Linux composed ones; the submission has the sample's own spelling."""
    view, recording = (unicodedata.normalize(images_form, name) for name in ("1_김 é_4", "1_김 é"))
    images(tmp_path, f"{view}/{view}_7.jpg", split="test")
    other = unicodedata.normalize(others_form, recording)
    touch(tmp_path, f"task04_test/camera/{other}_4.json", f"task04_test/labels/{other}/3D_{other}_7.json")
    listed = unicodedata.normalize(others_form, f"{view}_7.jpg")
    (tmp_path / "sample_submission.json").write_text(json.dumps([{"file_name": listed}]))
    (frame,) = requested_frames(Config(DATA=Data(root=str(tmp_path))))
    assert frame.image_path.is_file() and frame.camera_path.is_file() and frame.label_path.is_file()
    assert (frame.person, frame.requested_name) == ("김 é", listed)
    assert passed_over(tmp_path, "test") == []
    (tmp_path / "task04_train").mkdir()
    (tmp_path / "task04_train/validation.json").write_text(json.dumps([listed]))
    assert read_validation_list(tmp_path) == {unicodedata.normalize("NFC", listed)}


def test_a_sample_may_not_list_a_name_in_two_forms(tmp_path: Path) -> None:
    images(tmp_path, "1_é_4/1_é_4_7.jpg", split="test")
    listed = [{"file_name": unicodedata.normalize(form, "1_é_4_7.jpg")} for form in ("NFC", "NFD")]
    (tmp_path / "sample_submission.json").write_text(json.dumps(listed))
    with pytest.raises(UserError, match="more than once"):
        requested_frames(Config(DATA=Data(root=str(tmp_path))))
