"""Runs the checks on a harmed data set, as the scripts do: the camera files are read, and what the cache holds is remade."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trust.harms import Harm, Shot
from modules.cache.store import read_manifest, read_rows
from modules.cache.table import Rows
from modules.checks.mistakes import FAMILIES, Evidence
from modules.checks.report import check_rows
from modules.doctor.check import explain_residual
from modules.doctor.diagnosis import diagnose
from modules.doctor.files import Files, Report, camera_notes
from modules.doctor.world import check_world, unreliable_parts
from modules.files.cameras import CameraNumbers, camera_from_numbers, read_camera_numbers
from modules.files.images import size_problem
from modules.files.layout import Frame
from modules.inference.baselines import place_on_floor
from modules.pose_utils import Camera, distort, least_squares_root, pixel2ray, undistort
from modules.utils import UserError

CAUSES = tuple(mistake.what for family in FAMILIES for mistake in family)
DEFINITE = (
    *CAUSES,
    "write world_up (",
    "files are swapped",
    "once this is fixed",
    "hold the same",
    "floor_height_mm is off",
)
EVIDENCE = 2  # images per view; check_data.py takes 4 per camera
MOST_CAMERAS = 2  # with labels; the search for combined mistakes takes seconds for each
FEWEST_SEEN = 12
MOMENTS = 12  # of a set, evenly spread
HARMLESS_MM = 100.0


@dataclass(frozen=True)
class Outcome:
    """What a harm does and what is said about it."""

    data: str
    harm: str
    labels: bool
    verdict: str  # named, warned, noted, refused, silent, misleading; for legal inputs: quiet, noted, false alarm
    off_mm: float | None  # how far the answers of a baseline move; None if nothing is answered
    sentence: str


def load_shots(root: Path, split: str, cache: str) -> list[Shot]:
    """Returns the shots of a cached split with labels."""
    folder = root / "cache" / cache / split
    rows = read_rows(folder, int((read_manifest(folder) or {})["parts"]))
    rows = rows.take(rows["found"] & rows["labelled"])
    rows = rows.take(
        np.isin(rows["sequence"], np.unique(rows["sequence"])[:: max(1, len(np.unique(rows["sequence"])) // MOMENTS)])
    )
    names = np.array([f"{p}_{q}_{c}" for p, q, c in zip(rows["pose"], rows["person"], rows["camera"], strict=True)])
    return [_shot(name, rows.take(names == name)) for name in np.unique(names)]


def _shot(name: str, rows: Rows) -> Shot:
    lens, up, floor = (
        None if np.isnan(v).any() else v for v in (rows[k][0] for k in ("distortion", "world_up", "floor_height_mm"))
    )
    width, height = (int(side) for side in rows["image_size"][0])
    K = rows["K"][0]
    return Shot(
        str(name), K, rows["R"][0], rows["t"][0], (width, height), lens, up, None if floor is None else float(floor),
        distort(rows["joints_px"], K, lens), rows["joints_rel_mm"], rows["joints_world_mm"],
        {"_sequence": [str(s) for s in rows["sequence"]], "_confidence": rows["confidence"]},
    )  # fmt: skip


def run(data: str, shots: Sequence[Shot], harm: Harm, folder: Path, labels: bool) -> Outcome:
    """Returns the outcome of a harm, with or without labels."""
    hidden = [{key: shot.written[key] for key in ("_sequence", "_confidence")} for shot in shots]
    changed = harm.change([replace(shot, written={}) for shot in shots])
    files: dict[Path, CameraNumbers] = {}
    refused = ""
    for shot in changed:
        path = folder / f"{shot.name}.json"
        path.write_text(json.dumps(shot.file()), encoding="utf-8")
        try:
            files[path] = read_camera_numbers(path)
            camera = camera_from_numbers(path, files[path])
            refused = refused or size_problem(path, shot.size, camera.image_size) or ""
        except UserError as error:
            refused = refused or str(error)
    report = _with_labels(changed, files, folder) if labels else Report()
    if refused:
        said = [refused, *report.problems]
        return Outcome(data, harm.name, labels, _refused(harm, said), None, _named(harm, said))
    rows = rows_of(changed, [camera_from_numbers(path, numbers) for path, numbers in files.items()], hidden)
    if not labels:
        for one in check_rows(rows):
            (report.problems if one.is_problem else report.notes).append(one.sentence)
    return _outcome(data, harm, labels, _off_mm(shots, rows, hidden), (report.problems, report.notes))


def rows_of(
    shots: Sequence[Shot], cameras: Sequence[Camera], hidden: Sequence[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """Returns the cache's columns as an extraction with these cameras would fill them from the same estimates."""
    parts: list[dict[str, Any]] = []
    for shot, camera, kept in zip(shots, cameras, hidden, strict=True):
        pose, person, name = shot.name.split("_")
        for index, sequence in enumerate(kept["_sequence"]):
            px = np.asarray(undistort(shot.raw_px[index], camera.K, camera.distortion))
            seen = np.isfinite(px).all(-1)
            confidence = np.where(seen, kept["_confidence"][index], 0.0)
            root = _root(shot.rel_mm[index], px, confidence, camera)
            missing = {"distortion": np.full(5, np.nan), "world_up": np.full(3, np.nan), "floor_height_mm": np.nan}
            declared = {key: missing[key] if getattr(camera, key) is None else getattr(camera, key) for key in missing}
            parts.append({
                "pose": pose, "person": person, "camera": name, "sequence": sequence, "found": root is not None,
                "image_size": np.array(shot.size, float), "K": camera.K, "R": camera.R, "t": camera.t, **declared,
                "distortion_more": np.full(9, np.nan), "fisheye": np.full(4, np.nan),
                "joints_px": np.where(seen[:, None], px, 0.0), "confidence": confidence, "joints_rel_mm": shot.rel_mm[index],
            })  # fmt: skip
    return {key: np.array([part[key] for part in parts]) for key in parts[0]}


def _root(rel_mm: np.ndarray, px: np.ndarray, confidence: np.ndarray, camera: Camera) -> np.ndarray | None:
    seen = np.isfinite(px).all(-1)
    if seen.sum() < FEWEST_SEEN:
        return None
    try:
        root = least_squares_root(rel_mm[seen], pixel2ray(px[seen], camera.K), np.maximum(confidence[seen], 1e-3))
    except ValueError:
        return None
    return root if (root[2] + rel_mm[:, 2] > 0).all() else None


def _off_mm(shots: Sequence[Shot], rows: dict[str, np.ndarray], hidden: Sequence[dict[str, Any]]) -> float | None:
    """Returns how far the baseline on the floor moves by the harm, median over images; None if nobody is found."""
    cameras = [Camera(s.K, s.R, s.t, s.size, s.distortion, s.up, s.floor) for s in shots]
    sound = rows_of(shots, cameras, hidden)
    both = rows["found"] & sound["found"]
    if not both.any():
        return None
    placed = [place_on_floor({key: value[both] for key, value in one.items()}) for one in (sound, rows)]
    return float(np.median(np.linalg.norm(placed[0] - placed[1], axis=-1).mean(1)))


def _with_labels(shots: Sequence[Shot], files: dict[Path, CameraNumbers], folder: Path) -> Report:
    """Returns what the doctor says with labels: cameras, the world frame, and what the files leave unguarded."""
    report = Report()
    evidence: dict[str, list[Evidence]] = {}
    frames, labels = [], {}
    several = len({shot.name.rpartition("_")[0] for shot in shots}) > 1
    for shot in shots:
        numbers = files.get(folder / f"{shot.name}.json")
        if numbers is None:
            continue
        pose, person, camera = shot.name.split("_")
        chosen = set(np.linspace(0, len(shot.joints) - 1, 1 if several else EVIDENCE).astype(int))
        for index in range(len(shot.joints)):
            frame = Frame(folder, "test", f"{shot.name}_{index}.jpg", pose, person, camera, str(index))
            if index in chosen and len(evidence.get(camera, [])) < 2 * EVIDENCE:
                evidence.setdefault(camera, []).append(Evidence(
                    frame.file_name, camera, shot.size, shot.raw_px[index], numbers.intrinsics, numbers.image_scale,
                    numbers.extrinsics, numbers.optional.get("distortion"), shot.joints[index],
                ))  # fmt: skip
            frames.append(frame)
            labels[frame.label_path] = shot.joints[index]
    diagnoses = [diagnose(own) for own in list(evidence.values())[:MOST_CAMERAS]]
    for found in diagnoses:
        if found.mistakes:
            report.problems.append(f"camera {found.camera}: " + "; ".join(f"{m.what}: {m.fix}" for m in found.mistakes))
        else:
            sentence, is_problem = explain_residual(found, evidence)
            (report.problems if is_problem else report.notes).append(f"camera {found.camera}: {sentence}")
    if labels:
        cameras = {frame.camera_path: files[folder / f"{frame.view}.json"] for frame in frames}
        check_world(Files(frames, cameras, labels), unreliable_parts(diagnoses), report)
        report.notes += camera_notes({path: one for path, one in cameras.items()})
    return report


def _refused(harm: Harm, sentences: Sequence[str]) -> str:
    if not harm.words:
        return "false alarm"
    return "named" if any(word in text for word in harm.words for text in sentences) else "refused"


def _named(harm: Harm, sentences: Sequence[str]) -> str:
    named = [text for text in sentences if any(word in text for word in harm.words)]
    return (named or [*sentences, ""])[0]


def _outcome(data: str, harm: Harm, labels: bool, off_mm: float | None, said: tuple[list[str], list[str]]) -> Outcome:
    problems, notes = said
    notes = [
        text
        for text in notes
        if ("image_size is missing" not in text and "labels project" not in text) or "once this" in text
    ]
    if not harm.words:
        verdict = "false alarm" if problems else "noted" if notes else "quiet"
        return Outcome(data, harm.name, labels, verdict, off_mm, (problems + notes + [""])[0])
    if any(word in text for word in harm.words for text in problems):
        verdict = "named"
    elif any(cause in text for text in problems for cause in DEFINITE):
        verdict = "misleading"
    elif problems:
        verdict = "warned"
    elif any(word in text for word in harm.words for text in notes):
        verdict = "noted"
    else:
        verdict = "harmless" if off_mm is not None and off_mm < HARMLESS_MM and not harm.labels else "silent"
    return Outcome(data, harm.name, labels, verdict, off_mm, _named(harm, problems + notes))
