"""scripts/environment.sh: which environment the arguments of a script ask for."""

import subprocess

import pytest

from modules.config.paths import PROJECT_ROOT

CORE, METRABS, SYNTHETIC = (f"requirements{part}.txt" for part in ("", "-metrabs", "-synthetic"))
ASKS_METRABS = "--set EXTRACT.extractor=metrabs"


def shell(line: str) -> str:
    """What a line of bash prints once environment.sh is read and installs nothing."""
    script = f'. scripts/environment.sh; make_environment() {{ echo "$*"; }}; {line}'
    done = subprocess.run(["bash", "-euc", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", f".venv {CORE}"),
        (ASKS_METRABS, f".venv-metrabs {CORE} {METRABS}"),
        (f"{ASKS_METRABS} --set EXTRACT.extractor=blazepose", f".venv {CORE}"),
        ("--config config/synthetic.yml", f".venv-synthetic {CORE} {SYNTHETIC}"),
        ("--config=config/synthetic.yml", f".venv-synthetic {CORE} {SYNTHETIC}"),
        ("--config config/synthetic.yml --set DATA.root=data/demo/test_camera_1", f".venv {CORE}"),
        ("--set=DATA.root=data/synthetic/other", f".venv-synthetic {CORE} {SYNTHETIC}"),
        ("--set=DATA.root=./data/synthetic/set", f".venv-synthetic {CORE} {SYNTHETIC}"),
        ("--set DATA.root=$PWD/data/synthetic/set", f".venv-synthetic {CORE} {SYNTHETIC}"),
        (
            f"{ASKS_METRABS} --config config/synthetic.yml",
            f".venv-metrabs-synthetic {CORE} {METRABS} {SYNTHETIC}",
        ),
    ],
)
def test_the_environment_holds_what_is_asked_for(arguments: str, wanted: str) -> None:
    assert shell(f"make_environment_for {arguments}") == wanted


def test_a_setting_is_read_without_its_comment_and_the_last_assignment_counts() -> None:
    assert shell("setting_of DATA root") == "data/demo/test_camera_4"
    assert shell("setting_of EXTRACT weights --set EXTRACT.weights=a --set EXTRACT.weights=b") == "b"
    assert shell("setting_of EXTRACT nothing") == ""
    assert shell("setting_of DATA root --config nowhere.yml") == ""
