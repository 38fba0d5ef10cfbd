"""ResNet-18, a comparison model of Lu, Zhang and Nayak (2020)."""

import keras
from keras import layers, ops

from mtl_tf.construct import Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.picture_network import PictureNetwork


@keras.saving.register_keras_serializable(package="mtl_tf")
class ResNet18(PictureNetwork):
    """The 18-layer network of He et al. 2016 (table 1) without its last layer.

    Input float (batch, 224, 224, 3), output (batch, 512); 11,176,512 trainable parameters, and 513 for each class:
    11,178,051 with three. `keras.applications` begins with 50 layers.

    Args:
        filters: of the four stages of two blocks each.
    """

    def __init__(self, filters: tuple[Size, ...] = (64, 128, 256, 512), **kwargs) -> None:
        self.filters = tuple(filters)
        super().__init__(**kwargs)

    def make_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers, in order."""
        network = [
            layers.ZeroPadding2D(3),
            layers.Conv2D(self.filters[0], 7, strides=2, use_bias=False),
            BatchNormalization(),
            layers.ReLU(),
            layers.ZeroPadding2D(1),
            layers.MaxPooling2D(3, strides=2),
        ]
        for stage, width in enumerate(self.filters):
            network += [BasicBlock(width, 1 if stage == 0 else 2), BasicBlock(width, 1)]
        return [*network, layers.GlobalAveragePooling2D()]

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters}


@keras.saving.register_keras_serializable(package="mtl_tf")
class BasicBlock(keras.layers.Layer):
    """Two 3x3 convolutions with batch normalisation and the input added (He et al. 2016, figure 2).

    Input float (batch, height, width, channels), output (batch, height / stride, width / stride, filters).

    Args:
        filters: of both convolutions.
        stride: of the first one; a 1x1 convolution fits the input to another size or number of channels.
    """

    def __init__(self, filters: int, stride: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters, self.stride = filters, stride
        self.pad = layers.ZeroPadding2D(1)
        self.first = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name="first")
        self.second = layers.Conv2D(filters, 3, padding="same", use_bias=False, name="second")
        self.first_norm = BatchNormalization(name="first_norm")
        self.second_norm = BatchNormalization(name="second_norm")

    def build(self, input_shape) -> None:
        """Builds all layers."""
        output_shape = self.compute_output_shape(input_shape)
        self.first.build(self.pad.compute_output_shape(input_shape))
        self.second.build(output_shape)
        self.first_norm.build(output_shape)
        self.second_norm.build(output_shape)
        self.shortcut = None
        if self.stride != 1 or input_shape[-1] != self.filters:
            self.shortcut = layers.Conv2D(self.filters, 1, strides=self.stride, use_bias=False, name="shortcut")
            self.shortcut_norm = BatchNormalization(name="shortcut_norm")
            self.shortcut.build(input_shape)
            self.shortcut_norm.build(output_shape)

    def call(self, inputs, training=None):
        """Adds the two ways."""
        hidden = ops.relu(self.first_norm(self.first(self.pad(inputs)), training=training))
        hidden = self.second_norm(self.second(hidden), training=training)
        if self.shortcut is not None:
            inputs = self.shortcut_norm(self.shortcut(inputs), training=training)
        return ops.relu(hidden + inputs)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, height / stride, width / stride, filters), rounded up."""
        height, width = (None if side is None else -(-side // self.stride) for side in input_shape[1:3])
        return (input_shape[0], height, width, self.filters)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters, "stride": self.stride}
