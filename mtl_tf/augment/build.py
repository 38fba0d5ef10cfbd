"""Builds the augmentations of a configuration."""

import inspect
from collections.abc import Mapping, Sequence

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.codec import Codec
from mtl_tf.augment.equalizer import Equalizer
from mtl_tf.augment.gain import Gain
from mtl_tf.augment.mix_style import MixStyle
from mtl_tf.augment.mixing import CutFeatures, MixFeatures, Mixing, MixWaveforms
from mtl_tf.augment.noise import Noise
from mtl_tf.augment.recorded_noise import RecordedNoise
from mtl_tf.augment.recorded_reverb import RecordedReverb
from mtl_tf.augment.reverb import Reverb
from mtl_tf.augment.roll import Roll
from mtl_tf.augment.spec_augment import SpecAugment
from mtl_tf.augment.warp import Warp
from mtl_tf.construct import construct
from mtl_tf.errors import UserError

AUGMENTATIONS = {
    "gain": Gain,
    "equalizer": Equalizer,
    "reverb": Reverb,
    "recorded_reverb": RecordedReverb,
    "noise": Noise,
    "recorded_noise": RecordedNoise,
    "codec": Codec,
    "roll": Roll,
    "warp": Warp,
    "mix_style": MixStyle,
    "spec_augment": SpecAugment,
    "mix_waveforms": MixWaveforms,
    "mix_features": MixFeatures,
    "cut_features": CutFeatures,
}


def build_augmentations(
    options: Mapping[str, dict],
    sample_rate: int,
    frequencies_hz: Sequence[float] | None = None,
    padding_value: float = 0.0,
    zero_is_mean: bool = True,
) -> list[Augmentation | Mixing]:
    """Builds the layers in the order in which they are applied: those on waveforms, those on features, mixing last.

    Args:
        options: name to constructor arguments, as in `configs/augment/NAME.yaml`.
        sample_rate: of the waveform, in Hz.
        frequencies_hz: centre of each bin of the features, rising; None: bins are no frequencies.
        padding_value: of the features behind the end of a clip.
        zero_is_mean: whether features are normalised.

    Raises:
        UserError: an unknown name, a value of a wrong type, values that do not go together, or two ways of mixing.
    """
    centres = None if frequencies_hz is None else [float(centre) for centre in frequencies_hz]
    surroundings = {
        "sample_rate": sample_rate,
        "frequencies_hz": centres,
        "padding_value": padding_value,
        "zero_is_mean": zero_is_mean,
    }
    layers = []
    for name, values in options.items():
        kind = AUGMENTATIONS.get(name, Augmentation)
        needed = {*inspect.signature(kind).parameters, *getattr(kind, "fixed_options", ())}
        given = values | {key: value for key, value in surroundings.items() if key in needed}
        layers.append(construct(f"augment.{name}", AUGMENTATIONS, name, given, f"augment_{name}"))
    if sum(isinstance(layer, Mixing) for layer in layers) > 1:
        raise UserError(
            "augment: clips can be mixed in one way only; choose one of mix_waveforms, mix_features and cut_features"
        )
    return sorted(layers, key=lambda layer: (layer.on_features, isinstance(layer, Mixing)))
