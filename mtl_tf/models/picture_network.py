"""What the networks made for pictures share."""

import keras


class PictureNetwork(keras.layers.Layer):
    """Base of trunks that take a picture (front end `picture`) through a plain sequence of Keras layers.

    Input float (batch, height, width, channels), output (batch, units). The picture has one size, so no mask is used.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.network = keras.Sequential(self.make_layers(), name="network")

    def make_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers, in order."""
        raise NotImplementedError

    def build(self, input_shape) -> None:
        """Builds the sequence.

        Raises:
            ValueError: the input is no picture.
        """
        if len(input_shape) != 4:
            raise ValueError("it takes pictures; choose frontend=picture")
        self.network.build(input_shape)

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, height, width, channels) to (batch, units); the mask is not used."""
        return self.network(features, training=training)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, units)."""
        return self.network.compute_output_shape(input_shape)
