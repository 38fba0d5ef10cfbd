"""The events of a corpus as a typed table, for people and other programs."""

import math

import pandas as pd

from mtl_tf.annotations import TIMES, UNKNOWN, read_events

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
    """Lists the events of all clips.

    Args:
        manifest: of one corpus.

    Returns:
        One row per event: `clip_id`, `column` (without `_times`), `label`, `onset_s` and `offset_s` (NaN where an event
        is somewhere in the clip), and `annotated`: False for a stretch, or a clip, in which nothing was annotated,
        whose label is empty. A clip that was annotated and has no event has one row without label and times.
    """
    rows = []
    for column in (name for name in manifest if name.endswith(TIMES)):
        for clip_id, cell in zip(manifest["clip_id"], manifest[column], strict=True):
            place = (clip_id, column.removesuffix(TIMES))
            events = [] if pd.isna(cell) else read_events(str(cell))
            for onset_s, offset_s, label in events:
                known = not label.startswith(UNKNOWN)
                times = (math.nan, math.nan) if onset_s is None else (onset_s, offset_s)
                rows.append((*place, label.removeprefix(UNKNOWN), *times, known))
            if not events:
                rows.append((*place, "", math.nan, math.nan, True))
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)
