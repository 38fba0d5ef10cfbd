"""FLAC files whose head does not say how long they are, or says more than they hold."""

_MAGIC = b"fLaC"
_BLOCK_SIZES = {
    1: 192,
    **{code: 576 << (code - 2) for code in range(2, 6)},
    **{n: 256 << (n - 8) for n in range(8, 16)},
}
_TAIL = 1 << 20  # a frame is at most some hundred thousand bytes


def stream_info(content: bytes) -> int | None:
    """Finds the STREAMINFO block behind tags.

    Args:
        content: of the file.

    Returns:
        Position of its contents, or None if this is no FLAC file.
    """
    start = content.find(_MAGIC)
    return start + 8 if start >= 0 and start + 42 <= len(content) and content[start + 4] & 0x7F == 0 else None


def announced_frames(content: bytes) -> int:
    """Returns the number of samples per channel that the head announces, 0 where it leaves that open."""
    place = stream_info(content)
    return 0 if place is None else int.from_bytes(content[place + 13 : place + 18], "big") & 0xFFFFFFFFF


def held_frames(content: bytes) -> int:
    """Counts the samples per channel up to the end of the last whole frame, 0 if there is none."""
    place = stream_info(content)
    if place is None:
        return 0
    block_size = int.from_bytes(content[place + 2 : place + 4], "big")
    lowest = max(place, len(content) - _TAIL)
    ends = [len(content)]
    position = len(content)
    while (position := content.rfind(b"\xff", lowest, position)) >= 0:
        header = _frame_header(content, position)
        if header is None:
            continue
        number, samples, variable = header
        if any(_crc16(content[position:end]) == 0 for end in ends[:2]):
            return number + samples if variable else number * block_size + samples
        ends = [position]
    return 0


def with_length(content: bytes, frames: int) -> bytes:
    """Writes a number of samples into the head.

    Args:
        content: of the file.
        frames: samples per channel, below 2**36.
    """
    place = stream_info(content)
    field = int.from_bytes(content[place + 13 : place + 18], "big")
    field = (field & ~0xFFFFFFFFF) | frames
    # The digest of the samples would no longer fit; zeros say that there is none.
    return content[: place + 13] + field.to_bytes(5, "big") + bytes(16) + content[place + 34 :]


def _frame_header(content: bytes, position: int) -> tuple[int, int, bool] | None:
    """Reads the number of a frame (or of its first sample), its samples, and which of both; None if this is none."""
    head = content[position : position + 16]
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[2] >> 4 == 0 or head[2] & 0xF == 0xF or head[3] & 1:
        return None
    ones = 8 - (head[4] ^ 0xFF).bit_length()
    if ones == 1 or ones > 7:
        return None
    length = max(ones, 1)
    number = head[4] & (0xFF >> (ones + 1)) if ones else head[4]
    for byte in head[5 : 4 + length]:
        if byte >> 6 != 2:
            return None
        number = number << 6 | byte & 0x3F
    place, code = 4 + length, head[2] >> 4
    extra = {6: 1, 7: 2}.get(code, 0)
    samples = int.from_bytes(head[place : place + extra], "big") + 1 if extra else _BLOCK_SIZES[code]
    place += extra + {12: 1, 13: 2, 14: 2}.get(head[2] & 0xF, 0)
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    return number, samples, bool(head[1] & 1)


def _crc8(data: bytes) -> int:
    return _crc(data, 8, 0x07)


def _crc16(data: bytes) -> int:
    return _crc(data, 16, 0x8005)


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, mask, value = _tables(bits, polynomial), (1 << bits) - 1, 0
    for byte in data:
        value = (value << 8 & mask) ^ table[(value >> (bits - 8)) ^ byte]
    return value


def _tables(bits: int, polynomial: int, known: dict = {}) -> list[int]:  # noqa: B006 a cache
    if bits not in known:
        table = []
        for byte in range(256):
            value = byte << (bits - 8)
            for _ in range(8):
                value = (value << 1 ^ polynomial if value >> (bits - 1) else value << 1) & ((1 << bits) - 1)
            table.append(value)
        known[bits] = table
    return known[bits]
