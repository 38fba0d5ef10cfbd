"""The labels and events of a corpus as a typed table, for people and other programs."""

import math

import pandas as pd

from mtl_tf.annotations import JOIN, TIMES, UNKNOWN, read_events
from mtl_tf.data.manifest import label_columns

ANNOTATIONS = "annotations.parquet"
TYPES = {
    "clip_id": "string",
    "column": "string",
    "label": "string",
    "onset_s": "float64",
    "offset_s": "float64",
    "annotated": "bool",
}


def annotation_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Lists the labels and events of all clips.

    Args:
        manifest: of one corpus.

    Returns:
        One row per label of a clip and per event: `clip_id`, `column`, `label`, `onset_s` and `offset_s` (NaN for a
        label of the whole clip, and for an event that is somewhere in it), and `annotated`: False for a stretch, or a
        clip, in which nothing was annotated, whose label is empty. A clip that was annotated and has no event has one
        row without label and times.
    """
    rows = []
    for column in (name for name in manifest if name.endswith(TIMES)):
        for clip_id, cell in zip(manifest["clip_id"], manifest[column], strict=True):
            place = (clip_id, column)
            events = [] if pd.isna(cell) else read_events(str(cell))
            for onset_s, offset_s, label in events:
                known = not label.startswith(UNKNOWN)
                times = (math.nan, math.nan) if onset_s is None else (onset_s, offset_s)
                rows.append((*place, label.removeprefix(UNKNOWN), *times, known))
            if not events:
                rows.append((*place, "", math.nan, math.nan, True))
    for column in (name for name in label_columns(manifest) if not name.endswith(TIMES)):
        cells = manifest[["clip_id", column]].dropna()
        for clip_id, cell in cells.itertuples(index=False):
            rows += [(clip_id, column, label, math.nan, math.nan, True) for label in str(cell).split(JOIN)]
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)
