"""AlexNet, a comparison model of Lu, Zhang and Nayak (2020)."""

import keras
from keras import layers

from mtl_tf.construct import Share, Size
from mtl_tf.models.picture_network import PictureNetwork


@keras.saving.register_keras_serializable(package="mtl_tf")
class AlexNet(PictureNetwork):
    """AlexNet in one tower, as torchvision has it, without its last layer, in place of which stand the heads.

    Input float (batch, 256, 256, 3), output (batch, 4096); 57,003,840 parameters, and 4,097 for each class: 57,016,131
    with three. Lu et al. 2020 cite the network of 2012 (two towers, 96, 256, 384, 384 and 256 filters, local response
    normalisation) and name no implementation. Chosen here is the one in common use: 64, 192, 384, 256 and 256 filters
    in one tower (Krizhevsky 2014, whose text has 384 in the fourth), without the response normalisation. Their pictures
    being 256 and not 224 wide, an adaptive average pooling to 6 x 6 comes before the dense layers, so that these keep
    their size.

    Args:
        dropout: share of values dropped in training before each dense layer.
        units: of the two dense layers.
    """

    def __init__(self, dropout: Share = 0.5, units: Size = 4096, **kwargs) -> None:
        self.dropout, self.units = dropout, units
        super().__init__(**kwargs)

    def make_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers, in order."""
        return [
            layers.ZeroPadding2D(2),
            layers.Conv2D(64, 11, strides=4, activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(192, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(384, 3, padding="same", activation="relu"),
            layers.Conv2D(256, 3, padding="same", activation="relu"),
            layers.Conv2D(256, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.AdaptiveAveragePooling2D(6),
            layers.Flatten(),
            layers.Dropout(self.dropout),
            layers.Dense(self.units, activation="relu"),
            layers.Dropout(self.dropout),
            layers.Dense(self.units, activation="relu"),
        ]

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"dropout": self.dropout, "units": self.units}
