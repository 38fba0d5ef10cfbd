"""The typed table of clips."""

import os
from pathlib import Path

import pandas as pd

from mtl_tf.corpora.corpus import SPELLINGS, Corpus
from mtl_tf.errors import UserError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
COLUMNS = {
    "clip_id": "string",
    "corpus": "string",
    "path": "string",
    "start_s": "float64",
    "duration_s": "float64",
    "identity": "string",
    "copy": "int64",
    "speaker": "string",
    "session": "string",
    "official_split": "string",
    "official_fold": "Int64",
    "misfit": "string",
}
FACTS = {
    "sample_rate": "int64",
    "channels": "int64",
    "start_frame": "int64",
    "num_frames": "int64",
    "container": "string",
    "subtype": "string",
    "plain_pcm_bits": "int64",
    "peak": "float64",
    "clipped_fraction": "float64",
    "audio_sha1": "string",
    "fingerprint": "object",
    "doubt": "string",
    "error": "string",
}
# What other steps add: duplicates, the division, the decoder that was chosen.
FOUND = ("recording", "same_because", "split", "decoder")


def list_clips(corpus: Corpus, root: Path) -> pd.DataFrame:
    """Reads a corpus folder into manifest rows, without opening the audio.

    Args:
        corpus: the reader.
        root: the corpus folder.

    Returns:
        One row per clip: `COLUMNS`, then the native labels as strings. `start_s` is 0 and `duration_s` NaN where the
        clip is the whole file. `clip_id` is `CORPUS/PATH`, with `@` and the start where it is a part of a file, and
        unique. `identity` is the publisher's name of the performance, which two files may share, and `copy` is above 0
        for a file that the publisher made from another. `official_split` is `train`, `validation` or `test`. `misfit`
        says why a file has no labels: its name is not one of the published layout, or no UTF-8.

    Raises:
        UserError: the folder does not have the published layout, a clip is listed twice, or an official split has
            another name than the usual ones.
    """
    table = pd.DataFrame([_with_printable_name(row) for row in corpus.rows(root)])
    if "misfit" in table and table["misfit"].notna().all():
        raise UserError(
            f"corpus {corpus.name}: none of the {len(table)} audio files below {root} fits the layout of the corpus; "
            f"{table['path'][0]} is {table['misfit'][0]}"
        )
    table["corpus"] = corpus.name
    table["start_s"] = table["start_s"].fillna(0.0) if "start_s" in table else 0.0
    table["duration_s"] = table.get("duration_s", float("nan"))
    table["copy"] = table["copy"].fillna(0) if "copy" in table else 0
    whole_file = table["start_s"].eq(0) & table["duration_s"].isna()
    name = corpus.name + "/" + table["path"]
    table["clip_id"] = name.where(whole_file, name + "@" + table["start_s"].map("{:.6f}".format))
    labels = dict.fromkeys([*corpus.native_labels, *(column for column in table if column not in COLUMNS)])
    for column in (*COLUMNS, *labels):
        if column not in table:
            table[column] = None
    types = COLUMNS | dict.fromkeys(labels, "string")
    table = table[list(types)].astype(types).sort_values("clip_id", ignore_index=True)
    repeated = table["clip_id"].duplicated()
    if repeated.any():
        several = f"{repeated.sum()} clip{'s are' if repeated.sum() > 1 else ' is'}"
        raise UserError(
            f"corpus {corpus.name}: {several} listed twice, such as "
            f"{table['clip_id'][repeated].iloc[0]}; list each once, with several labels in one cell if need be"
        )
    table["official_split"] = _usual_names(table["official_split"], corpus.name)
    return table


def label_columns(manifest: pd.DataFrame) -> list[str]:
    """Returns the columns of a manifest that hold native labels."""
    return [column for column in manifest if column not in {*COLUMNS, *FACTS, *FOUND}]


def _usual_names(splits: pd.Series, corpus: str) -> pd.Series:
    found = splits.str.strip().str.casefold()
    unknown = splits[splits.notna() & ~found.isin(list(SPELLINGS))]
    if len(unknown):
        counts = ", ".join(f"{name!r} ({count} clips)" for name, count in unknown.value_counts().items())
        raise UserError(
            f"corpus {corpus}: official_split is {counts}, which is none of {', '.join(SPELLINGS)}; the column, or "
            "what reads it, has to say train, validation or test"
        )
    return found.map(SPELLINGS).astype("string")


def _with_printable_name(row: dict[str, object]) -> dict[str, object]:
    """Makes a finding of a file whose name no table and no terminal can hold; its labels may be wrong likewise."""
    path = str(row["path"])
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return {"path": shown, "misfit": "named in an encoding other than UTF-8; rename it"}
    return row
