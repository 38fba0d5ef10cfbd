"""Reads the chunk list of a WAV file, which decides who may decode it and how long it claims to be."""

import struct
from dataclasses import dataclass
from pathlib import Path

_PCM, _EXTENSIBLE = 0x0001, 0xFFFE
_IN_DS64 = 0xFFFFFFFF
_UNKNOWN_SIZES = (0, 0x7FFFFFFF, _IN_DS64)


@dataclass(frozen=True)
class WavLayout:
    """What the chunks of a WAV file say.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        extensible: whether the format is told in the long form, `WAVE_FORMAT_EXTENSIBLE`.
        data_start: position of the first sample in the file, in bytes.
        declared_frames: number of frames the `data` chunk claims, or None where a streaming writer left it open.
        available_frames: number of frames the file has room for.
        plain_pcm_bits: 16 or 24 where the file is integer PCM and every chunk is whole, even-sized and inside the file;
            else None. Only such files are decoded by tensorflow-io, which hangs, dies or misreads on others.
    """

    sample_rate: int
    channels: int
    extensible: bool
    data_start: int
    declared_frames: int | None
    available_frames: int
    plain_pcm_bits: int | None


def read_layout(path: Path) -> WavLayout | None:
    """Walks the chunks of a file.

    Args:
        path: any file.

    Returns:
        The layout, or None if the file is no RIFF/WAVE or RF64 file with a `fmt ` and a `data` chunk.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(12)
        if len(header) < 12 or header[:4] not in (b"RIFF", b"RF64") or header[8:] != b"WAVE":
            return None
        plain = struct.unpack("<I", header[4:8])[0] + 8 == size
        form, data, long_size = None, None, None
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            plain &= length % 2 == 0 and position + 8 + length <= size
            if name == b"fmt " and form is None and length >= 16:
                form = file.read(min(length, 40))
            if name == b"ds64" and length >= 16:
                long_size = struct.unpack("<8xQ", file.read(16))[0]
            if name == b"data" and data is None:
                if length == _IN_DS64 and long_size is not None:
                    length = long_size
                plain &= form is not None
                data = (position + 8, length)
            position += 8 + length + length % 2
    if form is None or data is None or len(form) < 16:
        return None
    tag, channels, sample_rate, _, block_align, bits = struct.unpack("<HHIIHH", form[:16])
    extensible = tag == _EXTENSIBLE
    if extensible and len(form) >= 26:
        tag = struct.unpack("<H", form[24:26])[0]
    if block_align == 0:
        return None
    available = max(0, min(size - data[0], data[1] if data[1] not in _UNKNOWN_SIZES else size)) // block_align
    declared = None if data[1] in _UNKNOWN_SIZES else data[1] // block_align
    plain &= tag == _PCM and bits in (16, 24) and block_align == channels * bits // 8 and position == size
    plain &= declared is not None and declared > 0
    return WavLayout(sample_rate, channels, extensible, data[0], declared, available, bits if plain else None)
