"""Applies the audit's findings: stops a run with them, or leaves clips out."""

from pathlib import Path
from typing import get_args

import pandas as pd

from mtl_tf.config import AuditConfig, DoubtfulClip
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.errors import UserError

MOST_CLASSES, LEAST_SHARE = 4, 0.05


def leave_out(
    manifest: pd.DataFrame,
    problems: pd.DataFrame,
    corpus: Corpus,
    config: AuditConfig,
    listed: Path,
    label_columns: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Applies `audit.on_error` to the findings.

    Args:
        manifest: all clips.
        problems: what `find_problems` lists.
        corpus: for the message.
        config: `on_error`, and the kinds that are accepted or skipped anyway.
        listed: file with all findings, for the message.
        label_columns: columns whose classes the message counts.

    Returns:
        The manifest without the clips that have a finding whose kind is not accepted.

    Raises:
        UserError: there are such clips, and `on_error` is `stop`; or none is left.
    """
    serious = problems[~problems["kind"].isin(config.accept)]
    stopping = serious[~serious["kind"].isin(config.skip)]
    if len(stopping) and config.on_error == "stop":
        counts = ", ".join(f"{count} {kind}" for kind, count in stopping["kind"].value_counts().items())
        first = stopping.iloc[0]
        hits = "; ".join(count_hits(manifest, stopping, label_columns))
        raise UserError(
            f"corpus {corpus.name}: the audit found {counts}, such as {first['path']} ({first['reason']})"
            + (f"; that is {hits}" if hits else "")
            + f"; all are listed in {listed}; mend or move the files or give audit.on_error=skip"
            + _accept_hint(stopping)
        )
    kept = manifest[~manifest["clip_id"].isin(serious["clip_id"])]
    if kept.empty:
        raise UserError(f"corpus {corpus.name}: the audit leaves no clip; the reasons are listed in {listed}")
    return kept


def count_hits(
    manifest: pd.DataFrame, problems: pd.DataFrame, columns: tuple[str, ...], named: bool = False
) -> list[str]:
    """Counts which classes findings hit, those that lose the largest share first.

    Args:
        manifest: all clips.
        problems: findings, with their `clip_id`.
        columns: with the classes.
        named: whether to say which column a class is of.

    Returns:
        Such as "17 of 40 clips of silence", at most four, and none of which less than 5 % is hit.
    """
    hit = manifest["clip_id"].isin(problems["clip_id"])
    found = []
    for column in columns:
        labels = manifest[column]
        totals, hits = labels.value_counts(), labels[hit].value_counts()
        found += [
            (int(count) / int(totals[label]), int(count), int(totals[label]), f"{column} {label}" if named else label)
            for label, count in hits.items()
        ]
    found = [entry for entry in found if entry[0] >= LEAST_SHARE]
    found.sort(key=lambda entry: (-entry[0], -entry[1], str(entry[3])))
    return [f"{count} of {total} clips of {label}" for _, count, total, label in found[:MOST_CLASSES]]


def _accept_hint(serious: pd.DataFrame) -> str:
    kinds = sorted(set(serious["kind"]) & set(get_args(DoubtfulClip)))
    return f" or audit.accept=[{','.join(kinds)}], which keeps them" if kinds else ""
