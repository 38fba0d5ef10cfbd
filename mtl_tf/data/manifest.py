"""The typed table of clips, and its file."""

import io
from pathlib import Path

import pandas as pd

from mtl_tf.corpora.corpus import Corpus
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole

COLUMNS = {
    "clip_id": "string",
    "corpus": "string",
    "path": "string",
    "start_s": "float64",
    "duration_s": "float64",
    "speaker": "string",
    "session": "string",
    "official_split": "string",
    "official_fold": "Int64",
    "misfit": "string",
}
FACTS = {
    "sample_rate": "int64",
    "channels": "int64",
    "num_frames": "int64",
    "container": "string",
    "subtype": "string",
    "plain_pcm_bits": "int64",
    "peak": "float64",
    "clipped_fraction": "float64",
    "audio_sha1": "string",
    "error": "string",
}


def list_clips(corpus: Corpus, root: Path) -> pd.DataFrame:
    """Reads a corpus folder into manifest rows, without opening the audio.

    Args:
        corpus: the reader.
        root: the corpus folder.

    Returns:
        One row per clip: `COLUMNS`, then the native labels as strings. `start_s` is 0 and `duration_s` NaN where the
        clip is the whole file. `clip_id` is `CORPUS/PATH` without suffix. `misfit` says why a file has no labels: its
        name is not one of the published layout.

    Raises:
        UserError: the folder does not have the published layout.
    """
    table = pd.DataFrame(corpus.read(root))
    if "misfit" in table and table["misfit"].notna().all():
        raise UserError(
            f"corpus {corpus.name}: none of the {len(table)} audio files below {root} fits the published layout; "
            f"{table['path'][0]} is {table['misfit'][0]}"
        )
    table["corpus"] = corpus.name
    table["start_s"] = table.get("start_s", 0.0)
    table["duration_s"] = table.get("duration_s", float("nan"))
    whole_file = table["start_s"].eq(0) & table["duration_s"].isna()
    name = corpus.name + "/" + table["path"].str.rsplit(".", n=1).str[0]
    table["clip_id"] = name.where(whole_file, name + "@" + table["start_s"].map("{:.3f}".format))
    for column in (*COLUMNS, *corpus.native_labels):
        if column not in table:
            table[column] = None
    types = COLUMNS | dict.fromkeys(corpus.native_labels, "string")
    return table[list(types)].astype(types).sort_values("clip_id", ignore_index=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes Parquet or CSV, whole or not at all.

    Args:
        table: any table.
        path: ends in `.parquet` or `.csv`.
    """
    content = io.BytesIO()
    if path.suffix == ".csv":
        table.to_csv(content, index=False)
    else:
        table.to_parquet(content, index=False)
    write_whole(path, content.getbuffer())
