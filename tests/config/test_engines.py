"""Which engine runs BlazePose's landmark network on which machine."""

from pathlib import Path

import pytest

from modules.cache.store import cache_folder
from modules.config import engines
from modules.config.load import parse_config
from modules.config.schema import Config
from modules.config.sections import Extract
from modules.utils import UserError


def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, flags: str | None, installed: bool) -> None:
    """Stands in for a machine of this name, with these flags of its processor (None: not told), with or without OpenVINO."""
    told = tmp_path / "cpuinfo"
    told.unlink(missing_ok=True)
    if flags is not None:
        told.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} avx2\n", encoding="utf-8")
    monkeypatch.setattr(engines, "CPU_FLAGS", told)
    monkeypatch.setattr(engines.platform, "machine", lambda: name)
    monkeypatch.setattr(engines, "find_spec", lambda package: object() if installed else None)
    engines.computes_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("name", "installed", "engine"),
    [("x86_64", True, "openvino"), ("AMD64", True, "openvino"), ("x86_64", False, "litert"), ("arm64", True, "litert")],
)
def test_auto_gives_the_same_numbers_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, installed: bool, engine: str
) -> None:
    """Also on a processor with bfloat16."""
    machine(monkeypatch, tmp_path, name, "amx_bf16", installed)
    assert Extract().chosen_engine == engine == engines.float32_engine()
    assert engines.float32_engine(engines.FEW_IMAGES - 1) == "litert"  # which starts faster
    for choice, few, many in (("auto", "litert", engine), ("openvino-bf16", "openvino-bf16", "openvino-bf16")):
        config = parse_config({"EXTRACT": {"engine": choice}}, "a.yml")
        assert config.for_images(engines.FEW_IMAGES - 1).EXTRACT.engine == few
        assert config.for_images(engines.FEW_IMAGES).EXTRACT.engine == many
    assert Extract(engine="litert").chosen_engine == "litert"
    assert Extract(engine="openvino-bf16").chosen_engine == "openvino-bf16"


def test_an_engine_that_the_machine_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine(monkeypatch, tmp_path, "x86_64", "avx512f", True)
    engines.check_engine("litert")
    engines.check_engine("openvino")
    with pytest.raises(
        UserError, match=r"^EXTRACT\.engine=openvino-bf16: .* no bfloat16 .* set it to auto or openvino$"
    ):
        engines.check_engine("openvino-bf16")
    machine(monkeypatch, tmp_path, "x86_64", None, True)  # as on Windows
    with pytest.raises(UserError, match="no bfloat16"):
        engines.check_engine("openvino-bf16")
    for flags in ("avx512_bf16", "amx_bf16"):
        machine(monkeypatch, tmp_path, "x86_64", flags, True)
        engines.check_engine("openvino-bf16")
    machine(monkeypatch, tmp_path, "x86_64", "amx_bf16", False)
    engines.check_engine("litert")
    for engine in ("openvino", "openvino-bf16"):
        with pytest.raises(
            UserError, match=rf"^EXTRACT\.engine={engine}: OpenVINO is not installed; .* or set it to litert$"
        ):
            engines.check_engine(engine)


def test_bfloat16_has_a_cache_of_its_own() -> None:
    folders = {
        engine: cache_folder(Config(EXTRACT=Extract(engine=engine)), "train")
        for engine in ("auto", "openvino", "litert", "openvino-bf16")
    }
    assert folders["auto"] == folders["openvino"] == folders["litert"]
    assert folders["openvino-bf16"].parts[-2:] == ("blazepose-heavy-adaptive-bf16", "train")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UserError, match=r"EXTRACT\.engine.*'auto', 'openvino', 'openvino-bf16' or 'litert'"):
        parse_config({"EXTRACT": {"engine": "onnx"}}, "a.yml")
