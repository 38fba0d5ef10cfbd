"""Decodes any audio file with libsndfile and resamples with soxr: the default path, for all containers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mtl_tf.data import flac
from mtl_tf.data.containers import check_is_file, open_audio
from mtl_tf.data.wav import WavLayout, read_layout
from mtl_tf.errors import UserError

LOUDEST = 10.0  # decoders of lossy files overshoot 1; integers not scaled down are far above
LOWEST_RATE = 100  # in Hz; below, a header is damaged, and resampling would make gigabytes of a file
_NOT_INTEGER = ("FLOAT", "DOUBLE")


class DecodeError(UserError):
    """An audio file cannot be read; the message names it."""


@dataclass(frozen=True)
class AudioInfo:
    """What a file is, beside its samples.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        num_frames: samples per channel of the whole file.
        subtype: libsndfile's name of the encoding, such as `PCM_16`.
        container: libsndfile's name of the container, such as `WAV`.
        plain_pcm_bits: see `mtl_tf.data.wav.WavLayout`.
        doubt: why the file may hold more or less than what was read, else empty.
    """

    sample_rate: int
    channels: int
    num_frames: int
    subtype: str
    container: str
    plain_pcm_bits: int | None
    doubt: str = ""


def read_audio(path: Path, start_frame: int = 0, num_frames: int | None = None) -> tuple[np.ndarray, AudioInfo]:
    """Decodes a file, or a part of it.

    All audio of the file is read: each link of a chained Ogg, each `data` chunk of a WAV. Sizes that streaming writers
    leave open, in WAV and FLAC, mean the whole file.

    Args:
        path: WAV, FLAC, OGG or MP3.
        start_frame: first sample of the clip, at the file's own rate.
        num_frames: how many; None: to the end of the file.

    Returns:
        float32 samples (frames, channels) in [-1, 1] at the file's own rate, and what the file is.

    Raises:
        DecodeError: the file is missing, empty, corrupt, not finite, above 10, of no plausible rate, or shorter than
            its header or the clip says.
    """
    try:
        check_is_file(path)
        layout = read_layout(path)
        if layout is not None and layout.missing and layout.available:
            raise ValueError(_cut_short(layout.available, layout.available + layout.missing, layout))
        if layout is not None and layout.plain_pcm_bits == 16:
            samples, info = _read_plain(path, layout, start_frame, num_frames)
        else:
            samples, info = _read_any(path, layout, start_frame, num_frames)
    except (soundfile.SoundFileError, OSError, ValueError, MemoryError, RuntimeError) as error:
        raise DecodeError(f"cannot decode {path}: {_reason(path, error)}") from error
    if not info.num_frames:
        raise DecodeError(f"cannot decode {path}: the file is empty, it holds no samples")
    if info.sample_rate < LOWEST_RATE:
        raise DecodeError(
            f"cannot decode {path}: its header says {info.sample_rate} Hz, which is no sample rate of audio"
        )
    expected = info.num_frames - start_frame if num_frames is None else num_frames
    if len(samples) < expected:
        raise DecodeError(
            f"cannot decode {path}: it holds {start_frame + len(samples)} of the {start_frame + expected} frames "
            f"that {'it announces' if num_frames is None else 'the clip needs'}"
        )
    if info.subtype != "PCM_16" and samples.size:
        loudest = np.abs(samples).max()
        if not np.isfinite(loudest):
            raise DecodeError(f"cannot decode {path}: it holds samples that are not finite")
        if loudest > LOUDEST and info.subtype in _NOT_INTEGER:
            raise DecodeError(
                f"cannot decode {path}: its samples reach {loudest:g} where floats lie in [-1, 1]; scale them down"
            )
    return samples, info


def sample_rate_of(path: Path) -> int:
    """Reads the sample rate of a file, in Hz, without decoding it.

    Raises:
        DecodeError: it cannot be read.
    """
    try:
        check_is_file(path)
        layout = read_layout(path)
        if layout is not None:
            return layout.sample_rate
        with open_audio(path, None)[0][0] as file:
            return file.samplerate
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError) as error:
        raise DecodeError(f"cannot decode {path}: {_reason(path, error)}") from error


def frame_range(start_s: float, duration_s: float, sample_rate: int) -> tuple[int, int | None]:
    """Turns seconds into frames, so that clips that follow each other share none and leave none out.

    Args:
        start_s: where the clip begins in the file.
        duration_s: its length; NaN: to the end of the file.
        sample_rate: of the file, in Hz.

    Returns:
        The first frame, and how many; None: to the end.

    >>> frame_range(0.1, 0.2, 44100), frame_range(0.3, float("nan"), 8000)
    ((4410, 8820), (2400, None))
    """
    first = round(start_s * sample_rate)
    if np.isnan(duration_s):
        return first, None
    return first, round((start_s + duration_s) * sample_rate) - first


def _read_any(
    path: Path, layout: WavLayout | None, start_frame: int, num_frames: int | None
) -> tuple[np.ndarray, AudioInfo]:
    """Reads with libsndfile; returns the samples and what the file is."""
    files, doubt = open_audio(path, layout)
    try:
        kinds = {(file.samplerate, file.channels) for file in files}
        if len(kinds) > 1:
            raise ValueError(f"it is a chain of {len(files)} links of different rates or channels; part them")
        first, total = files[0], sum(file.frames for file in files)
        bits = layout.plain_pcm_bits if layout else None
        info = AudioInfo(first.samplerate, first.channels, total, first.subtype, first.format, bits, doubt)
        if len(files) == 1 and first.seekable():
            if start_frame:
                first.seek(min(start_frame, total))
            return _read(first, -1 if num_frames is None else num_frames), info
        samples = np.concatenate([_read(file, file.frames) for file in files])
    finally:
        for file in files:
            file.close()
    end = None if num_frames is None else start_frame + num_frames
    return samples[start_frame:end], info


def _read_plain(
    path: Path, layout: WavLayout, start_frame: int, num_frames: int | None
) -> tuple[np.ndarray, AudioInfo]:
    """Reads whole 16-bit WAVs as `_read_any` does, bit for bit, without what opening a file costs libsndfile."""
    frames = layout.available // layout.block_align
    wanted = frames - start_frame if num_frames is None else num_frames
    count = max(min(wanted, frames - start_frame), 0)
    position = layout.data_start + layout.block_align * min(start_frame, frames)
    samples = _scaled(np.fromfile(path, "<i2", count * layout.channels, offset=position))
    container = "WAVEX" if layout.extensible else "WAV"
    info = AudioInfo(layout.sample_rate, layout.channels, frames, "PCM_16", container, 16)
    return samples.reshape(-1, layout.channels), info


def _read(file: soundfile.SoundFile, frames: int) -> np.ndarray:
    """Reads float32 samples; 16-bit ones are scaled here, which gives the same values four times as fast."""
    if not file.seekable() and frames < 0:
        frames = file.frames
    if file.subtype != "PCM_16":
        return file.read(frames, dtype="float32", always_2d=True)
    return _scaled(file.read(frames, dtype="int16", always_2d=True))


def _scaled(numbers: np.ndarray) -> np.ndarray:
    return numbers * np.float32(1 / 32768)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resamples with soxr's high quality, without delay.

    Args:
        samples: float32 (frames,).
        from_rate: in Hz.
        to_rate: in Hz.

    Returns:
        float32 (ceil(frames * to_rate / from_rate) or one less,).
    """
    if from_rate == to_rate or not len(samples):
        return samples
    resampler = _resampler(from_rate, to_rate, threading.get_ident())
    resampler.clear()
    return resampler.resample_chunk(samples, last=True)


@lru_cache(maxsize=32)
def _resampler(from_rate: int, to_rate: int, thread: int) -> soxr.ResampleStream:
    """Makes one for each thread: a new one costs a clip of half a second an eighth more than a cleared one."""
    return soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")


def mix_to_mono(samples: np.ndarray) -> np.ndarray:
    """Averages the channels: float32 (frames, channels) to (frames,)."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def load_clip(
    path: Path,
    sample_rate: int,
    start_frame: int = 0,
    num_frames: int | None = None,
    warn: Callable[[str], None] | None = None,
) -> np.ndarray:
    """Decodes a clip, mixes its channels to one and resamples it.

    Args:
        path: audio file.
        sample_rate: of the result, in Hz.
        start_frame: first sample of the clip, at the file's own rate.
        num_frames: how many; None: to the end of the file.
        warn: is told where the file may hold more or less than what was read.

    Returns:
        float32 (samples,).

    Raises:
        DecodeError: see `read_audio`.
    """
    samples, info = read_audio(path, start_frame, num_frames)
    if warn is not None and info.doubt:
        warn(f"warning: {path}: {info.doubt}")
    return resample(mix_to_mono(samples), info.sample_rate, sample_rate)


def _cut_short(available: int, announced: int, layout: WavLayout) -> str:
    unit = layout.block_align if layout.linear else 1
    name = "frames" if layout.linear else "bytes of audio"
    return f"it was cut: it holds {available // unit} of the {announced // unit} {name} it announces"


def _reason(path: Path, error: Exception) -> str:
    if path.is_dir():
        return "it is a folder"
    if not path.exists():
        return "no such file"
    if not path.is_file():
        return str(error)
    if not path.stat().st_size:
        return "the file is empty"
    if not isinstance(error, soundfile.SoundFileError):
        return str(error)
    content = path.read_bytes()
    announced = flac.announced_frames(content)
    if announced:
        held = flac.held_frames(content)
    if announced and held < announced:
        return f"it was cut or damaged: its last whole frame ends after {held} of the {announced} frames it announces"
    reason = str(error).rpartition(": ")[2]
    return f"libsndfile says: {reason}" if "recognised" not in reason else "it is no WAV, FLAC, OGG or MP3"
