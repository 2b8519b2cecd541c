"""Puts measured worlds into words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules.floor.up import spell
from modules.floor.worlds import World

MOST_LINES = 3  # worlds that get a line each; more are summarised
WHERE = {"labels": "the labels", "views": "several views"}
HOW = {"declared": "declared", "axis": "the world axis nearest to the people's", "plane": "the normal of the ground"}


def describe(world: World) -> str:
    """Returns up and floor of a world with their uncertainty, or why they are missing, without a full stop."""
    who = (
        world.recordings[0]
        if len(world.recordings) == 1
        else f"{world.recordings[0]} and {len(world.recordings) - 1} more"
    )
    if world.up is None:
        return f"{who}: no up and no floor ({world.refusal})"
    about = "" if world.up_how == "declared" else f" within {world.up_error_deg:.1f} degrees"
    up = f"up is {spell(np.array(world.up))}, {HOW[world.up_how]}{about}"
    if world.floor_mm is None:
        return f"{who}: {up}; no floor ({world.refusal})"
    where = WHERE.get(world.source, world.source)
    if world.is_declared:
        return f"{who}: {up}; the floor is at {world.floor_mm:.0f} mm, declared in {where}"
    spread = "" if world.spread_mm is None else f" whose feet are spread over {world.spread_mm:.0f} mm"
    return (
        f"{who}: {up}; the floor is at {world.floor_mm:.0f} mm (± {world.floor_error_mm or 0:.0f}), "
        f"from {world.labels} people in {where}{spread}"
    )


def summarise(worlds: Sequence[World]) -> list[str]:
    """Returns a line for each of a few worlds; for many, their number, median uncertainty and refusals with an example."""
    if len(worlds) <= MOST_LINES:
        return [describe(world) for world in worlds]
    measured = [world for world in worlds if world.floor_mm is not None]
    refused = [world for world in worlds if world.floor_mm is None]
    lines = []
    if measured:
        error = np.median([world.floor_error_mm or 0.0 for world in measured])
        lines.append(f"{len(measured)} floors, in the median ± {error:.0f} mm, such as {describe(measured[0])}")
    if refused:
        count = sum(len(world.recordings) for world in refused)
        lines.append(f"{count} recordings without a floor, such as {describe(refused[0])}")
    return lines
