"""Rooms from a folder of recorded impulse responses."""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.recordings import read_recordings
from mtl_tf.augment.spectrum import convolved, with_power_of
from mtl_tf.construct import Probability


@keras.saving.register_keras_serializable(package="mtl_tf")
class RecordedReverb(Augmentation):
    """Convolves a clip with the recorded impulse response of a room, drawn evenly (Ko et al. 2017).

    Shapes: see `Augmentation`. A response begins with its loudest sample, so that onsets do not move. What would sound
    after the end of the clip is cut. The power of the clip stays.

    Args:
        sample_rate: of the waveform, in Hz.
        folder: of the responses, one a file, at any depth and sample rate.
        longest_s: of a response; what is behind is cut.
        most_s: seconds of responses to read, of all files together.
        prob: see `Augmentation`.
        **kwargs: see `Augmentation`.

    Raises:
        UserError: the folder is missing, or holds no recordings that can be heard.
    """

    def __init__(
        self,
        sample_rate: int,
        folder: str | None = None,
        longest_s: PositiveFloat = 1.0,
        most_s: PositiveFloat = 600.0,
        prob: Probability = 0.3,
        **kwargs,
    ) -> None:
        super().__init__(prob, **kwargs)
        self.sample_rate, self.folder = sample_rate, folder
        self.longest_s, self.most_s = longest_s, most_s
        recorded = read_recordings("augment.recorded_reverb.folder", folder, sample_rate, most_s, whole=True)
        direct = [samples[np.abs(samples).argmax() :][: max(round(longest_s * sample_rate), 1)] for samples in recorded]
        longest = max(map(len, direct))
        self._responses = np.stack([np.pad(samples, (0, longest - len(samples))) for samples in direct])

    def change(self, values, valid):
        """Convolves each clip with a response."""
        count = len(self._responses)
        drawn = ops.minimum(ops.cast(ops.floor(self.draw(values)[:, 0] * count), "int32"), count - 1)
        response = ops.take(ops.convert_to_tensor(self._responses), drawn, axis=0)
        return with_power_of(values, convolved(values, response) * valid)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("sample_rate", "folder", "longest_s", "most_s")
        return super().get_config() | {name: getattr(self, name) for name in names}
