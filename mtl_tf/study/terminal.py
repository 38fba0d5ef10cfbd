"""Prints the answers of a study."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from mtl_tf.study import names as files
from mtl_tf.study.gains import UNSURE
from mtl_tf.study.results import load_rows
from mtl_tf.study.words import INTERVALS, points, several

_PAGE_WIDTH = 160


def print_answers(folder: Path) -> None:
    """Prints what each task gains by each set of partners, and how settings compare, in points.

    Args:
        folder: of the study.
    """
    console = _console()
    gains = load_rows(folder / files.GAINS)
    if len(gains):
        table = _table("Gains on test clips, in points (95 %)", "task", "learned with", "alone", "gain", "interval")
        for row in gains.itertuples():
            with_model = f" ({row.model})" if row.model else ""
            interval = f"[{points(row.low)}, {points(row.high)}]"
            partners = several(row.partners) + with_model
            table.add_row(row.task, partners, f"{100 * row.alone:.1f}", points(row.gain), interval, row.verdict)
        console.print(table)
        if ((gains["verdict"] == UNSURE) & ((gains["low"] > 0) | (gains["high"] < 0))).any():
            console.print(INTERVALS)
    if (folder / files.CORPORA).is_file():
        title = "From one corpus to another: score on its test clips, and beside its own network, in points (95 %)"
        table = _table(title, "task", "learned from", "tested on", "score", "gain", "interval")
        for row in load_rows(folder / files.CORPORA).itertuples():
            own = pd.isna(row.gain)
            interval = "" if own else f"[{points(row.low)}, {points(row.high)}]"
            trained, gain = several(row.trained_on), "" if own else points(row.gain)
            table.add_row(row.task, trained, row.tested_on, f"{100 * row.score:.1f}", gain, interval, row.verdict)
        console.print(table)
    if (folder / files.SETTINGS).is_file():
        table = _table("Settings, beside the first, in points (95 %)", "task", "setting", "score", "gain", "interval")
        for row in load_rows(folder / files.SETTINGS).itertuples():
            first = pd.isna(row.gain)
            interval = "" if first else f"[{points(row.low)}, {points(row.high)}]"
            gain, verdict = ("", "") if first else (points(row.gain), row.verdict)
            task = f"{row.task} (with {several(row.tasks)})" if "+" in row.tasks else row.task
            table.add_row(task, row.setting, f"{100 * row.score:.1f}", gain, interval, verdict)
        console.print(table)


def _console() -> Console:
    """Returns the terminal, or a page that is wide enough where the output goes into a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else _PAGE_WIDTH)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title)
    for heading in (*headings, "verdict"):
        table.add_column(heading, justify="right" if heading in ("alone", "gain", "interval", "score") else "left")
    return table


def print_runs(table: pd.DataFrame) -> None:
    """Prints runs, see `mtl_tf.study.run_list.list_runs`, with scores in per cent."""
    shown = Table(title="Finished runs, test scores in %")
    scores = [name for name in table if name not in ("run", "differs", "train_seconds")]
    for heading in ("run", *scores, "training", "differs in"):
        shown.add_column(heading, justify="left" if heading in ("run", "differs in") else "right", overflow="fold")
    for row in table.to_dict("records"):
        values = ["" if pd.isna(row[name]) else f"{100 * row[name]:.1f}" for name in scores]
        seconds = "" if pd.isna(row["train_seconds"]) else f"{row['train_seconds']:.0f} s"
        shown.add_row(row["run"], *values, seconds, row["differs"])
    _console().print(shown)


def print_comparison(table: pd.DataFrame, folders: Sequence[Path]) -> None:
    """Prints how a second run differs from a first one, see `mtl_tf.study.run_list.compare_runs`."""
    console = _console()
    shown = Table(title=f"{folders[1]} beside {folders[0]}, in points (95 %)")
    for heading in ("task", "first", "second", "gain", "interval", "better", "same", "worse"):
        shown.add_column(heading, justify="left" if heading == "task" else "right")
    for row in table.itertuples():
        chances = (f"{value:.2f}" for value in (row.p_better, row.p_same, row.p_worse))
        interval = f"[{points(row.low)}, {points(row.high)}]"
        shown.add_row(
            row.task, f"{100 * row.first:.1f}", f"{100 * row.second:.1f}", points(row.gain), interval, *chances
        )
    console.print(shown)
    if (table["n_trainings"] == 1).any():
        console.print("One training each: this is of these two networks on other speakers, and not of other seeds.")
