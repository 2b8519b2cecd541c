"""Records the progress of a training run in record.csv, loss.png and score.jpg."""

from __future__ import annotations

import csv
import io
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # plots are written to files; no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from modules.files.atomic import atomic_path, write_text

OURS, SECOND, BASELINE = "#1f6fb4", "#d9730d", "#666666"
SECONDS_PER_DRAWING = 30  # drawing takes most of a second, which on a small set is longer than an epoch


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure atomically and closes it."""
    encoded = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font lacks; drawn as boxes
        figure.savefig(encoded, format=path.suffix.removeprefix("."), dpi=130, bbox_inches="tight")
    plt.close(figure)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())  # matplotlib's own writer hides a full disk behind another error


class PerformanceRecorder:
    """Writes one row per epoch, which is on disk before the next epoch starts, and draws the curves.

    They are drawn after an epoch unless they were within the last 30 seconds (SECONDS_PER_DRAWING), and by `draw`.
    `columns` are those of record.csv, in order. `baseline` is the extractor's own score, drawn for comparison.
    """

    def __init__(
        self, folder: Path, columns: Sequence[str], score_name: str, baseline: float, title: str = "PoseNet"
    ) -> None:
        self.folder, self.columns, self.score_name, self.baseline = folder, list(columns), score_name, baseline
        self.title = title
        self.rows: list[dict[str, Any]] = []
        self._drawn = time.monotonic()  # or begun

    def add(self, row: dict[str, Any]) -> None:
        """Records an epoch, which needs epoch, train_loss, validation_loss and validation_score, and draws if it is time."""
        self.rows.append(row)
        self._write_csv()
        if time.monotonic() - self._drawn >= SECONDS_PER_DRAWING:
            self.draw()

    def draw(self) -> None:
        """Draws the curves of all recorded epochs."""
        self._draw_loss()
        self._draw_score()
        self._drawn = time.monotonic()

    def last_line(self, improved: bool) -> str:
        """Returns the last epoch as a line of the log; a star says that its score is the best so far."""
        row = self.rows[-1]
        speed = row["images_per_second"]
        return (
            f"epoch {row['epoch']:3d}  loss {row['train_loss']:.4f}  validation loss {row['validation_loss']:.4f}  "
            f"{self.score_name} {row['validation_score']:.1f}{' *' if improved else ''}  root {row['validation_root']:.1f}  "
            f"root-relative {row['validation_root_relative']:.1f}{f'  {speed:.0f} images/s' if speed else ''}"
        )

    def _write_csv(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _short(value) for name, value in row.items()} for row in self.rows)
        write_text(self.folder / "record.csv", text.getvalue())

    def _column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def _draw_loss(self) -> None:
        figure, axes = _axes("loss per epoch", "loss")
        axes.plot(self._column("epoch"), self._column("train_loss"), "o-", ms=3, color=OURS, label="training")
        axes.plot(self._column("epoch"), self._column("validation_loss"), "o-", ms=3, color=SECOND, label="validation")
        axes.legend(frameon=False)
        save_figure(figure, self.folder / "loss.png")

    def _draw_score(self) -> None:
        figure, axes = _axes(f"validation {self.score_name.replace('_', ' ')}", _unit(self.score_name))
        epochs, scores = self._column("epoch"), self._column("validation_score")
        axes.plot(epochs, scores, "o-", ms=3, color=OURS, label=self.title)
        axes.axhline(self.baseline, ls="--", color=BASELINE, label=f"extractor by least squares: {self.baseline:.1f}")
        best = min(range(len(scores)), key=lambda i: scores[i])
        axes.plot(
            epochs[best],
            scores[best],
            "*",
            ms=12,
            color=SECOND,
            label=f"best: {scores[best]:.1f}, epoch {epochs[best]}",
        )
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        save_figure(figure, self.folder / "score.jpg")


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _unit(metric: str) -> str:
    return "mm²" if metric == "competition_mse" else "mm"


def _axes(title: str, unit: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(6.4, 4))
    axes.set(title=title, xlabel="epoch", ylabel=unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
