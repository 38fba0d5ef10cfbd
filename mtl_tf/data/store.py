"""Decoded audio kept on disk: each clip once, under what it was decoded from, for all runs that ask for it."""

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soxr

from mtl_tf.errors import UserError

CLIPS_AT_ONCE = 256
RESAMPLER = f"soxr {soxr.__version__} HQ"


def clip_key(audio_sha1: str, channels: int, sample_rate: int, to_rate: int, longest: int | None) -> str:
    """Names what a stored clip is: its decoded samples, and what was made of them.

    Args:
        audio_sha1: digest of the decoded samples (frames, channels) at the file's own rate.
        channels: number of channels.
        sample_rate: of the file, in Hz.
        to_rate: of the stored samples, in Hz.
        longest: how many of them are kept at most; None: all.
    """
    made = RESAMPLER if sample_rate != to_rate else "as it is"
    text = f"{audio_sha1} {channels} channels {sample_rate} Hz to {to_rate} Hz by {made}, {longest or 'all'} samples"
    return hashlib.sha256(text.encode()).hexdigest()


class ClipStore:
    """A file of float32 samples to which clips are appended, and its index.

    `NAME.f32` holds the samples, `NAME.jsonl` a line for each clip: its key, where it lies, how long it is, and its
    checksum. Samples are on the disk before the line that names them is written, both under a lock, and neither is ever
    changed or cut; so another process may read while one writes, and a kill or a full disk leaves whole clips only. A
    clip whose samples do not fit its checksum is made again. Runs of other selections, cuts or configurations share the
    store: what they have in common is there once.

    Attributes:
        path: without a suffix.
        keys: identity of each clip, by position, see `clip_key`.
    """

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self.path, self.keys = path, list(keys)
        self._known: dict[str, tuple[int, int, int]] = {}  # key to first sample, samples, checksum
        self._read_to = 0
        self._samples = np.zeros(0, np.float32)
        self._checked: set[str] = set()

    def fill(
        self,
        load: Callable[[int], np.ndarray],
        num_threads: int = 2,
        progress: Callable[[int], None] = lambda count: None,
    ) -> int:
        """Appends the clips that are missing.

        Args:
            load: gives the float32 samples of clip i.
            num_threads: clips decoded at once.
            progress: called with the number of clips that are there.

        Returns:
            The number of clips written.

        Raises:
            UserError: a clip cannot be decoded.
            OSError: the disk is full; clips that are there stay.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with ThreadPoolExecutor(num_threads) as pool:
            with self._locked():
                if not self._data.is_file():  # somebody removed it: the lines name nothing any more
                    self._index.unlink(missing_ok=True)
            self._read_index()
            while missing := self._missing():
                # Under the lock, so that two processes that begin at once share the work rather than doing it twice.
                with self._locked():
                    self._read_index()
                    chosen = [
                        position for position in missing[:CLIPS_AT_ONCE] if self.keys[position] not in self._known
                    ]
                    self._append([self.keys[position] for position in chosen], list(pool.map(load, chosen)))
                    written += len(chosen)
                    self._read_index()
                progress(len(self.keys) - len(self._missing()))
        return written

    def read(self, position: int, load: Callable[[int], np.ndarray] | None = None) -> np.ndarray:
        """Returns the float32 samples (samples,) of a clip.

        Args:
            position: of the clip.
            load: makes a clip again whose samples on the disk are damaged.

        Raises:
            UserError: they are damaged, and there is no `load`.
        """
        key = self.keys[position]
        first, count, checksum = self._known[key]
        samples = np.array(self._mapped(first + count)[first : first + count])
        if key in self._checked:
            return samples
        if zlib.crc32(samples) != checksum:
            if load is None:
                raise UserError(f"{self._data} is damaged; remove it and {self._index}, they are made again")
            samples = np.asarray(load(position), "<f4")
            with self._locked():
                self._read_index()
                self._append([key], [samples])
                self._read_index()
        self._checked.add(key)
        return samples

    @property
    def _data(self) -> Path:
        return self.path.with_name(f"{self.path.name}.f32")

    @property
    def _index(self) -> Path:
        return self.path.with_name(f"{self.path.name}.jsonl")

    def _missing(self) -> list[int]:
        """Lists a position for each key that is not there."""
        first = {key: position for position, key in reversed(list(enumerate(self.keys)))}
        return sorted(position for key, position in first.items() if key not in self._known)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read_index(self) -> None:
        """Reads the lines that were added; a line that a kill cut short names nothing."""
        if not self._index.is_file():
            return
        size = self._data.stat().st_size // 4 if self._data.is_file() else 0
        with self._index.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                try:
                    key, first, count, checksum = json.loads(line)
                except ValueError:
                    continue
                if first + count <= size:
                    self._known[key] = first, count, checksum
                    self._checked.discard(key)

    def _append(self, keys: list[str], clips: list[np.ndarray]) -> None:
        """Writes clips behind what is there, then their lines; the lock is held."""
        if not keys:
            return
        try:
            with self._data.open("ab") as data:
                data.write(
                    bytes(-data.tell() % 4)
                )  # what a kill left behind the last clip stays, and is named by no line
                first, lines = data.tell() // 4, []
                for key, clip in zip(keys, clips, strict=True):
                    content = np.ascontiguousarray(clip, "<f4")
                    data.write(content)
                    lines.append(json.dumps([key, first, len(content), zlib.crc32(content)]))
                    first += len(content)
                data.flush()
                os.fsync(data.fileno())
            with self._index.open("ab") as index:
                whole = not index.tell() or self._last_byte() == b"\n"
                index.write((b"" if whole else b"\n") + "".join(f"{line}\n" for line in lines).encode())
                index.flush()
                os.fsync(index.fileno())
        except OSError as error:
            error.filename = str(self._data)
            raise

    def _last_byte(self) -> bytes:
        with self._index.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1)

    def _mapped(self, end: int) -> np.ndarray:
        if end > len(self._samples):
            self._samples = np.memmap(self._data, "<f4", mode="r", shape=(self._data.stat().st_size // 4,))
        return self._samples
