"""Writes the quality page of a data set: figures of its labels in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.rig.figures import draw_labels, plot_limbs, plot_residuals, plot_shifts
from data.rig.quality import LANDMARKS, measured_worlds
from data.rig.recording_labels import LabelledRecording
from data.rig.splits import PERSON, SEQUENCE, TEST, TIME, TRAIN, VALIDATION
from modules.files.atomic import write_text
from modules.floor.report import summarise
from modules.utils import log

PAGE, PICTURES = "quality.md", "quality"
HOW = {
    PERSON: "whole people validate",
    SEQUENCE: "whole recordings validate; the people in them also train",
    TIME: "the end of each recording's time validates; the same people train",
}


def write_page(out: Path, labelled: Sequence[LabelledRecording], quality: dict[str, Any]) -> None:
    """Writes OUT/quality.md and its pictures, from the recordings and their figures."""
    lines = ["# Quality of the labels", "", *_overview(quality), "", "## Floor and up, measured on the labels", ""]
    lines += [f"- {line}." for line in summarise(measured_worlds(labelled))]
    for done, figures in zip(labelled, quality["recordings"], strict=True):
        lines += ["", f"## {figures['name']}", "", *_cameras(figures), "", *_shifts(out, done, figures)]
        for person, own in zip(done.people, figures["people"], strict=True):
            name = f"{done.recording.pose}_{person.person}"
            draw_labels(out / PICTURES / f"{name}_labels.jpg", done, person)
            plot_residuals(out / PICTURES / f"{name}_residuals.png", done, person)
            plot_limbs(out / PICTURES / f"{name}_limbs.png", done, person)
            lines += ["", f"### {own['person']}", "", *_person(own, figures), ""]
            for what, kind in (
                ("labels.jpg", "Labels on images"),
                ("residuals.png", "Residuals"),
                ("limbs.png", "Limbs"),
            ):
                lines.append(f"![{kind}]({PICTURES}/{name}_{what})")
    write_text(out / PAGE, "\n".join(lines) + "\n")
    for line in _log_lines(quality):
        log.info("%s", line)


def _overview(quality: dict[str, Any]) -> list[str]:
    images = quality["images"]
    names = f" ({', '.join(quality['held_out'])})" if quality["held_out"] else ""
    lines = [
        f"Labels are {_source(quality)}. They are a reference, not motion capture.",
        "`3d_pos_sd_mm` in each label is the standard deviation of each joint, by which training weighs. Residuals are those",
        "of BlazePose's landmarks; they may grow where extrinsics are refined on the released weights' joints.",
        "",
        f"Images: {images[TRAIN]} to train, {images[VALIDATION]} to validate, {images[TEST]} to test. Validation by "
        f"{quality['validation']}{names}: {HOW[quality['validation']]}.",
    ]
    if images[TEST]:
        lines.append(
            "The test camera changes no label and no other camera; its own position is fitted to the others' points before the "
            "tested time."
        )
    return lines


def _source(quality: dict[str, Any]) -> str:
    """Returns what the labels are made of."""
    if quality.get("joints", LANDMARKS) == LANDMARKS:
        return "triangulated from BlazePose's landmarks"
    return (
        "triangulated from the joints that the released weights see in each view, and in arms and legs from BlazePose's "
        "landmarks, too"
    )


def _cameras(figures: dict[str, Any]) -> list[str]:
    """Returns the table of cameras."""
    lines = [
        "| camera | frames/s | residual before, px | after | 90 % | moved, mm | turned, ° | swapped: body, legs, arms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, c in figures["cameras"].items():
        swaps = ", ".join(str(count) for count in c["swapped"].values())
        role = " (test)" if c["test"] else ""
        lines.append(
            f"| {name}{role} | {c['frames_per_second']:g} | {_shown(c['before_px'])} | {_shown(c['after_px'])} | "
            f"{_shown(c['after_px_90'])} | {c['moved_mm']:g} | {c['turned_degrees']:g} | {swaps} |"
        )
    return lines


def _shifts(out: Path, done: LabelledRecording, figures: dict[str, Any]) -> list[str]:
    """Returns what is known of the shifts between cameras."""
    cameras = figures["cameras"]
    shifts = ", ".join(f"{name} {c['shift_frames']:+g}" for name, c in cameras.items())
    if not figures["shifts_estimated"]:
        return [f"Shifts as given, in frames: {shifts}."]
    path = out / PICTURES / f"{figures['name']}_shifts.png"
    plot_shifts(path, done)
    between = ", ".join(f"{name} {_shown(c['shift_between_frames'])}" for name, c in cameras.items())
    lines = [
        f"Shifts by the movement, in frames: {shifts} (before rounding: {between}).",
        *(
            f"The movement does not show the shift of {name}; it is taken to be 0."
            for name in figures["shifts_unclear"]
        ),
        "",
        f"![Costs of shifts]({PICTURES}/{path.name})",
    ]
    return lines


def _person(own: dict[str, Any], figures: dict[str, Any]) -> list[str]:
    """Returns what was kept of a person, what was not, and their limbs."""
    every = f" (every {figures['step']}th)" if figures["step"] > 1 else ""
    lines = [
        f"{own['kept']} of {figures['moments']} moments{every} are labelled; a joint's standard deviation is "
        f"{_shown(own['joint_sd_mm'])} mm (median)."
    ]
    lines += [f"- thrown away: {count} x {reason}" for reason, count in own["thrown"].items() if count]
    if own["limb_length_mm"]:
        lines += ["", "| limb, by its end | " + " | ".join(own["limb_length_mm"]) + " |"]
        lines.append("| --- |" + " --- |" * len(own["limb_length_mm"]))
        for title, key in (("length, mm", "limb_length_mm"), ("SD over time, mm", "limb_length_sd_mm")):
            lines.append(f"| {title} | " + " | ".join(_shown(value) for value in own[key].values()) + " |")
    return lines


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _log_lines(quality: dict[str, Any]) -> list[str]:
    """Returns a line for each recording."""
    lines = []
    for figures in quality["recordings"]:
        cameras = figures["cameras"]
        after = ", ".join(f"{name} {_shown(c['after_px'])}" for name, c in cameras.items())
        shifts = ", ".join(f"{name} {c['shift_frames']:+g}" for name, c in cameras.items())
        people = ", ".join(f"{p['person']} {p['kept']} of {figures['moments']}" for p in figures["people"])
        lines.append(
            f"{figures['name']}: moments labelled: {people}; shifts in frames: {shifts}; median residuals in px: {after}; "
            f"{figures['detections_dropped']} of {figures['detections']} detections belong to nobody who is labelled"
        )
    return lines
