"""VGG11, configuration A, a comparison model of Lu, Zhang and Nayak (2020)."""

import keras
from keras import layers

from mtl_tf.construct import Share, Size
from mtl_tf.models.picture_network import PictureNetwork


@keras.saving.register_keras_serializable(package="mtl_tf")
class VGG11(PictureNetwork):
    """Configuration A of Simonyan and Zisserman 2014 (table 1) without its last layer.

    Input float (batch, 224, 224, 3), output (batch, 4096); 128,766,336 parameters, and 4,097 for each class:
    128,778,627 with three. `keras.applications` has the configurations D and E alone.

    Args:
        filters: of the eight convolutions, by group; 2x2 max pooling follows each group.
        dropout: share of values dropped in training after each dense layer.
        units: of the two dense layers.
    """

    def __init__(
        self,
        filters: tuple[tuple[Size, ...], ...] = ((64,), (128,), (256, 256), (512, 512), (512, 512)),
        dropout: Share = 0.5,
        units: Size = 4096,
        **kwargs,
    ) -> None:
        self.filters, self.dropout, self.units = tuple(tuple(group) for group in filters), dropout, units
        super().__init__(**kwargs)

    def make_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers, in order."""
        network = []
        for group in self.filters:
            network += [layers.Conv2D(width, 3, padding="same", activation="relu") for width in group]
            network.append(layers.MaxPooling2D(2))
        network.append(layers.Flatten())
        for _ in range(2):
            network += [layers.Dense(self.units, activation="relu"), layers.Dropout(self.dropout)]
        return network

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters, "dropout": self.dropout, "units": self.units}
