"""Fetching a MeTRAbs model from its address, an archive or a folder: trusted or refused, killed and resumed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modules.config.paths import PROJECT_ROOT
from modules.extractors.metrabs.weights import METRABS, OLD_RECORD, RECORD, missing_sentence
from modules.files.hashing import sha256_file
from modules.utils import UserError
from pre_models import download as downloads
from pre_models.folders import sha256_folder
from pre_models.locking import exclusive
from pre_models.metrabs import fetch_metrabs
from pre_models.model_archive import DOWNLOADS
from tests.pre_models.models import MODEL, in_folder, read_folder, tar_bytes, write_folder, zip_bytes
from tests.pre_models.server import Resource, Site, serving

NAME = "metrabs_s"
ARCHIVE = tar_bytes(in_folder("metrabs_eff2s/"), "w:gz")
OTHER = zip_bytes([("saved_model.pb", b"another")])


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0,))
    with serving() as site:
        yield site


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive.tgz"
    path.write_bytes(ARCHIVE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A substitute of pre_models."""
    return tmp_path / "pre_models"


def know(monkeypatch: pytest.MonkeyPatch, url: str, sha256: str | None) -> None:
    monkeypatch.setitem(METRABS, NAME, replace(METRABS[NAME], url=url, sha256=sha256))


def read_model(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The model's files and the record of them; nothing but the lock may remain beside the model."""
    files = read_folder(folder / NAME)
    record = json.loads(files.pop(RECORD))
    assert {path.name for path in folder.iterdir()} == {NAME, DOWNLOADS}
    return files, record


def refusal(folder: Path, source: object = None, trust: bool = False, name: str = NAME) -> str:
    with pytest.raises(UserError) as caught:
        fetch_metrabs(name, None if source is None else str(source), trust, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pinned_model_needs_no_trust(
    site: Site, folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sha256 = site.put("/metrabs_s", Resource(ARCHIVE)), sha256_file(archive)
    know(monkeypatch, url, sha256)
    assert fetch_metrabs(NAME, folder=folder) == folder / NAME
    assert read_model(folder) == (MODEL, {"source": url, "sha256": sha256, "trusted": "pinned"})
    assert [path.suffix for path in (folder / DOWNLOADS).iterdir()] == [".lock"]
    assert fetch_metrabs(NAME, folder=folder) == folder / NAME
    assert len(site.requests) == 1


@pytest.mark.parametrize("pin", [None, "0" * 64])
def test_unknown_bytes_need_trust(
    site: Site, folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, pin: str | None
) -> None:
    url, sha256 = site.put("/metrabs_s", Resource(ARCHIVE)), sha256_file(archive)
    know(monkeypatch, url, pin)
    sentence = refusal(folder)
    assert sha256 in sentence and "add --trust" in sentence and "a SavedModel is a program" in sentence
    assert (f"not the pinned {pin}" if pin else f"unknown: none is pinned for {NAME}") in sentence
    assert not (folder / NAME).exists()
    assert refusal(folder) == sentence
    fetch_metrabs(NAME, trust=True, folder=folder)
    assert read_model(folder) == (MODEL, {"source": url, "sha256": sha256, "trusted": "by user"})
    assert len(site.requests) == 1  # in all three calls


def test_a_users_archive(folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "add --trust" in refusal(folder, archive)
    fetch_metrabs(NAME, str(archive), trust=True, folder=folder)
    assert read_model(folder)[1]["trusted"] == "by user" and archive.read_bytes() == ARCHIVE
    know(monkeypatch, "http://nowhere/", sha256_file(archive))
    fetch_metrabs(NAME, str(archive), folder=folder)  # the pinned bytes, wherever they come from
    assert read_model(folder) == (
        MODEL,
        {"source": str(archive), "sha256": sha256_file(archive), "trusted": "pinned"},
    )


def test_a_users_folder(tmp_path: Path, folder: Path) -> None:
    mine = write_folder(tmp_path / "mine")
    for record_name in (RECORD, OLD_RECORD):
        (mine / record_name).write_text("of another installation")
    sentence = refusal(folder, mine)
    fetch_metrabs(NAME, str(mine), trust=True, folder=folder)
    files, record = read_model(folder)
    assert files == MODEL and record["trusted"] == "by user" and record["sha256"] in sentence
    assert sha256_folder(folder / NAME) == record["sha256"]  # the record is no part of the model
    fetch_metrabs(NAME, str(folder / NAME), trust=True, folder=folder)  # onto itself
    assert read_model(folder)[0] == MODEL


def test_the_hash_of_a_folder_is_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(model: dict[str, bytes]) -> str:
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        return sha256_folder(write_folder(tmp_path / "model", model))

    same = of(MODEL)
    assert of(dict(reversed(MODEL.items()))) == same and re.fullmatch("[0-9a-f]{64}", same)
    walk = os.walk
    with monkeypatch.context() as patch:  # another disk lists its folders in another order
        patch.setattr(os, "walk", lambda folder: [(at, below, files[::-1]) for at, below, files in walk(folder)][::-1])
        assert of(MODEL) == same
    for changed in (
        {**MODEL, "assets/empty": b"x"},
        {**MODEL, "assets/more": b""},
        {("assets/void" if name == "assets/empty" else name): content for name, content in MODEL.items()},
    ):
        assert of(changed) != same


def test_folders_without_a_model_or_with_links(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "outer").mkdir()
    mine = write_folder(tmp_path / "outer" / "mine")
    assert "holds no saved_model.pb" in refusal(folder, tmp_path / "outer", trust=True)
    for target in ("/etc/passwd", "/etc", "nowhere", "saved_model.pb"):
        (mine / "assets" / "link").symlink_to(target)
        assert "assets/link: this is a link or a device" in refusal(folder, mine, trust=True)
        (mine / "assets" / "link").unlink()
    os.mkfifo(mine / "assets" / "pipe")
    assert "assets/pipe: this is a link or a device" in refusal(folder, mine, trust=True)
    assert not (folder / NAME).exists()


@pytest.mark.parametrize("query", ["", "?a=1"])
def test_a_hub_handle_is_requested_as_by_its_own_resolver(site: Site, folder: Path, query: str) -> None:
    url = site.put(f"/google/model/1{query}", Resource(b"<html>a page about the model</html>"))
    hub = f"/google/model/1{query}{'&' if query else '?'}tf-hub-format=compressed"
    site.put(hub, Resource(ARCHIVE))
    fetch_metrabs(NAME, url, trust=True, folder=folder)
    files, record = read_model(folder)
    assert files == MODEL and record["source"] == url
    assert [path for path, _ in site.requests] == [f"/google/model/1{query}", hub]


def test_a_page_instead_of_an_archive_says_what_to_do_by_hand(site: Site, folder: Path) -> None:
    for query in ("", "?tf-hub-format=compressed"):
        site.put(f"/login{query}", Resource(b"<html>log in</html>"))
    sentence = refusal(folder, f"{site.address}/login", trust=True)
    assert (
        f"no .zip, .tar or .tar.gz; get it by other means and unpack it so that {folder / NAME}/saved_model.pb"
        in sentence
    )
    assert [path.suffix for path in (folder / DOWNLOADS).iterdir()] == [".lock"]


def test_a_missing_file_says_what_to_do_by_hand(site: Site, folder: Path) -> None:
    url = f"{site.address}/nowhere.zip"
    sentence = refusal(folder, url, trust=True)
    for part in (
        url,
        "HTTP 404",
        f"so that {folder / NAME}/saved_model.pb exists",
        "EXTRACT.extractor=blazepose does not need it",
    ):
        assert part in sentence


def test_a_damaged_download_is_downloaded_again(site: Site, folder: Path) -> None:
    url = site.put("/metrabs_s", Resource(ARCHIVE[:-100]))
    sentence = refusal(folder, url, trust=True)
    assert "damaged or truncated" in sentence and "downloads it again" in sentence
    site.put("/metrabs_s", Resource(ARCHIVE))
    fetch_metrabs(NAME, url, trust=True, folder=folder)
    assert read_model(folder)[0] == MODEL


def test_a_present_model_is_replaced_only_by_a_complete_one(tmp_path: Path, folder: Path, archive: Path) -> None:
    fetch_metrabs(NAME, str(archive), trust=True, folder=folder)
    before = read_model(folder)
    bad = {
        "cut": ARCHIVE[:-100],
        "empty": b"",
        "slip": zip_bytes([("saved_model.pb", b"x"), ("../evil", b"x")]),
        "two": zip_bytes([("a/saved_model.pb", b"x"), ("b/saved_model.pb", b"x")]),
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        refusal(folder, tmp_path / name, trust=True)
        assert read_model(folder) == before
        assert (tmp_path / name).is_file()  # the user's files are not deleted
    (tmp_path / "other").write_bytes(OTHER)
    fetch_metrabs(NAME, str(tmp_path / "other"), trust=True, folder=folder)
    assert read_model(folder)[0] == {"saved_model.pb": b"another"}


def test_a_link_to_another_disk_stays_one(tmp_path: Path, folder: Path, archive: Path) -> None:
    folder.mkdir()
    (tmp_path / "disk").mkdir()
    (folder / NAME).symlink_to(tmp_path / "disk" / NAME)
    fetch_metrabs(NAME, str(archive), trust=True, folder=folder)
    assert (folder / NAME).is_symlink() and read_model(folder)[0] == MODEL


def test_invalid_sources_and_names(tmp_path: Path, folder: Path, archive: Path) -> None:
    assert "there is no such archive or folder" in refusal(folder, tmp_path / "nowhere")
    for source in ("ftp://host/a.zip", "file:///etc/passwd", "s3://bucket/a", "http://[/a", "https:///a"):
        assert "only http and https" in refusal(folder, source)
    for name in ("metrabs", "metrabs_../x", "metrabs_a/b", "blazepose", "fetch.py", "metrabs_ü", ""):
        assert "there are no such weights; known are blazepose, metrabs_single" in refusal(folder, archive, True, name)
    assert "there are no such weights" in refusal(folder, name="metrabs_mine")
    assert fetch_metrabs("metrabs_mine", str(archive), True, folder) == folder / "metrabs_mine"


def test_two_at_once(folder: Path, archive: Path) -> None:
    with exclusive(folder / DOWNLOADS / f"{NAME}.lock"):
        assert "another process is fetching these weights" in refusal(folder, archive, trust=True)
    fetch_metrabs(NAME, str(archive), trust=True, folder=folder)


def test_a_folder_where_nothing_can_be_written(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert "you may write there" in refusal(tmp_path / "file", archive, trust=True)


def test_missing_weights_say_how_to_get_them_or_do_without() -> None:
    for name in METRABS:
        sentence = missing_sentence(name)
        for part in (f"pre_models/{name}/saved_model.pb", f"`python -m pre_models.fetch {name}`", METRABS[name].url):
            assert part in sentence
        assert sentence.endswith("EXTRACT.extractor=blazepose does not need them") and "\n" not in sentence
    assert "pre_models.fetch metrabs_mine --from ARCHIVE`" in missing_sentence("metrabs_mine")


# The real command, in a copy of the project's code, so that it writes into the test's folder.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in ("modules", "model", "pre_models"):
        for path in (PROJECT_ROOT / name).rglob("*.py"):
            target = root / path.relative_to(PROJECT_ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return root


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pre_models.fetch", *arguments]


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=project, capture_output=True, text=True, check=False, timeout=30)


def test_after_a_kill_the_same_command_resumes(project: Path, site: Site) -> None:
    big = zip_bytes(in_folder("m/", {**MODEL, "variables/more": os.urandom(300_000)}))
    url = site.put("/m.zip", Resource(big, cuts=[1_000], stalls=True))
    arguments = ("metrabs_multiperson_smpl", "--from", url, "--trust", "--json")
    process = subprocess.Popen(command(*arguments), cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    parts = project / "pre_models" / DOWNLOADS
    try:
        for _ in range(500):
            if [path.stat().st_size for path in parts.glob("*.part")] == [1_000]:
                break
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = run(project, *arguments)
    assert done.returncode == 0, done.stderr
    assert site.ranges == [None, "bytes=1000-"] and re.search(r"\d[MG]B/s", done.stderr)
    model = project / "pre_models" / "metrabs_multiperson_smpl"
    assert json.loads(done.stdout.splitlines()[-1])["folder"] == str(model)
    assert {name: (model / name).read_bytes() for name in MODEL} == MODEL


DIE_WHILE_UNPACKING = """
import os, sys
from pre_models import archives, fetch
write, written = archives._write, []
def write_or_die(entry, path):
    if written:
        os.kill(os.getpid(), 9)
    written.append(write(entry, path))
archives._write = write_or_die
fetch.fetch_metrabs(sys.argv[1], sys.argv[2], trust=True)
"""


def test_a_kill_while_unpacking_keeps_the_old_model(project: Path, archive: Path) -> None:
    write_folder(project / "pre_models" / NAME, {"saved_model.pb": b"old"})
    died = subprocess.run([sys.executable, "-c", DIE_WHILE_UNPACKING, NAME, str(archive)], cwd=project, check=False)
    assert died.returncode == -signal.SIGKILL
    half = project / "pre_models" / f".{NAME}.tmp"
    assert (half / "saved_model.pb").read_bytes() == MODEL["saved_model.pb"] and not (half / "variables").exists()
    assert read_folder(project / "pre_models" / NAME) == {"saved_model.pb": b"old"}
    assert run(project, NAME, "--from", str(archive), "--trust", "--quiet").returncode == 0
    files = read_folder(project / "pre_models" / NAME)
    assert set(files) == {*MODEL, RECORD} and not half.exists()


def test_the_list_and_the_exit_codes(project: Path, archive: Path) -> None:
    done = run(project, "--json")
    *lines, summary = done.stdout.splitlines()
    weights = {row["name"]: row for row in json.loads(summary)["weights"]}
    assert set(METRABS) < set(weights) and len(lines) == len(weights) + 1
    assert weights["metrabs_s"]["size_bytes"] == 344_181_307 and not weights["metrabs_s"]["present"]
    unknown = next(line for line in lines if line.startswith("metrabs_multiperson_smpl "))
    assert " unknown " in unknown and "non-commercial" in unknown and METRABS["metrabs_multiperson_smpl"].url in unknown
    refused = run(project, NAME, "--from", str(archive), "--quiet")
    assert (refused.returncode, refused.stdout) == (2, "") and refused.stderr.count("error: ") == 1
    for arguments in (["blazepose", "--trust"], ["blazepose", "--from", "x"], [NAME, "--weights", "full"]):
        refused = run(project, *arguments)
        assert refused.returncode == 2 and "leave" in refused.stderr and refused.stderr.count("\n") == 1
    assert run(project, NAME, "--from", str(archive), "--trust").returncode == 0
    again = run(project, NAME)
    assert again.returncode == 0 and "it is present already" in again.stdout
