"""docs/reliability.md is what the committed results give, and each of its promises has a test that exists."""

import re

from docs import reliability
from modules.config.paths import PROJECT_ROOT


def test_the_page_is_generated_from_the_results() -> None:
    assert reliability.PAGE.read_text(encoding="utf-8") == reliability.render()


def test_the_tests_that_it_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", reliability.PAGE.read_text(encoding="utf-8"))
    assert len(named) > 10 and all((PROJECT_ROOT / path).exists() for path in named)


def test_kinds_are_found_by_what_their_tests_assert() -> None:
    found = reliability._refusing_tests(PROJECT_ROOT / "tests/scripts/test_bad_input.py")
    assert {"test_cameras", "test_config_files"} <= found
    assert "test_stored_pixels_are_read_where_the_camera_declares_their_size" not in found
