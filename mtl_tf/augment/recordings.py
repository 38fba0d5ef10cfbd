"""Reads a folder of recordings that augmentations add to clips."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from mtl_tf.corpora.corpus import AUDIO_SUFFIXES, files_below
from mtl_tf.data.decode import DecodeError, load_clip
from mtl_tf.errors import UserError
from mtl_tf.progress import say


def read_recordings(
    key: str, folder: str | None, sample_rate: int, most_s: float, whole: bool = False
) -> list[np.ndarray]:
    """Reads the recordings below a folder.

    Files that cannot be read are named and left out. Where there is more than asked, each file gives its beginning; or,
    where files are wanted whole, some of them are drawn, and how many is said.

    Args:
        key: that names the folder, for messages.
        folder: with WAV, FLAC, OGG or MP3 files, at any depth.
        sample_rate: to give the samples at, in Hz.
        most_s: how many seconds to keep, of all files together.
        whole: whether the beginning of a file would be of no use.

    Returns:
        float32 (samples,) each, none of them silent.

    Raises:
        UserError: no folder is given, or it holds no recordings that can be heard.
    """
    if not folder:
        raise UserError(f"give the folder of the recordings: {key}=DIR")
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise UserError(f"{key}={folder}: there is no folder {place}")
    return _read(place.resolve(), sample_rate, most_s, whole)


@lru_cache(maxsize=4)  # a run builds its augmentations to check them, and for each of its networks
def _read(place: Path, sample_rate: int, most_s: float, whole: bool) -> list[np.ndarray]:
    files = sorted(file for file in files_below(place) if file.suffix.lower() in AUDIO_SUFFIXES)
    if whole:  # in an order that is always the same, as the first ones by name may be of one room
        files = [files[place] for place in np.random.default_rng(0).permutation(len(files))]
    found, left_s = [], most_s
    for number, file in enumerate(files):
        if left_s <= 0:
            say(f"augment: {len(found)} of the {len(files)} recordings of {place} are taken; most_s sets how many")
            break
        share_s = left_s if whole else left_s / (len(files) - number)
        try:
            about = soundfile.info(file)
            frames = about.frames if whole else min(about.frames, max(round(share_s * about.samplerate), 1))
            samples = load_clip(file, sample_rate, num_frames=frames)
        except soundfile.SoundFileError as error:
            say(f"left out: cannot decode {file}: {error}")
            continue
        except DecodeError as error:
            say(f"left out: {error}")
            continue
        if np.abs(samples).max(initial=0.0) > 0:
            found.append(samples)
            left_s -= len(samples) / sample_rate
    if not found:
        raise UserError(f"{place} holds no recordings that can be heard; give a folder of {', '.join(AUDIO_SUFFIXES)}")
    return found
