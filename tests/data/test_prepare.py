"""python -m data.prepare: existing weights are kept, unknown ones are refused, nothing is fetched twice."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data import prepare
from data.synthetic import plan
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.metrabs import folders
from modules.utils import UserError, log

Prepare = Callable[..., str]
BEGUN = plan.Options(people=9, frames=2, cameras=3, seed=5)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prepare:
    """Start it on a data set of one's own, with weights that are fetched by being asked for; answers what it says."""
    (tmp_path / "mine" / "task04_test").mkdir(parents=True)
    standing: list[str] = []

    def fetch(weights: str = "full") -> list[Path]:
        written = [] if weights in standing else [tmp_path / weights]
        standing.append(weights)
        return written

    monkeypatch.setattr(prepare, "fetch_blazepose", fetch)
    monkeypatch.setattr(prepare, "fetch_metrabs", lambda name: pytest.fail("the network was asked"))
    monkeypatch.setattr(
        BlazePoseExtractor, "fingerprint_of", lambda weights, **_: "some" if weights in standing else None
    )
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(log, "propagate", True)  # as it was, whatever the console makes of it

    def run(*assignments: str, root: str = "mine") -> str:
        parts = [f"DATA.root={tmp_path / root}", *assignments]
        monkeypatch.setattr(sys, "argv", ["prepare", *(word for part in parts for word in ("--set", part))])
        prepare.main()
        return capsys.readouterr().out

    return run


def test_weights_are_fetched_once(run: Prepare, tmp_path: Path) -> None:
    own = f"{tmp_path / 'mine'}: your own data, no preparation needed\n"
    assert run() == f"blazepose heavy: the weights are fetched\n{own}"
    assert run() == f"blazepose heavy: the weights exist already\n{own}"


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("EXTRACT.weights=heavie", "blazepose has no weights 'heavie'; set it to heavy or full"),
        ("EXTRACT.extractor=blaze", "there is no extractor 'blaze'; set it to one of blazepose, metrabs"),
    ],
)
def test_what_there_is_none_of_is_refused(run: Prepare, assignment: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        run(assignment)


def test_a_model_that_is_neither_here_nor_known_is_refused(run: Prepare) -> None:
    with pytest.raises(UserError, match="EXTRACT.weights=nowhere: .*saved_model.pb is missing; name a folder"):
        run("EXTRACT.extractor=metrabs", "EXTRACT.weights=nowhere")


def test_a_detector_is_fetched_for_a_model_that_stands(
    run: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's fingerprint, which wants the detector too, is not asked for before."""
    model, detector = "metrabs_multiperson_smpl", "metrabs_multiperson_smpl_combined"
    write_model(tmp_path / model)
    monkeypatch.setattr(prepare, "is_present", lambda name: (tmp_path / name).exists())
    monkeypatch.setattr(prepare, "fetch_metrabs", lambda name: write_model(tmp_path / name))
    monkeypatch.setattr(folders, "PRE_MODELS", tmp_path)
    options = ("EXTRACT.extractor=metrabs", f"EXTRACT.weights={model}", f"METRABS.detector={detector}")
    assert "the weights are fetched" in run(*options) and (tmp_path / detector).exists()
    assert "the weights exist already" in run(*options)


def write_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    return folder


def test_a_data_set_that_is_not_there_is_refused_before_anything_is_fetched(run: Prepare, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path / 'absent'}: this folder is missing; set DATA.root"):
        run(root="absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds neither task04_train nor task04_test"):
        run(root="empty")
    assert "are fetched" in run()  # for the first time


def test_a_synthetic_set_is_made_as_it_was_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    assert prepare.synthetic_options(root) is None
    plan.write_marker(root, BEGUN, finished=False)
    assert prepare.synthetic_options(root) == BEGUN
    monkeypatch.setattr(prepare, "PROJECT_ROOT", tmp_path)
    for folder, options in prepare.KNOWN_SETS.items():
        assert prepare.synthetic_options((tmp_path / folder).resolve()) == options


def test_every_data_set_of_a_shipped_config_can_be_made() -> None:
    for path in (PROJECT_ROOT / "config").glob("*.yml"):
        config = load_config(path)
        for one in (config, *config.extra):
            assert prepare.maker_of(one.data_root.resolve()).func is not log.info, path.name


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, plan.Options]]:
    """Returns the synthetic sets that are made from now on; one is begun in the folder `begun`."""
    plan.write_marker(tmp_path / "begun", BEGUN, finished=False)
    sets: list[tuple[Path, plan.Options]] = []
    monkeypatch.setattr(prepare, "make_set", lambda root, options: sets.append((root, options)))
    return sets


def test_the_set_that_data_root_names_is_completed(
    run: Prepare, made: list[tuple[Path, plan.Options]], tmp_path: Path
) -> None:
    run(root="begun")
    assert made == [((tmp_path / "begun").resolve(), BEGUN)]


def test_extra_data_sets_are_made_too_or_refused_before_anything_is_fetched(
    run: Prepare, made: list[tuple[Path, plan.Options]], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"absent: this folder is missing; set DATA.root, and DATA.extra_roots"):
        run(f"DATA.extra_roots=[{tmp_path / 'begun'}, {tmp_path / 'absent'}]")
    assert made == []
    assert "are fetched" in run(f"DATA.extra_roots=[{tmp_path / 'begun'}]")  # not fetched by the refused start
    assert made == [((tmp_path / "begun").resolve(), BEGUN)]
