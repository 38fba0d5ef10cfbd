"""Damaged copies of a file, the same ones each time."""

from collections.abc import Iterator

import numpy as np


def mutants(content: bytes, count: int) -> Iterator[bytes]:
    """Cuts a file, or changes some of its bytes, most of them in its first 60."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        mutant = bytearray(content[: rng.integers(len(content) + 1)] if rng.random() < 0.3 else content)
        for place in rng.integers(0, max(len(mutant), 1), rng.integers(0, 6)):
            mutant[min(place, rng.integers(60)) : place + 1] = rng.bytes(1)
        yield bytes(mutant)
