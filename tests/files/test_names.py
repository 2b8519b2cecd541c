"""Names: any letter and spaces within fields, the same name in any Unicode normal form, copies recognised."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.files.names import SUFFIXES, is_view, name_fields, nfc, original_of_copy

letters = st.characters(categories=["L", "N"], exclude_characters="_")
fields = st.lists(letters, min_size=1, max_size=6).map("".join).map(nfc)


@given(fields, fields, fields, fields, st.sampled_from(SUFFIXES), st.sampled_from(["NFC", "NFD"]))
def test_any_letters_are_read_back_in_any_normal_form(
    pose: str, person: str, camera: str, sequence: str, suffix: str, form: str
) -> None:
    name = unicodedata.normalize(form, f"{pose}_{person} a_{camera}_{sequence}{suffix}")
    expected = {"pose": pose, "person": f"{person} a", "camera": camera, "sequence": sequence}
    assert name_fields(name) == expected
    assert is_view(unicodedata.normalize(form, f"{pose}_{person} a_{camera}"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("picture.jpg", "1 fields are separated by _, not 4"),
        ("30_F160A_1_4_b.jpg", "5 fields are separated by _, not 4"),
        (
            "30_F160A_1_4(1).jpg",
            "the field '4(1)' holds other characters than letters, digits, hyphens, and spaces within",
        ),
        ("30_F160A_1_ 4.jpg", "the field ' 4' holds other characters"),
        ("30__1_4.jpg", "the field '' holds other characters"),
        ("30_F160A_1_4.gif", "it ends in none of .jpg, .jpeg, .png, .tif, .tiff, .bmp, .webp"),
        ("30_F160A_1_\udcff.jpg", "holds other characters"),
        ("30_F160A_1_..jpg", "holds other characters"),
    ],
)
def test_what_is_not_allowed_is_said(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        name_fields(name)
    assert says in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "copy",
    ["4 (1).jpg", "4(12).jpg", "4 - Copy.jpg", "4 - Copy (2).jpg", "4 copy.jpg", "4 copy 2.jpg", "4 - 복사본.jpg"],
)
def test_copies_of_file_managers(copy: str) -> None:
    assert original_of_copy(f"30_F160A_1_{copy}") == "30_F160A_1_4.jpg"


@pytest.mark.parametrize("name", ["30_F160A_1_4.jpg", "(1).jpg", "30_copy_1_4.jpg", "30_F160A_1_4 b.jpg"])
def test_what_is_no_copy(name: str) -> None:
    assert original_of_copy(name) is None
