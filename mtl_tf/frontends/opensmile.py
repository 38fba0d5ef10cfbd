"""openSMILE's functionals, as a front end of the support vector machine."""

import hashlib
import threading
import warnings
from functools import lru_cache

import keras
import numpy as np

from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.kernels.host import call_numpy

FEATURE_SETS = {"compare_2016": ("ComParE_2016", 6373), "egemaps": ("eGeMAPSv02", 88)}
_ONE_AT_A_TIME = threading.Lock()  # two at once end the process
SHORTEST_S = 0.2  # openSMILE's functionals need several frames of 60 ms


@keras.saving.register_keras_serializable(package="mtl_tf")
class OpenSmile(FrontEnd):
    """Summary features of a whole clip, computed by the openSMILE library (Eyben, Wöllmer and Schuller 2010).

    Input float (batch, samples) and int (batch,); output float32 (batch, 1, features) and mask (batch, 1). The features
    are those of the package `opensmile`, called clip by clip on the processor; they cannot be exported, for servers
    have no openSMILE. The library is free for research and teaching; other uses need audEERING's licence.

    Args:
        sample_rate: of the waveform, in Hz.
        feature_set: `compare_2016` (6373 functionals, Schuller et al. 2016) or `egemaps` (88, Eyben et al. 2016).
        **kwargs: arguments of `FrontEnd`.

    Raises:
        ValueError: an unknown feature set, or the package is not installed.
    """

    def __init__(self, sample_rate: int, feature_set: str = "compare_2016", **kwargs) -> None:
        super().__init__(sample_rate, **kwargs)
        if feature_set not in FEATURE_SETS:
            raise ValueError(f"feature_set={feature_set}: give {' or '.join(FEATURE_SETS)}")
        self.feature_set = feature_set
        _library(feature_set)
        self._known: dict[bytes, np.ndarray] = {}

    @property
    def needs_library(self) -> str:
        """The library of that name."""
        return "openSMILE"

    @property
    def has_one_unit(self) -> bool:
        """False: seconds, hertz and decibels stand side by side."""
        return False

    @property
    def num_bins(self) -> int:
        """Number of functionals."""
        return FEATURE_SETS[self.feature_set][1]

    @property
    def min_samples(self) -> int:
        """A fifth of a second."""
        return round(SHORTEST_S * self.sample_rate)

    @property
    def frame_period_s(self) -> float:
        """1: the whole clip is the frame."""
        return 1.0

    def count_frames(self, samples):
        """Returns 1."""
        return samples * 0 + 1

    def transform(self, waveform, length):
        """Computes the functionals of each clip; shapes as in `FrontEnd`."""
        return call_numpy(self._functionals, [waveform, length], (None, 1, self.num_bins))

    def _functionals(self, waveform: np.ndarray, length: np.ndarray) -> np.ndarray:
        clips = [row[:own] for row, own in zip(waveform, length, strict=True)]
        with _ONE_AT_A_TIME:
            return np.stack([self._of_clip(clip) for clip in clips])[:, None]

    def _of_clip(self, samples: np.ndarray) -> np.ndarray:
        key = hashlib.sha1(samples.tobytes()).digest()
        if key not in self._known:  # a run asks several times for the same clips, a quarter of a second each
            padded = np.pad(samples, (0, max(self.min_samples - len(samples), 0)))
            values = _library(self.feature_set).process_signal(padded, self.sample_rate).to_numpy(np.float32)[0]
            self._known[key] = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        return self._known[key]

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"feature_set": self.feature_set}


@lru_cache
def _library(feature_set: str):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that it imports
            import opensmile
    except ImportError as error:
        raise ValueError("needs the package opensmile: pip install -c constraints.txt -e '.[opensmile]'") from error
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[FEATURE_SETS[feature_set][0]],
        feature_level=opensmile.FeatureLevel.Functionals,
    )
