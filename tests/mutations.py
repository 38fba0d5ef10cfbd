"""Damaged copies of audio files."""

import numpy as np


def mutations(content: bytes, rng: np.random.Generator):
    """Yields kinds of damage and damaged copies of a file."""
    yield "empty", b""
    yield "truncated", content[:1]
    yield "truncated", content[:44]
    yield "other", bytes(len(content))
    yield "other", rng.bytes(len(content))
    for size in (0, 0xFFFFFFF8, 0x7FFFFFFF):
        yield "header", content[:16] + size.to_bytes(4, "little") + content[20:]
        yield "header", content[:40] + size.to_bytes(4, "little") + content[44:]
    yield "header", content[:32] + b"\0\0" + content[34:]  # block align 0
    yield "header", content[:12] + b"junk" + (0xFFFFFFF8).to_bytes(4, "little") + content[12:]
    yield "header", content[:36] + b"odd " + (3).to_bytes(4, "little") + b"abc\0" + content[36:]
    while True:
        kind = ("truncated", "header", "payload")[rng.integers(3)]
        if kind == "truncated":
            yield kind, content[: rng.integers(len(content))]
        else:
            damaged = bytearray(content)
            places = (0, 64) if kind == "header" else (min(200, len(content) // 2), len(content))
            for place in rng.integers(*places, 1 + rng.integers(8)):
                damaged[place] = rng.integers(256)
            yield kind, bytes(damaged)
