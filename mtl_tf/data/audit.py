"""Opens every audio file in a child process, and lists what is wrong with it."""

import hashlib
import math
import multiprocessing
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from pebble import ProcessExpired, ProcessPool

from mtl_tf.annotations import TIMES, read_events, sound_events
from mtl_tf.config import AuditConfig, DoubtfulClip, UnusableClip
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data.decode import AudioInfo, DecodeError, frame_range, mix_to_mono, read_audio, sample_rate_of
from mtl_tf.data.fingerprint import fingerprint

FULL_SCALE = 0.999
MOST_EVENTS = 3  # of one clip that are named
FINDING_COLUMNS = ["clip_id", "path", "kind", "reason"]
# Errors that say as much about the machine as about the file; such clips are opened again by the next run.
OUTSIDE_CAUSES = ("decoding took longer", "decoding killed its process")
KINDS = (*get_args(UnusableClip), *get_args(DoubtfulClip))


@dataclass(frozen=True)
class ClipFacts:
    """What one decoding of a clip shows.

    Attributes:
        sample_rate: in Hz, 0 if unreadable.
        channels: number of channels.
        start_frame: where the clip begins in its file.
        num_frames: samples per channel of the clip.
        container: such as `WAV`.
        subtype: such as `PCM_16`.
        plain_pcm_bits: 16 or 24 if tensorflow-io may decode the file, else 0.
        peak: largest absolute sample of the mean of the channels, which is what a network hears.
        clipped_fraction: share of samples at full scale, all channels.
        audio_sha1: of the decoded samples.
        fingerprint: see `mtl_tf.data.fingerprint`.
        doubt: why the file may hold more or less than this, else empty.
        error: why it cannot be read, else empty.
    """

    sample_rate: int = 0
    channels: int = 0
    start_frame: int = 0
    num_frames: int = 0
    container: str = ""
    subtype: str = ""
    plain_pcm_bits: int = 0
    peak: float = 0.0
    clipped_fraction: float = 0.0
    audio_sha1: str = ""
    fingerprint: bytes = b""
    doubt: str = ""
    error: str = ""


def inspect_clip(path: str, start_s: float, duration_s: float) -> ClipFacts:
    """Decodes a clip and measures it; errors of the file become `error`."""
    try:
        first, wanted = 0, None
        if start_s or not math.isnan(duration_s):
            first, wanted = frame_range(start_s, duration_s, sample_rate_of(Path(path)))
        samples, info = _read_rounded(Path(path), first, wanted)
    except DecodeError as error:
        return ClipFacts(error=str(error).partition(": ")[2] or str(error))
    magnitude = np.abs(samples)
    mono = mix_to_mono(samples)
    return ClipFacts(
        sample_rate=info.sample_rate,
        channels=info.channels,
        start_frame=first,
        num_frames=len(samples),
        container=info.container,
        subtype=info.subtype,
        plain_pcm_bits=info.plain_pcm_bits or 0,
        peak=float(np.abs(mono).max(initial=0.0)),
        clipped_fraction=float((magnitude >= FULL_SCALE).mean()) if magnitude.size else 0.0,
        audio_sha1=hashlib.sha1(samples.tobytes()).hexdigest(),
        fingerprint=fingerprint(mono, info.sample_rate),
        doubt=info.doubt,
    )


def _read_rounded(path: Path, first: int, wanted: int | None) -> tuple[np.ndarray, AudioInfo]:
    """Reads a clip; one frame fewer than its seconds come to, where they were rounded up at the end of the file."""
    try:
        return read_audio(path, first, wanted)
    except DecodeError:
        if wanted is None or wanted < 2:
            raise
        return read_audio(path, first, wanted - 1)


def inspect_clips(
    clips: pd.DataFrame, root: Path, config: AuditConfig, progress: Callable[[int], None] = lambda count: None
) -> pd.DataFrame:
    """Inspects all clips in child processes, so that no file can crash or hang the caller.

    Args:
        clips: `path`, `start_s`, `duration_s` per clip.
        root: folder of the corpus.
        config: number of processes and time limit per clip.
        progress: called with the number of clips done.

    Returns:
        The fields of `ClipFacts`, one row per clip, index as in `clips`.
    """
    facts = []
    arguments = (
        [str(root / path) for path in clips["path"]],
        clips["start_s"].tolist(),
        clips["duration_s"].tolist(),
    )
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=config.num_workers, context=context) as pool:
        results = pool.map(inspect_clip, *arguments, timeout=config.time_limit_s).result()
        while True:
            try:
                facts.append(next(results))
            except StopIteration:
                break
            except FutureTimeoutError:
                facts.append(ClipFacts(error=f"decoding took longer than {config.time_limit_s:g} s"))
            except ProcessExpired as error:
                facts.append(ClipFacts(error=f"decoding killed its process (exit code {error.exitcode})"))
            progress(len(facts))
    return pd.DataFrame([asdict(fact) for fact in facts], index=clips.index)


def find_problems(
    manifest: pd.DataFrame,
    corpus: Corpus,
    config: AuditConfig,
    min_duration_s: float = 0.0,
    sample_rates: tuple[int, ...] = (),
    heard_peak: pd.Series | None = None,
) -> pd.DataFrame:
    """Lists what is wrong with the clips of one corpus.

    A clip's sample rate is wrong if it is neither published, nor in `sample_rates`, nor the most frequent one of the
    folder, so that a converted copy of a corpus passes and a stray file in it does not. Where no rate is published,
    none is wrong.

    Args:
        manifest: with the facts of `inspect_clips` and the `recording` of `mtl_tf.data.duplicates`.
        corpus: for the published sample rates and durations.
        config: thresholds.
        min_duration_s: shortest usable clip, such as one analysis frame; the configured one counts if longer.
        sample_rates: further rates in Hz to accept.
        heard_peak: largest absolute sample of what a network hears of each clip; None: that of the whole clip.

    Returns:
        One row per finding: `clip_id`, `path`, `kind` (of `KINDS`), `reason`.
    """
    readable = manifest[(manifest["error"] == "") & (manifest["num_frames"] > 0) & manifest["misfit"].isna()]
    accepted = {*corpus.sample_rates, *sample_rates, *readable["sample_rate"].mode().head(1)}
    shortest = max(min_duration_s, config.min_duration_s)
    low, high = corpus.duration_range_s
    peaks = manifest["peak"] if heard_peak is None else heard_peak
    findings: list[tuple[str, str, str, str]] = []
    timed = [column for column in manifest if column.endswith(TIMES)]
    texts = manifest[timed].fillna("").to_numpy(object)
    for clip, peak, cells in zip(manifest.itertuples(), peaks, texts, strict=True):
        reasons: list[tuple[str, str]] = []
        if isinstance(clip.misfit, str):
            reasons.append(("misnamed", clip.misfit))
        elif clip.error:
            reasons.append(("empty" if "is empty" in clip.error else "corrupt", clip.error))
        elif clip.num_frames == 0:
            reasons.append(("empty", "the clip holds no samples"))
        else:
            seconds = clip.num_frames / clip.sample_rate
            if peak < config.silence_peak:
                part = "" if clip.peak < config.silence_peak else " in the part and at the rate that this run uses"
                reasons.append(("silent", f"peak {peak:.1e} is below {config.silence_peak:.1e}{part}"))
            elif clip.recording != clip.clip_id:
                reasons.append(("duplicate", clip.same_because))
            if clip.clipped_fraction > config.clipped_fraction:
                reasons.append(("clipped", f"{clip.clipped_fraction:.1%} of the samples are at full scale"))
            if seconds < shortest:
                reasons.append(("too_short", f"{seconds:.3f} s is shorter than {shortest:.3f} s"))
            elif math.isnan(clip.duration_s) and not low <= seconds <= high:
                reasons.append(("wrong_duration", f"{seconds:.3f} s is outside the published {low:g} to {high:g} s"))
            if corpus.sample_rates and clip.sample_rate not in accepted:
                rates = ", ".join(str(rate) for rate in sorted(accepted))
                reasons.append(("wrong_sample_rate", f"{clip.sample_rate} Hz where {rates} Hz is expected"))
            if clip.doubt:
                reasons.append(("doubtful_end", clip.doubt))
            wrong = [text for cell in cells for text in sound_events(read_events(str(cell)), seconds)[1]]
            if wrong:
                more = f", and {len(wrong) - MOST_EVENTS} more" if len(wrong) > MOST_EVENTS else ""
                reasons.append(("doubtful_events", "; ".join(wrong[:MOST_EVENTS]) + more))
        findings += [(clip.clip_id, clip.path, kind, reason) for kind, reason in reasons]
    return pd.DataFrame(findings, columns=FINDING_COLUMNS)
