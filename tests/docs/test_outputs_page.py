"""The page of output files lists the formats that can be written, no more and no less, and what they need."""

from modules.export import NEED_UP, WRITERS
from modules.export.markers import HALPE26
from modules.export.onnx_export import IMAGES, INPUTS, MOST_MM, NAME, OPSET
from tests.docs import pages

PAGE = pages.read_page("outputs.md")


def test_the_table_lists_the_formats() -> None:
    rows = pages.table(PAGE.split("<!-- formats: begin -->")[1].split("<!-- formats: end -->")[0])
    assert [row[0].strip("`") for row in rows] == list(WRITERS)
    turned = [row[0].strip("`") for row in rows if "up" in row[3].split()]
    assert turned == list(NEED_UP)


def test_the_marker_names_and_the_facts_of_the_network_are_the_codes() -> None:
    text = " ".join(PAGE.split())
    assert ", ".join(HALPE26.values()) in text
    for fact in (
        f"opset {OPSET}",
        f"up to {IMAGES} cached",
        f"{MOST_MM} mm from PyTorch's",
        f"`{NAME}`",
        f"`{INPUTS}`",
    ):
        assert fact in text, fact
