"""Reads the chunk list of a WAV file, which decides who may decode it and how long it claims to be."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_LINEAR = (_PCM, _FLOAT, _A_LAW, _MU_LAW)
MPEG_IN_WAV = (0x0050, 0x0055)
_IN_DS64 = 0xFFFFFFFF
# Sizes that writers leave who cannot go back to the header lie near 2 and 4 GiB.
HUGE, NEAR = 1 << 30, 1 << 20
LIMITS = (1 << 31, 1 << 32)
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
_TAIL = 1 << 16
IMPLAUSIBLE = 16  # a file is not cut to less than such a share of what it announces


@dataclass(frozen=True)
class WavLayout:
    """What the chunks of a WAV file say.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        tag: number of the encoding.
        extensible: whether the format is told in the long form, `WAVE_FORMAT_EXTENSIBLE`.
        parts: position and length in bytes of what each `data` chunk holds, cut at the end of the file.
        block_align: bytes of one frame, or of one block where the encoding packs frames into blocks.
        linear: whether every frame is `block_align` bytes, so that bytes count frames.
        missing: bytes that the last `data` chunk announces and the file does not hold.
        tail: bytes behind the last chunk that are neither a chunk nor a known tag nor zeros.
        open_end: whether the size of the last `data` chunk is none that a file of this length can have, as writers
            leave it that cannot go back: the audio goes to the end of the file.
        plain_pcm_bits: 16 or 24 where the file is integer PCM and every chunk is whole, even-sized and inside the file;
            else None. Only such files are decoded by tensorflow-io, which hangs, dies or misreads on others.
    """

    sample_rate: int
    channels: int
    tag: int
    extensible: bool
    parts: tuple[tuple[int, int], ...]
    block_align: int
    linear: bool
    missing: int
    tail: int
    open_end: bool
    plain_pcm_bits: int | None

    @property
    def data_start(self) -> int:
        """Position of the first sample in the file, in bytes."""
        return self.parts[0][0]

    @property
    def available(self) -> int:
        """Bytes of audio in the file."""
        return sum(length for _, length in self.parts)


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
        form, parts, long_size = None, [], None
        missing, tail, open_end = 0, 0, False
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            if parts and not _is_name(name):
                tail, plain = _count_tail(file, position, size), False
                break
            if name == b"data" and form is not None:
                start = position + 8
                if length == _IN_DS64 and long_size is not None:
                    length = long_size
                block = max(struct.unpack("<H", form[12:14])[0], 1)
                behind = start + (length + length % 2 if length < block else 0)
                open_end = is_placeholder(length, size - start, _next_chunk(file, behind, size), block)
                plain &= not open_end and not parts
                length = size - start if open_end else length
                missing = max(start + length - size, 0)
                parts.append((start, length - missing))
            plain &= length % 2 == 0 and position + 8 + length <= size
            if name == b"fmt " and form is None and length >= 16:
                form = file.read(min(length, 40))
            if name == b"ds64" and length >= 16:
                long_size = struct.unpack("<8xQ", file.read(16))[0]
            position += 8 + length + length % 2
    if form is None or not parts or len(form) < 16:
        return None
    open_end = open_end and len(parts) == 1
    tag, channels, sample_rate, _, block_align, bits = struct.unpack("<HHIIHH", form[:16])
    extensible = tag == _EXTENSIBLE
    if extensible and len(form) >= 26:
        tag = struct.unpack("<H", form[24:26])[0]
    if block_align == 0:
        return None
    if (parts[-1][1] + missing) // block_align == parts[-1][1] // block_align:
        missing = 0  # bytes of no whole frame
    linear = tag in _LINEAR and block_align == channels * bits // 8
    plain &= tag == _PCM and linear and bits in (16, 24) and position == size and parts[0][1] >= block_align
    return WavLayout(
        sample_rate,
        channels,
        tag,
        extensible,
        tuple(parts),
        block_align,
        linear,
        missing,
        tail,
        open_end,
        bits if plain and not missing else None,
    )


def is_placeholder(declared: int, available: int, chunk_follows: bool, block_align: int = 1) -> bool:
    """Says whether the size of a `data` chunk stands for "to the end of the file".

    A writer that cannot go back leaves less than a frame, with samples behind it, or a size that no file of this
    length can have. A file that was cut announces more than it holds too, but less than a gibibyte and not many times
    as much.

    Args:
        declared: what the chunk says, in bytes.
        available: bytes of the file behind the chunk's head.
        chunk_follows: whether another chunk's head stands behind the declared bytes.
        block_align: bytes of one frame.

    >>> is_placeholder(0x7FFFF000, 16000, False), is_placeholder(32000, 16000, False), is_placeholder(0, 16000, False)
    (True, False, True)
    """
    if declared < block_align:
        return available >= block_align and not chunk_follows
    if declared <= available or declared < HUGE:
        return False
    return declared > IMPLAUSIBLE * available or any(abs(declared - limit) <= NEAR for limit in LIMITS)


def one_data_chunk(path: Path, layout: WavLayout) -> bytes:
    """Writes a file anew with all its audio in one `data` chunk whose size is right.

    Args:
        path: of the file.
        layout: what `read_layout` said of it.

    Returns:
        The bytes of a RIFF/WAVE file with the same format and the same samples.
    """
    content = path.read_bytes()
    audio = b"".join(content[start : start + length] for start, length in layout.parts)
    place = content.index(b"fmt ", 12)
    form = content[place : place + 8 + struct.unpack("<I", content[place + 4 : place + 8])[0]]
    fact = b"fact" + struct.pack("<II", 4, layout.available // layout.block_align) if layout.linear else b""
    body = b"WAVE" + form + fact + b"data" + struct.pack("<I", len(audio)) + audio + bytes(len(audio) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _count_tail(file: BinaryIO, position: int, size: int) -> int:
    """Counts the bytes from a position on, 0 where they are a tag or zeros."""
    file.seek(position)
    head = file.read(_TAIL)
    return 0 if head.startswith(TAGS) or not any(head) else size - position


def _next_chunk(file: BinaryIO, position: int, size: int) -> bool:
    """Says whether a chunk's head stands at a position: four printable letters, and a size the file has room for."""
    file.seek(position)
    head = file.read(8)
    if len(head) < 8:
        return False
    return _is_name(head[:4]) and position + 8 + struct.unpack("<I", head[4:])[0] <= size
