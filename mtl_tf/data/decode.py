"""Decodes any audio file with libsndfile and resamples with soxr: the default path, for all containers."""

import io
import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mtl_tf.data.mp3 import read_mp3, with_length_tag
from mtl_tf.data.wav import WavLayout, read_layout
from mtl_tf.errors import UserError

_OTHER_CONTAINERS = (b"RIFF", b"RF64", b"fLaC", b"OggS")
_OGG_PAGE, _OGG_LAST_PAGE_FLAG, _OGG_TAIL_BYTES = b"OggS", 4, 1 << 17


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
    """

    sample_rate: int
    channels: int
    num_frames: int
    subtype: str
    container: str
    plain_pcm_bits: int | None


def read_audio(path: Path, start_s: float = 0.0, duration_s: float = math.nan) -> tuple[np.ndarray, AudioInfo]:
    """Decodes a file, or a part of it.

    Args:
        path: WAV, FLAC, OGG or MP3.
        start_s: where the clip begins in the file, in seconds.
        duration_s: its length in seconds; NaN: to the end of the file.

    Returns:
        float32 samples (frames, channels) in [-1, 1] at the file's own rate, and what the file is.

    Raises:
        DecodeError: the file is missing, empty, corrupt, not finite, or shorter than its header or the clip says.
    """
    try:
        layout = read_layout(path)
        read = _read_plain if layout is not None and layout.plain_pcm_bits == 16 else _read_any
        samples, info, expected = read(path, layout, start_s, duration_s)
    except (soundfile.SoundFileError, OSError, ValueError, MemoryError, RuntimeError) as error:
        raise DecodeError(f"cannot decode {path}: {_reason(path, error)}") from error
    if not info.num_frames:
        raise DecodeError(f"cannot decode {path}: the file is empty, it holds no samples")
    if len(samples) < expected or (layout and (layout.declared_frames or 0) > layout.available_frames):
        announced = max(expected, (layout.declared_frames or 0) if layout else 0)
        raise DecodeError(f"cannot decode {path}: it ends before the {announced} frames it announces")
    if info.container == "OGG" and not _ogg_is_whole(path):
        raise DecodeError(f"cannot decode {path}: its last page is missing")
    if info.subtype != "PCM_16" and not np.isfinite(samples).all():
        raise DecodeError(f"cannot decode {path}: it holds samples that are not finite")
    return samples, info


def _read_any(
    path: Path, layout: WavLayout | None, start_s: float, duration_s: float
) -> tuple[np.ndarray, AudioInfo, int]:
    """Reads with libsndfile; returns the samples, what the file is, and how many frames there should be."""
    with _open(path) as file:
        first = round(start_s * file.samplerate)
        wanted = -1 if math.isnan(duration_s) else round(duration_s * file.samplerate)
        file.seek(min(first, file.frames))
        samples = _read(file, wanted)
        bits = layout.plain_pcm_bits if layout else None
        info = AudioInfo(file.samplerate, file.channels, file.frames, file.subtype, file.format, bits)
    return samples, info, info.num_frames - first if wanted < 0 else wanted


def _read_plain(path: Path, layout: WavLayout, start_s: float, duration_s: float) -> tuple[np.ndarray, AudioInfo, int]:
    """Reads whole 16-bit WAVs as `_read_any` does, bit for bit, without what opening a file costs libsndfile."""
    first, frames = round(start_s * layout.sample_rate), layout.declared_frames
    expected = frames - first if math.isnan(duration_s) else round(duration_s * layout.sample_rate)
    count = max(min(expected, frames - first), 0)
    position = layout.data_start + 2 * layout.channels * min(first, frames)
    samples = _scaled(np.fromfile(path, "<i2", count * layout.channels, offset=position))
    container = "WAVEX" if layout.extensible else "WAV"
    info = AudioInfo(layout.sample_rate, layout.channels, frames, "PCM_16", container, 16)
    return samples.reshape(-1, layout.channels), info, expected


def _open(path: Path) -> soundfile.SoundFile:
    """Opens a file; of an MP3 libsndfile only estimates the length, so its frames are counted first."""
    named_mp3 = path.suffix.lower() == ".mp3"
    content = path.read_bytes() if named_mp3 else b""
    if not named_mp3 or content.startswith(_OTHER_CONTAINERS):
        file = soundfile.SoundFile(path)
        if file.format != "MP3":
            return file
        file.close()
        content = path.read_bytes()
    layout = read_mp3(content)
    return soundfile.SoundFile(io.BytesIO(with_length_tag(content, layout) if layout.lacks_length_tag else content))


def _read(file: soundfile.SoundFile, frames: int) -> np.ndarray:
    """Reads float32 samples; 16-bit ones are scaled here, which gives the same values four times as fast."""
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


def load_clip(path: Path, sample_rate: int, start_s: float = 0.0, duration_s: float = math.nan) -> np.ndarray:
    """Decodes a clip, mixes its channels to one and resamples it.

    Args:
        path: audio file.
        sample_rate: of the result, in Hz.
        start_s: where the clip begins in the file, in seconds.
        duration_s: its length in seconds; NaN: to the end of the file.

    Returns:
        float32 (samples,).

    Raises:
        DecodeError: see `read_audio`.
    """
    samples, info = read_audio(path, start_s, duration_s)
    mono = samples[:, 0] if info.channels == 1 else samples.mean(axis=1, dtype=np.float32)
    return resample(mono, info.sample_rate, sample_rate)


def _reason(path: Path, error: Exception) -> str:
    if path.is_dir():
        return "it is a folder"
    if not path.is_file():
        return "no such file"
    if not path.stat().st_size:
        return "the file is empty"
    return str(error).rpartition(": ")[2].replace("Format not recognised.", "it is no WAV, FLAC, OGG or MP3")


def _ogg_is_whole(path: Path) -> bool:
    """An Ogg stream ends with a page flagged as the last; a file cut short lacks it, and decodes without complaint."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _OGG_TAIL_BYTES))
        tail = file.read()
    start = tail.rfind(_OGG_PAGE)
    if start < 0 or start + 27 > len(tail):
        return False
    segments = tail[start + 26]
    table = tail[start + 27 : start + 27 + segments]
    whole = len(table) == segments and start + 27 + segments + sum(table) <= len(tail)
    return whole and bool(tail[start + 5] & _OGG_LAST_PAGE_FLAG)
