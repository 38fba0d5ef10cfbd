"""From a corpus folder to its prepared manifest: list, open every file, keep the result until a file changes."""

import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mtl_tf.annotations import TIMES
from mtl_tf.config import AuditConfig
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data import fingerprint
from mtl_tf.data.annotation_table import ANNOTATIONS, annotation_table
from mtl_tf.data.audit import OUTSIDE_CAUSES, find_problems, inspect_clips
from mtl_tf.data.decode import load_clip
from mtl_tf.data.duplicates import mark_duplicates
from mtl_tf.data.manifest import FACTS, list_clips
from mtl_tf.data.store import clip_key
from mtl_tf.files import write_whole
from mtl_tf.progress import progress_bar, say
from mtl_tf.tables import write_table

MANIFEST, AUDIT, HEARD = "manifest.parquet", "audit.csv", "heard.parquet"
MANY = 1000  # clips, of which the comparison takes more than a moment
MADE_FROM = b"mtl_tf.made_from"


def prepare_corpus(
    corpus: Corpus,
    data_root: str | None,
    prepared_dir: Path,
    audit: AuditConfig,
    out: Path | None = None,
    quiet: bool = False,
) -> tuple[pd.DataFrame, Path]:
    """Gives a corpus's manifest with what the audit measured; reuses the last one if no file changed since.

    Writes `manifest.parquet`, which says what it was made from, `audit.csv` (one row per finding), and, of a corpus
    with events, `annotations.parquet`.

    Args:
        corpus: its reader.
        data_root: folder with one folder per corpus.
        prepared_dir: the manifest goes to the folder of the corpus's name below it.
        audit: thresholds, processes, time limit.
        out: another folder in place of that.
        quiet: no progress bar.

    Returns:
        The manifest, and the corpus folder its paths are relative to.

    Raises:
        UserError: missing folder, unpublished layout.
    """
    root = corpus.root(data_root, prepared_dir)
    name = corpus.name
    folder = out or prepared_dir / name
    clips = list_clips(corpus, root)
    made_from = _made_from(clips, root)
    manifest = _stored_manifest(folder / MANIFEST, made_from)
    if manifest is None or manifest["error"].str.startswith(OUTSIDE_CAUSES).any():
        say(f"opening the {len(clips)} clips of {name}, each in a process of its own", quiet)
        with progress_bar(f"opening {name}", len(clips), quiet) as advance:
            facts = inspect_clips(clips, root, audit, advance)
        say(f"looking for copies among the {len(clips)} clips of {name}", quiet or len(clips) < MANY)
        manifest = mark_duplicates(
            pd.concat([clips, facts.astype(FACTS)], axis=1), corpus, lambda row: _load(root, row, fingerprint.RATE)
        )
        _store_manifest(manifest, folder / MANIFEST, made_from)
    write_table(find_problems(manifest, corpus, audit), folder / AUDIT)
    if any(column.endswith(TIMES) for column in manifest):
        write_table(annotation_table(manifest), folder / ANNOTATIONS)
    return manifest, root


def heard_peaks(
    manifest: pd.DataFrame,
    root: Path,
    folder: Path,
    sample_rate: int,
    crop_s: float | None,
    num_workers: int = 2,
    quiet: bool = False,
) -> pd.Series:
    """Measures what a network hears of each clip: channels mixed, resampled, cut.

    What was measured for the same samples, rate and cut is read from `folder/heard.parquet`, and added there.

    Args:
        manifest: of one corpus.
        root: its folder.
        folder: of its prepared files.
        sample_rate: of the network, in Hz.
        crop_s: how much of each clip it is given, in seconds; None: all.
        num_workers: clips decoded at once.
        quiet: no progress bar.

    Returns:
        The largest absolute sample of each clip; 0 for those that cannot be read.
    """
    peaks = manifest["peak"].copy()
    longest = None if crop_s is None else round(crop_s * sample_rate)
    sound = (manifest["error"] == "") & (manifest["num_frames"] > 0) & manifest["misfit"].isna()
    cut = False if crop_s is None else manifest["num_frames"] > crop_s * manifest["sample_rate"]
    rows = manifest[sound & ((manifest["sample_rate"] != sample_rate) | cut)]
    keys = {
        row.Index: clip_key(row.audio_sha1, row.channels, row.sample_rate, sample_rate, longest)
        for row in rows.itertuples()
    }
    known = _stored_peaks(folder / HEARD)
    missing = [index for index, key in keys.items() if key not in known]
    if missing:
        with progress_bar("listening", len(missing), quiet) as advance, ThreadPoolExecutor(num_workers) as pool:
            samples = pool.map(lambda index: _load(root, manifest.loc[index], sample_rate)[:longest], missing)
            for done, (index, clip) in enumerate(zip(missing, samples, strict=True)):
                known[keys[index]] = float(np.abs(clip).max(initial=0.0))
                advance(done + 1)
        write_table(pd.DataFrame({"key": list(known), "peak": list(known.values())}), folder / HEARD)
    for index, key in keys.items():
        peaks[index] = known[key]
    return peaks


def _load(root: Path, row: pd.Series, sample_rate: int) -> np.ndarray:
    count = None if np.isnan(row["duration_s"]) else int(row["num_frames"])
    return load_clip(root / row["path"], sample_rate, int(row["start_frame"]), count)


def _stored_peaks(path: Path) -> dict[str, float]:
    try:
        table = pd.read_parquet(path)
        return dict(zip(table["key"], table["peak"], strict=True))
    except (OSError, ValueError, KeyError):
        return {}


def _store_manifest(manifest: pd.DataFrame, path: Path, made_from: dict[str, str]) -> None:
    """Writes what a manifest was made from into the same file, so that no other process's manifest is taken for it."""
    table = pa.Table.from_pandas(manifest, preserve_index=False)
    table = table.replace_schema_metadata((table.schema.metadata or {}) | {MADE_FROM: json.dumps(made_from).encode()})
    content = io.BytesIO()
    pq.write_table(table, content)
    write_whole(path, content.getbuffer())


def _stored_manifest(path: Path, made_from: dict[str, str]) -> pd.DataFrame | None:
    """Returns the last manifest if it is of these files and can be read."""
    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
        if json.loads((table.schema.metadata or {}).get(MADE_FROM, b"{}")) == made_from:
            return table.to_pandas()
    except (OSError, ValueError):
        pass
    return None


def _made_from(clips: pd.DataFrame, root: Path) -> dict[str, str]:
    digest = hashlib.sha256(pd.util.hash_pandas_object(clips, index=False).to_numpy().tobytes())
    for path in clips["path"].unique():
        try:
            status = os.stat(root / path)  # noqa: PTH116
        except OSError:  # a name that no table can hold
            continue
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\n".encode())
    return {"root": str(root.resolve()), "columns": ",".join((*clips.columns, *FACTS)), "files": digest.hexdigest()}
