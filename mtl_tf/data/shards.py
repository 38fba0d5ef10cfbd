"""Decoded audio kept on disk: decoded and resampled once, read back by position."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mtl_tf.files import write_whole

CLIPS_PER_SHARD = 256


class ShardCache:
    """A folder of float32 files with their checksums.

    Clip i lies in shard i // 256. A shard and its index are written under temporary names and renamed, so a killed or
    failed run leaves whole shards only, and the next one writes the missing ones. An index names the clips it was made
    from; a shard whose clips, rate or checksum differ is made again.

    Attributes:
        folder: where the shards are.
        keys: identity of each clip: what it was decoded from and to what rate.
    """

    def __init__(self, folder: Path, keys: list[str]) -> None:
        self.folder = folder
        self.keys = keys
        self._offsets = np.zeros(len(keys), np.int64)
        self._lengths = np.zeros(len(keys), np.int64)
        self._maps: dict[int, np.ndarray] = {}

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return -(-len(self.keys) // CLIPS_PER_SHARD)

    def fill(
        self,
        load: Callable[[int], np.ndarray],
        num_threads: int = 2,
        progress: Callable[[int], None] = lambda count: None,
    ) -> int:
        """Writes the shards that are missing or damaged.

        Args:
            load: gives the float32 samples of clip i.
            num_threads: clips decoded at once.
            progress: called with the number of shards done.

        Returns:
            The number of shards written.

        Raises:
            UserError: a clip cannot be decoded.
            OSError: the disk is full; whole shards stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        written = 0
        with ThreadPoolExecutor(num_threads) as pool:
            for shard in range(self.num_shards):
                members = range(shard * CLIPS_PER_SHARD, min((shard + 1) * CLIPS_PER_SHARD, len(self.keys)))
                if not self._open(shard, members):
                    self._write(shard, members, list(pool.map(load, members)))
                    written += 1
                    if not self._open(shard, members):
                        raise OSError(f"{self._path(shard)} does not read back as written")
                progress(shard + 1)
        return written

    def read(self, position: int) -> np.ndarray:
        """Returns the float32 samples (samples,) of a clip."""
        start = self._offsets[position]
        return np.array(self._maps[position // CLIPS_PER_SHARD][start : start + self._lengths[position]])

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.f32"

    def _open(self, shard: int, members: range) -> bool:
        """Reads and checks the index of a shard; says whether the shard is whole and of these clips."""
        path, index_path = self._path(shard), self._path(shard).with_suffix(".json")
        try:
            index = json.loads(index_path.read_text(encoding="utf-8"))
            if index["keys"] != [self.keys[member] for member in members]:
                return False
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != index["sha256"]:
                    return False
        except (OSError, ValueError, KeyError):
            return False
        lengths = np.array(index["lengths"], np.int64)
        self._lengths[members.start : members.stop] = lengths
        self._offsets[members.start : members.stop] = np.cumsum(lengths) - lengths
        empty = not lengths.sum()
        self._maps[shard] = np.zeros(0, np.float32) if empty else np.memmap(path, np.float32, mode="r")
        return True

    def _write(self, shard: int, members: range, clips: list[np.ndarray]) -> None:
        path = self._path(shard)
        content = np.concatenate(clips).astype("<f4").tobytes()
        index = {
            "keys": [self.keys[member] for member in members],
            "lengths": [len(clip) for clip in clips],
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for target, data in ((path, content), (path.with_suffix(".json"), json.dumps(index).encode())):
            write_whole(target, data)
