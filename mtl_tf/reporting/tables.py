"""Tables on the terminal."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl_tf.annotations import TIMES, UNKNOWN, timed_events
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data.leave_out import count_hits
from mtl_tf.data.manifest import label_columns
from mtl_tf.data.prepare import AUDIT, MANIFEST
from mtl_tf.reporting.words import only_class, percent, telling_speakers
from mtl_tf.runs import names
from mtl_tf.runs.read import load_classes, load_history, load_metrics, load_speakers, part_folders
from mtl_tf.tables import read_table
from mtl_tf.tasks.metrics import METRICS, TRACKED, metric_title

MOST_VALUES = 24


def print_scores(folder: Path, name: str = names.METRICS) -> None:
    """Prints the scores of every task of a run beside chance and a majority guess, in per cent."""
    test = load_metrics(folder, name)["test"]
    kinds = (  # which task is of a kind is told by a score that it alone has
        ("accuracy", "Test scores", ("accuracy", "uar", "macro_f1"), ("accuracy", "UAR", "macro F1", "chance")),
        (
            "map",
            "Test scores of tags",
            ("map", "macro_f1", "micro_f1"),
            ("mAP", "macro F1", "micro F1", "chance (mAP)"),
        ),
        (
            "frame_f1",
            "Test scores of events",
            ("frame_f1", "segment_f1", "segment_error_rate", "event_f1", "event_error_rate"),
            ("frame F1", "segment F1", "segment ER", "event F1", "event ER", "always (frame F1)"),
        ),
    )
    for mark, title, keys, headings in kinds:
        table = Table(title=f"{title} of {folder} (%)")
        guesses = ["majority accuracy"] if mark == "accuracy" else []
        for heading in ("task", *headings, *guesses, "clips"):
            table.add_column(heading, justify="left" if heading == "task" else "right")
        for task, scores in test.items():
            if mark in scores:
                values = [percent(scores[key], scores.get(f"{key}_std")) for key in keys]
                guess = [percent(scores["majority"]["accuracy"])] if guesses else []
                table.add_row(task, *values, percent(scores["chance"]), *guess, str(scores["n"]))
                if "ensemble" in scores:
                    together = [percent(scores["ensemble"][key]) for key in keys]
                    table.add_row("  their answers averaged", *together, "", "", str(scores["n"]))
        if table.row_count:
            _console().print(table)
    for task, scores in test.items():
        if only_class(scores):
            _console().print(Text(f"{task}: {only_class(scores)}"))


def print_validation(folder: Path) -> None:
    """Prints the validation scores of the kept epoch of a run, in per cent, over its folds or repeats."""
    parts = part_folders(folder)
    rows = []
    for part in parts:
        history = load_history(part)
        scored = history["score"].dropna()
        rows.append(history.loc[scored.idxmax() if len(scored) else history.index[-1]])
    found = pd.DataFrame(rows)
    over = f", mean and deviation over {len(parts)} {parts[0].parent.name}" if len(parts) > 1 else ""
    table = Table(title=f"Validation scores of {folder} (%){over}")
    for heading in ("task", "score", "value"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for task in load_classes(parts[0]):
        for metric in (name for name in TRACKED if METRICS[name].higher_is_better):
            column = f"val_{task}_{metric}"
            if column in found and found[column].notna().any():
                spread = found[column].std() if found[column].count() > 1 else None
                table.add_row(task, metric_title(metric), percent(found[column].mean(), spread))
    if table.row_count:
        _console().print(table)


def print_details(folder: Path) -> None:
    """Prints the scores per class and per speaker that `evaluate_run` wrote."""
    metrics = load_metrics(folder, names.EVALUATION)
    speakers = telling_speakers(load_speakers(folder), metrics["test"])
    for task, scores in metrics["test"].items():
        kind = "whole events per class" if "frame_f1" in scores else "per class"
        classes = Table(title=f"{task}: {kind} (%)")  # which folds that do not have the same classes lack
        what = "events" if "frame_f1" in scores else "clips"
        for heading in ("class", "precision", "recall", "F1", what):
            classes.add_column(heading, justify="left" if heading == "class" else "right")
        for label, entry in scores.get("per_class", {}).items():
            values = (percent(entry[key]) for key in ("precision", "recall", "f1"))
            classes.add_row(Text(label), *values, str(entry["n"]))
        if classes.row_count:
            _console().print(classes)
        people = Table(title=f"{task}: per speaker (%)")
        for heading in ("corpus", "speaker", "accuracy", "UAR", "clips"):
            people.add_column(heading, justify="left" if heading in ("corpus", "speaker") else "right")
        for row in speakers[speakers["task"] == task].itertuples():
            people.add_row(row.corpus, Text(row.speaker), percent(row.accuracy), percent(row.uar), str(row.n))
        if people.row_count:
            _console().print(people)


def print_audit(corpus: Corpus, manifest: pd.DataFrame, folder: Path) -> None:
    """Prints what a corpus holds and what the audit found."""
    findings = read_table(folder / AUDIT)
    readable = manifest[manifest["error"] == ""]
    hours = float((readable["num_frames"] / readable["sample_rate"]).sum()) / 3600
    rates = ", ".join(f"{count} at {rate} Hz" for rate, count in readable["sample_rate"].value_counts().items())
    console = _console()
    speakers = manifest["speaker"].nunique()
    console.print(f"{corpus.title}: {len(manifest)} clips ({rates}), {hours:.2f} h, {speakers} speakers")
    if corpus.licence:
        console.print(f"licence: {corpus.licence}")
    published = set(corpus.sample_rates)
    if published and not readable.empty and not published & set(readable["sample_rate"]):
        listed = ", ".join(map(str, sorted(published)))
        console.print(f"note: published at {listed} Hz, so this is a converted copy; figures may differ from papers")
    if manifest["misfit"].isna().sum() < (corpus.num_published or 0):
        console.print(f"note: {corpus.num_published} clips are published, so this is a part of the corpus")
    for line in count_lines(manifest):
        console.print(Text(line))
    if findings.empty:
        console.print("audit: every clip decodes, nothing to report")
    else:
        first = findings.groupby("kind")["path"].first()
        counts = ", ".join(
            f"{count} {kind} ({first[kind]}{', ...' if count > 1 else ''})"
            for kind, count in findings["kind"].value_counts().items()
        )
        console.print(Text(f"audit: {counts}; listed in {folder / AUDIT}"))
        columns = tuple(
            column
            for column in label_columns(manifest)
            if manifest[column].nunique() <= MOST_VALUES and not column.endswith(TIMES)
        )
        hits = count_hits(manifest, findings, columns, named=True)
        if hits:
            console.print(Text(f"that is {', '.join(hits)}"))
    console.print(f"{folder / MANIFEST}")


def count_lines(manifest: pd.DataFrame) -> list[str]:
    """Counts the clips per native label, speaker, official part and official fold, a line each.

    Args:
        manifest: of one corpus.
    """
    lines = []
    for column in (*label_columns(manifest), "official_split", "official_fold", "speaker"):
        if column.endswith(TIMES):
            lines += _event_line(manifest[column].dropna().astype(str), column)
            continue
        counts = manifest[column].dropna().astype(str).value_counts()
        if len(counts) > MOST_VALUES:
            fewest, most = counts.min(), counts.max()
            lines.append(f"{column}: {len(counts)} values, {fewest} to {most} clips each")
        elif len(counts):
            listed = ", ".join(f"{value} {counts[value]}" for value in sorted(counts.index))
            missing = int(manifest[column].isna().sum())
            lines.append(f"{column}: {listed}" + (f"; none {missing}" if missing else ""))
    return lines


def _event_line(cells: pd.Series, column: str) -> list[str]:
    """Counts the events of each label."""
    found = [event.label for cell in cells for event in timed_events(cell) if not event.label.startswith(UNKNOWN)]
    counts = pd.Series(found, dtype=object).value_counts()
    if len(counts) > MOST_VALUES:
        return [f"{column}: {counts.sum()} events of {len(counts)} kinds"]
    return [f"{column}: events of {', '.join(f'{label} {counts[label]}' for label in sorted(counts.index))}"]


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
