"""The report in headless Chromium: it draws, the scrubber moves it, and the console stays silent."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.predict.chromium import Page, find_chromium, opened_page
from tests.predict.report_cases import write_case

FRAMES = 24


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: none is in PATH, and the package with one is for x86-64 Linux alone")
    with opened_page(chromium, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def part(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    left, top, width, height = (round(value) for value in box)
    return image[max(top, 0) : top + height, max(left, 0) : left + width].astype(int)


def test_the_scrubber_moves_scene_picture_and_charts(page: Page, tmp_path: Path) -> None:
    page.open(write_case(tmp_path, 2, FRAMES))
    before = page.screenshot()
    left, top, width, height = page.box("#scrub")
    page.click(left + 0.75 * width, top + height / 2)
    after = page.screenshot()
    now = page.evaluate("document.getElementById('now').textContent")
    assert "(18 of 24)" in now or "(19 of 24)" in now
    for selector in ("#scene", "#photo"):
        first, second = (part(image, page.box(selector)) for image in (before, after))
        assert np.ptp(first.reshape(-1, 3), axis=0).max() > 100, f"{selector} is blank"
        assert (np.abs(second - first).max(-1) > 40).sum() > 100, f"{selector} has not moved"
    assert page.evaluate("document.querySelectorAll('.chart canvas').length") == 5
    assert page.evaluate("document.title").startswith("</script>".replace("/", "∕"))  # no name has become code
    assert page.problems == []


def test_the_ticks_of_a_short_recording_differ(page: Page, tmp_path: Path) -> None:
    """A tenth of a second or a centimetre from end to end: rounded to one decimal, the marks would be the same."""
    page.open(write_case(tmp_path, 1, 4))
    drawn = "JSON.stringify([0.01, 0.3, 2, 40].map((step) => decimals(step)))"
    assert json.loads(page.evaluate(drawn)) == [2, 1, 0, 0]
    assert page.evaluate("document.getElementById('path-label').hidden") is False
    page.open(write_case(tmp_path / "one", 1, 1))
    assert page.evaluate("document.getElementById('path-label').hidden") is True  # nobody moves between photos


@pytest.mark.parametrize(("frames", "found"), [(1, True), (1, False)])
def test_one_image_and_nobody(page: Page, tmp_path: Path, frames: int, found: bool) -> None:
    page.open(write_case(tmp_path, 1, frames, found))
    scene = part(page.screenshot(), page.box("#scene"))
    assert np.ptp(scene.reshape(-1, 3), axis=0).max() > 100
    warned = page.evaluate("document.getElementById('warnings').textContent")
    assert ("nobody found" in warned) != found
    assert page.problems == []


def test_the_page_of_a_problem_is_noticed(page: Page, tmp_path: Path) -> None:
    """The checks above can fail: an error in a page's console is among its problems."""
    broken = tmp_path / "broken.html"
    broken.write_text("<body data-ready=yes><script>console.error('wrong'); missing();</script></body>", "utf-8")
    page.open(broken)
    page.screenshot()
    assert len(page.problems) == 2
    page.problems.clear()
