"""Tells whether two clips are the same recording in other containers, at other rates or levels."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from mtl_tf.data.decode import resample

RATE, N_FFT, HOP_LENGTH, NUM_BANDS = 8000, 1024, 128, 33
LOWEST_HZ, HIGHEST_HZ = 120.0, 3400.0  # telephone quality keeps this much
LONGEST_S = 20.0
NUM_NEIGHBOURS = 8
MOST_LAG = 12  # steps of 16 ms that a codec may move a clip
QUIET = 4.0  # 40 dB
MOST_DIFFERENT = 0.25  # share of bits: of candidates, whose samples are then compared
LEAST_ALIKE = 0.9  # correlation of the samples
FEWEST_STEPS = 8


def fingerprint(mono: np.ndarray, sample_rate: int) -> bytes:
    """Computes a fingerprint as Haitsma and Kalker (ISMIR 2002) do: a bit for each band and step of 16 ms.

    A bit says whether the difference in energy to the next band grows from one step to the next. Departures: bands are
    spaced on the mel scale, steps are longer (16 ms), and the fingerprint begins with the mean and the deviation of
    each band, by which candidates are found.

    Args:
        mono: float32 (samples,); of a longer clip the first 20 s count.
        sample_rate: in Hz.

    Returns:
        `2 * NUM_BANDS` float16 numbers, then 4 bytes a step; empty for clips of less than 0.24 s.
    """
    samples = resample(np.ascontiguousarray(mono[: round(LONGEST_S * sample_rate)]), sample_rate, RATE)
    steps = 1 + (len(samples) - N_FFT) // HOP_LENGTH
    if steps < FEWEST_STEPS + 1:
        return b""
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP_LENGTH][:steps]
    power = np.abs(np.fft.rfft(frames * np.hanning(N_FFT).astype(np.float32), axis=1)) ** 2
    energy = np.log10(power @ _bands() + 1e-9)  # (steps, bands)
    energy = np.maximum(energy, energy.max() - QUIET)  # what is quieter, codecs change as they like
    tilt = energy[:, 1:] - energy[:, :-1]
    bits = np.packbits(tilt[1:] > tilt[:-1], axis=1)  # (steps - 1, 4)
    level = energy - energy.mean()
    summary = np.concatenate([level.mean(axis=0), level.std(axis=0)]).astype(np.float16)
    return summary.tobytes() + bits.tobytes()


def same_recordings(fingerprints: pd.Series, load: Callable[[int], np.ndarray]) -> list[tuple[int, int]]:
    """Finds the pairs of clips that are one recording.

    Candidates have fingerprints that differ in at most a quarter of their bits; of these the samples are compared, at
    whatever lag they are most alike.

    Args:
        fingerprints: what `fingerprint` gave for each clip.
        load: gives the float32 samples of a clip at `RATE`.

    Returns:
        Places of the clips of each pair, the lower one first.
    """
    places = np.flatnonzero([len(entry) > 0 for entry in fingerprints])
    if len(places) < 2:
        return []
    entries = [fingerprints.iloc[place] for place in places]
    size = 4 * NUM_BANDS
    summaries = np.stack([np.frombuffer(entry[:size], np.float16) for entry in entries]).astype(np.float32)
    bits = [np.frombuffer(entry[size:], np.uint8).reshape(-1, 4) for entry in entries]
    neighbours = NearestNeighbors(n_neighbors=min(NUM_NEIGHBOURS + 1, len(places))).fit(summaries)
    seen, pairs = set(), []
    for first, others in enumerate(neighbours.kneighbors(summaries, return_distance=False)):
        for other in map(int, others):
            pair = (int(places[min(first, other)]), int(places[max(first, other)]))
            if first == other or pair in seen:
                continue
            seen.add(pair)
            if share_different(bits[first], bits[other]) > MOST_DIFFERENT:
                continue
            if correlation(load(pair[0]), load(pair[1])) >= LEAST_ALIKE:
                pairs.append(pair)
    return sorted(pairs)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compares two clips sample by sample, whatever their levels, at the lag at which they are most alike.

    Args:
        first: float32 (samples,).
        second: float32 (samples,), at the same rate.

    Returns:
        0 to 1, the largest absolute value of their normalised cross-correlation.
    """
    first, second = np.diff(first), np.diff(second)  # else a hum that two clips share would outweigh their sounds
    size = 1 << (len(first) + len(second) - 1).bit_length()
    product = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    scale = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.abs(np.fft.irfft(product, size)).max()) / scale if scale else 0.0


def share_different(first: np.ndarray, second: np.ndarray) -> float:
    """Counts the bits that differ, at the lag at which fewest do; steps that are quiet in either clip do not count.

    Args:
        first: uint8 (steps, 4).
        second: uint8 (steps, 4).

    Returns:
        Their share; 1.0 where the clips differ in length by more than a codec adds.
    """
    if abs(len(first) - len(second)) > MOST_LAG:
        return 1.0
    best = 1.0
    fewest = max(FEWEST_STEPS, min(int(first.any(axis=1).sum()), int(second.any(axis=1).sum())) // 2)
    for lag in range(-MOST_LAG, MOST_LAG + 1):
        one, other = (first[lag:], second) if lag >= 0 else (first, second[-lag:])
        length = min(len(one), len(other))
        one, other = one[:length], other[:length]
        loud = one.any(axis=1) & other.any(axis=1)
        if loud.sum() >= fewest:
            best = min(best, float(_ONES[one[loud] ^ other[loud]].mean()) / 8)
    return best


@lru_cache
def _bands() -> np.ndarray:
    """Triangles (bins, bands) spaced evenly on the mel scale."""
    mel = np.linspace(*(2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)), NUM_BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / RATE)[:, None]
    rising, falling = (bins - edges[:-2]) / np.diff(edges[:-1]), (edges[2:] - bins) / np.diff(edges[1:])
    return np.maximum(np.minimum(rising, falling), 0.0).astype(np.float32)


_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)
