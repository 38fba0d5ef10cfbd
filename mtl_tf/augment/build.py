"""Builds the augmentations of a configuration."""

import inspect
from collections.abc import Mapping

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.equalizer import Equalizer
from mtl_tf.augment.gain import Gain
from mtl_tf.augment.mixing import MixFeatures, Mixing, MixWaveforms
from mtl_tf.augment.noise import Noise
from mtl_tf.augment.reverb import Reverb
from mtl_tf.augment.spec_augment import SpecAugment
from mtl_tf.construct import construct
from mtl_tf.errors import UserError

AUGMENTATIONS = {
    "gain": Gain,
    "equalizer": Equalizer,
    "reverb": Reverb,
    "noise": Noise,
    "spec_augment": SpecAugment,
    "mix_waveforms": MixWaveforms,
    "mix_features": MixFeatures,
}


def build_augmentations(options: Mapping[str, dict], sample_rate: int) -> list[Augmentation | Mixing]:
    """Builds the layers in the order in which they are applied: those on waveforms, those on features, mixing last.

    Args:
        options: name to constructor arguments, as in `configs/augment/NAME.yaml`.
        sample_rate: of the waveform, in Hz.

    Raises:
        UserError: an unknown name, a value of a wrong type, values that do not go together, or two ways of mixing.
    """
    layers = []
    for name, values in options.items():
        needs_rate = "sample_rate" in inspect.signature(AUGMENTATIONS.get(name, Augmentation)).parameters
        given = values | ({"sample_rate": sample_rate} if needs_rate else {})
        layers.append(construct(f"augment.{name}", AUGMENTATIONS, name, given, f"augment_{name}"))
    if sum(isinstance(layer, Mixing) for layer in layers) > 1:
        raise UserError("augment: clips can be mixed in one way only; choose mix_waveforms or mix_features")
    return sorted(layers, key=lambda layer: (layer.on_features, isinstance(layer, Mixing)))
