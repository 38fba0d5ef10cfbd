"""Finds the clips of a corpus that are one recording, whatever their bytes, and says which of them is the first."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mtl_tf.config import AuditConfig
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data.fingerprint import same_recordings


def mark_duplicates(manifest: pd.DataFrame, corpus: Corpus, load: Callable[[pd.Series], np.ndarray]) -> pd.DataFrame:
    """Groups the clips that share the publisher's name of the performance, every sample, or the sound.

    The first of a group is the one that is no copy by its name, then one at a published sample rate, then the first by
    name. Clips that are silent, or that cannot be read, are in no group.

    Args:
        manifest: with the facts of the audit.
        corpus: for the published sample rates.
        load: gives the float32 samples of a row of the manifest at `mtl_tf.data.fingerprint.RATE`.

    Returns:
        The manifest with `recording`, the `clip_id` of the first clip of each group, and `same_because`, why a clip is
        one of a group; empty for the first.
    """
    silent = AuditConfig().silence_peak
    sound = (manifest["error"] == "") & (manifest["num_frames"] > 0) & manifest["misfit"].isna()
    sound &= manifest["peak"] >= silent
    rows = manifest[sound].assign(foreign=lambda table: ~table["sample_rate"].isin(corpus.sample_rates))
    rows = rows.sort_values(["copy", "foreign", "clip_id"], kind="stable")
    reasons: dict[tuple[int, int], str] = {}
    for column, words in (("audio_sha1", "same audio as {}"), ("identity", "a second file of the same clip as {}")):
        for _, group in rows[rows[column].notna()].groupby(column, sort=False):
            first = group.index[0]
            for other in group.index[1:]:
                reasons.setdefault((first, other), words.format(manifest["path"][first]))
    # Of clips that are the same by sample or by name, one stands for all.
    known = {other for _, other in reasons}
    single = rows.loc[[index for index in rows.index if index not in known]]
    for one, two in same_recordings(single["fingerprint"], lambda place: load(single.iloc[place])):
        first, other = single.index[one], single.index[two]
        reasons.setdefault((first, other), f"sounds the same as {manifest['path'][first]}")
    order = {index: place for place, index in enumerate(rows.index)}
    labels = _components(len(rows), [(order[first], order[other]) for first, other in reasons])
    recording, because = manifest["clip_id"].astype(object), pd.Series("", index=manifest.index, dtype=object)
    of_other: dict[int, str] = {}
    for (_, other), text in reasons.items():
        of_other.setdefault(other, text)
    for first, other in reasons:  # one that is like a later clip alone, which is like an earlier one
        of_other.setdefault(first, f"sounds the same as {manifest['path'][other]}")
    leaders: dict[int, int] = {}
    for index, label in zip(rows.index, labels, strict=True):
        first = leaders.setdefault(label, index)
        if first != index:
            recording[index] = manifest["clip_id"][first]
            because[index] = reasons.get((first, index)) or of_other[index]
    return manifest.assign(recording=recording.astype("string"), same_because=because.astype("string"))


def _components(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    if not pairs:
        return np.arange(count)
    rows, columns = np.array(pairs).T
    return connected_components(
        coo_array((np.ones(len(pairs)), (rows, columns)), shape=(count, count)), directed=False
    )[1]
