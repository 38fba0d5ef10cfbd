"""Gives the samples of any clip of a run, by the fastest way that is safe for it."""

import hashlib
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.decode import mix_to_mono, read_audio, resample
from mtl_tf.data.store import ClipStore, clip_key
from mtl_tf.data.wav import read_layout
from mtl_tf.errors import UserError
from mtl_tf.progress import progress_bar

SOUNDFILE, TENSORFLOW_IO = "soundfile", "tensorflow_io"


def decoder_of(manifest: pd.DataFrame, config: PipelineConfig, sample_rate: int) -> pd.Series:
    """Says which way decodes each clip.

    `tensorflow_io`: whole-file plain PCM WAVs that need no resampling, in the graph and without Python; `soundfile`:
    the rest, since soxr is called from Python anyway and libsndfile reads the file faster in the same call. Shards
    are filled by soundfile.

    Args:
        manifest: with the facts of the audit.
        config: whether to use shards, or soundfile alone.
        sample_rate: of the result, in Hz.
    """
    vetted = (manifest["plain_pcm_bits"] > 0) & manifest["duration_s"].isna() & manifest["start_s"].eq(0)
    vetted &= manifest["sample_rate"] == sample_rate
    if config.decoder == "soundfile" or config.shards or not tensorflow_io_works():
        vetted &= False
    return vetted.map({True: TENSORFLOW_IO, False: SOUNDFILE})


def tensorflow_io_works() -> bool:
    """Calls an operation: with an unfit TensorFlow the import only warns and each operation fails."""
    try:
        import tensorflow_io as tfio

        header = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0"
        return tfio.audio.decode_wav(header + b"\x01\0\x02\0", dtype=tf.int16).shape == (2, 1)
    except Exception:
        return False


@dataclass
class ClipSource:
    """Gives the samples of clip i.

    Attributes:
        paths: absolute path of each clip.
        start_frame: int64, where it begins in its file, at the file's own rate.
        num_frames: int64, its length there, -1 to the end of the file.
        audio_sha1: digest of its decoded samples, as the audit found them; empty: not known.
        plain_pcm_bits: 16 or 24 where tensorflow-io decodes it, else 0.
        longest: int64, how many samples of each clip are used at most.
        sample_rate: of the result, in Hz.
        stores: decoded audio to read in place of the files, with the position of each clip in its store; or None.
        statistics: by name what the model is given beside each clip, float32 (clips, values), such as those of its
            speaker; see `mtl_tf.training.group_statistics`.
        measured: what was measured of its samples, by what it was; so that runs on the same clips measure it once.
    """

    paths: np.ndarray
    start_frame: np.ndarray
    num_frames: np.ndarray
    audio_sha1: np.ndarray
    plain_pcm_bits: np.ndarray
    longest: np.ndarray
    sample_rate: int
    stores: list[tuple[ClipStore, int]] | None = field(default=None)
    statistics: dict[str, np.ndarray] = field(default_factory=dict)
    measured: dict[Hashable, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Makes the tables the graph looks clips up in; constants made inside a graph are copied with each function."""
        self._path_table = tf.constant(self.paths)
        self._longest_table = tf.constant(self.longest)
        self._branches = tf.constant(np.searchsorted((0, 16, 24), self.plain_pcm_bits), tf.int32)

    @classmethod
    def from_manifest(
        cls, manifest: pd.DataFrame, roots: dict[str, Path], crop_s: dict[str, float | None], sample_rate: int
    ) -> "ClipSource":
        """Builds a source for the rows of a manifest with a `decoder` column, in their order.

        Args:
            manifest: the clips.
            roots: corpus to its folder.
            crop_s: corpus to how much of each clip is used, in seconds; None: all.
            sample_rate: of the result, in Hz.
        """
        prefixes = {name: str(root.resolve()) for name, root in roots.items()}
        unlimited = np.iinfo(np.int64).max
        limits = {name: unlimited if limit is None else round(limit * sample_rate) for name, limit in crop_s.items()}
        vetted = manifest["decoder"] == TENSORFLOW_IO
        # In lists, as no column of text holds a folder whose name is no UTF-8.
        places = zip(manifest["corpus"], manifest["path"], strict=True)
        paths = [os.fsencode(os.path.join(prefixes[corpus], path)) for corpus, path in places]  # noqa: PTH118
        return cls(
            paths=np.array(paths, dtype=np.bytes_),
            start_frame=manifest["start_frame"].to_numpy(np.int64),
            num_frames=manifest["num_frames"].where(manifest["duration_s"].notna(), -1).to_numpy(np.int64),
            audio_sha1=manifest["audio_sha1"].to_numpy(object),
            plain_pcm_bits=np.where(vetted, manifest["plain_pcm_bits"], 0).astype(np.int32),
            longest=manifest["corpus"].map(limits).to_numpy(np.int64),
            sample_rate=sample_rate,
        )

    @property
    def decodes_in_graph(self) -> bool:
        """Whether any clip is decoded by tensorflow-io, so that `tensor` has to be used."""
        return self.stores is None and bool(self.plain_pcm_bits.any())

    def samples(self, position: int) -> np.ndarray:
        """Reads one clip from its store, or decodes it with soundfile: float32 (samples,), cut to its limit."""
        if self.stores is not None:
            store, place = self.stores[position]
            return store.read(place, lambda _: self._decode(position, vetted=True))
        return self._decode(position)

    def use_stores(self, manifest: pd.DataFrame, folders: dict[str, Path], num_threads: int, quiet: bool) -> None:
        """Decodes each clip that no run has decoded before, and reads from the stores from now on.

        Args:
            manifest: the clips, as in `from_manifest`.
            folders: corpus to the folder of its store.
            num_threads: clips decoded at once.
            quiet: no progress bar.

        Raises:
            UserError: a file does not hold what the audit found in it.
        """
        self.stores = [None] * len(manifest)  # type: ignore[list-item]
        stores = []
        for corpus, rows in manifest.groupby("corpus", sort=False):
            keys = [self._key(row) for row in rows.itertuples()]
            store = ClipStore(folders[corpus] / f"clips-{self.sample_rate}", keys)
            stores.append((store, rows.index))
            for place, position in enumerate(rows.index):
                self.stores[position] = store, place
        with progress_bar("decoding", len(manifest), quiet) as advance:
            before = 0
            for store, positions in stores:
                store.fill(
                    lambda place, positions=positions: self._decode(positions[place], vetted=True),
                    num_threads,
                    lambda count, before=before: advance(before + count),
                )
                before += len(positions)

    def _key(self, row: tuple) -> str:
        length = -(-row.num_frames * self.sample_rate // row.sample_rate)
        longest = int(self.longest[row.Index])
        cut = longest if longest < length else None
        return clip_key(row.audio_sha1, row.channels, row.sample_rate, self.sample_rate, cut)

    def _decode(self, position: int, vetted: bool = False) -> np.ndarray:
        """Decodes one clip with soundfile; `vetted`: it must be what the audit found."""
        path = Path(os.fsdecode(self.paths[position]))
        count = int(self.num_frames[position])
        samples, info = read_audio(path, int(self.start_frame[position]), None if count < 0 else count)
        if vetted and hashlib.sha1(samples.tobytes()).hexdigest() != self.audio_sha1[position]:
            raise _changed(path)
        return resample(mix_to_mono(samples), info.sample_rate, self.sample_rate)[: self.longest[position]]

    def tensor(self, position: tf.Tensor) -> tf.Tensor:
        """Gives the float32 (samples,) tensor of one clip inside a tf.data graph.

        Args:
            position: int64 scalar.
        """
        import tensorflow_io as tfio

        def in_python() -> tf.Tensor:
            clip = tf.numpy_function(lambda index: self.samples(int(index)), [position], tf.float32, stateful=False)
            return tf.ensure_shape(clip, [None])

        def in_graph(dtype: tf.DType) -> Callable[[], tf.Tensor]:
            def decode() -> tf.Tensor:
                channels = tfio.audio.decode_wav(tf.io.read_file(tf.gather(self._path_table, position)), dtype=dtype)
                mono = tf.reduce_mean(tf.cast(channels, tf.float32) / float(-dtype.min), axis=1)
                return mono[: tf.gather(self._longest_table, position)]

            return decode

        branches = [in_python, in_graph(tf.int16), in_graph(tf.int32)]
        used = np.unique(self._branches)
        return branches[used[0]]() if len(used) == 1 else tf.switch_case(tf.gather(self._branches, position), branches)

    def explain(self, error: tf.errors.OpError) -> Exception:
        """Turns an error from inside a tf.data graph into the user's error that caused it, where it was one.

        tensorflow-io does not say which file it failed on, so the files it decodes are looked at again.

        Args:
            error: as raised by an iterator over this source.

        Returns:
            A UserError that names the file, or the error itself.
        """
        _, found, message = str(error).partition("DecodeError: ")
        if found:
            return UserError(message.splitlines()[0])
        for position in np.flatnonzero(self.plain_pcm_bits):
            path = Path(os.fsdecode(self.paths[position]))
            layout = read_layout(path) if path.is_file() else None
            if layout is None or layout.plain_pcm_bits != self.plain_pcm_bits[position]:
                return _changed(path)
        return error


def _changed(path: Path) -> UserError:
    return UserError(f"cannot decode {path}: it was changed after the audit; give the same command again")
