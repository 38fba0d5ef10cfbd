"""From a corpus folder to its prepared manifest: list, open every file, keep the result until a file changes."""

import hashlib
import json
from pathlib import Path
from typing import get_args

import pandas as pd

from mtl_tf.config import AuditConfig, DoubtfulClip
from mtl_tf.corpora import get_corpus
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data.audit import OUTSIDE_CAUSES, find_problems, inspect_clips
from mtl_tf.data.manifest import FACTS, list_clips, write_table
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.progress import progress_bar

MANIFEST, AUDIT, FINGERPRINT = "manifest.parquet", "audit.csv", "fingerprint.json"


def prepare_corpus(
    name: str,
    data_root: str | None,
    prepared_dir: Path,
    audit: AuditConfig,
    out: Path | None = None,
    quiet: bool = False,
) -> tuple[pd.DataFrame, Path]:
    """Gives a corpus's manifest with what the audit measured; reuses the last one if no file changed since.

    Writes `manifest.parquet`, `audit.csv` (one row per finding) and `fingerprint.json`.

    Args:
        name: of the corpus.
        data_root: folder with one folder per corpus.
        prepared_dir: the manifest goes to `prepared_dir/name`.
        audit: thresholds, processes, time limit.
        out: another folder in place of `prepared_dir/name`.
        quiet: no progress bar.

    Returns:
        The manifest, and the corpus folder its paths are relative to.

    Raises:
        UserError: unknown corpus, missing folder, unpublished layout.
    """
    corpus = get_corpus(name)
    root = corpus.root(data_root, prepared_dir)
    folder = out or prepared_dir / name
    clips = list_clips(corpus, root)
    fingerprint = _fingerprint(clips, root)
    manifest = _stored_manifest(folder, fingerprint)
    if manifest is not None and not manifest["error"].str.startswith(OUTSIDE_CAUSES).any():
        write_table(find_problems(manifest, corpus, audit), folder / AUDIT)
        return manifest, root
    with progress_bar(f"opening {name}", len(clips), quiet) as advance:
        facts = inspect_clips(clips, root, audit, advance)
    manifest = pd.concat([clips, facts.astype(FACTS)], axis=1)
    stored = folder / FINGERPRINT
    stored.unlink(missing_ok=True)
    write_table(manifest, folder / MANIFEST)
    write_table(find_problems(manifest, corpus, audit), folder / AUDIT)
    write_whole(stored, json.dumps(fingerprint).encode())
    return manifest, root


def leave_out(
    manifest: pd.DataFrame, problems: pd.DataFrame, corpus: Corpus, config: AuditConfig, listed: Path
) -> pd.DataFrame:
    """Applies `audit.on_error` to the findings.

    Args:
        manifest: all clips.
        problems: what `find_problems` lists.
        corpus: for the message.
        config: `on_error`, and the kinds that are accepted or skipped anyway.
        listed: file with all findings, for the message.

    Returns:
        The manifest without the clips that have a finding whose kind is not accepted.

    Raises:
        UserError: there are such clips, and `on_error` is `stop`; or none is left.
    """
    serious = problems[~problems["kind"].isin(config.accept)]
    stopping = serious[~serious["kind"].isin(config.skip)]
    if len(stopping) and config.on_error == "stop":
        serious = stopping
        counts = ", ".join(f"{count} {kind}" for kind, count in serious["kind"].value_counts().items())
        first = serious.iloc[0]
        raise UserError(
            f"corpus {corpus.name}: the audit found {counts}, such as {first['path']} ({first['reason']}); "
            f"all are listed in {listed}; mend or move the files or give audit.on_error=skip" + _accept_hint(serious)
        )
    kept = manifest[~manifest["clip_id"].isin(serious["clip_id"])]
    if kept.empty:
        raise UserError(f"corpus {corpus.name}: the audit leaves no clip; the reasons are listed in {listed}")
    return kept


def _accept_hint(serious: pd.DataFrame) -> str:
    kinds = sorted(set(serious["kind"]) & set(get_args(DoubtfulClip)))
    return f" or audit.accept=[{','.join(kinds)}]" if kinds else ""


def _stored_manifest(folder: Path, fingerprint: dict[str, str]) -> pd.DataFrame | None:
    """Returns the last manifest if it is of these files and can be read."""
    try:
        if json.loads((folder / FINGERPRINT).read_text(encoding="utf-8")) == fingerprint:
            return pd.read_parquet(folder / MANIFEST)
    except (FileNotFoundError, ValueError):
        pass
    return None


def _fingerprint(clips: pd.DataFrame, root: Path) -> dict[str, str]:
    digest = hashlib.sha256(pd.util.hash_pandas_object(clips, index=False).to_numpy().tobytes())
    for path in clips["path"].unique():
        status = (root / path).stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {"root": str(root.resolve()), "columns": ",".join((*clips.columns, *FACTS)), "files": digest.hexdigest()}
