"""Attention based classifier block: many small classifiers at every step, weighed by attention."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtl_tf")
class ClassifierHiddenLayers(keras.layers.Layer):
    """Hidden layers of the classifiers of a block: two dense layers with ReLU, each classifier its own.

    Input float (batch, steps, channels), output (batch, steps, classifiers, units of the last layer).

    Args:
        num_classifiers: how many.
        units: width of the two layers.
    """

    def __init__(self, num_classifiers: int = 40, units: tuple[int, int] = (8, 4), **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_classifiers, self.units = num_classifiers, tuple(units)

    def build(self, input_shape) -> None:
        """Creates one dense layer for all classifiers, as they share its input, and one small matrix for each."""
        channels, (first, second) = input_shape[-1], self.units
        self.first = keras.layers.Dense(
            self.num_classifiers * first,
            activation="relu",
            kernel_initializer=_glorot_uniform(channels, first),
            name="first",
        )
        self.second = keras.layers.EinsumDense(
            "btkh,khu->btku",
            (None, self.num_classifiers, second),
            bias_axes="ku",
            activation="relu",
            kernel_initializer=_glorot_uniform(first, second),
            name="second",
        )
        self.first.build(input_shape)
        self.second.build((*input_shape[:-1], self.num_classifiers, first))

    def call(self, hidden):
        """Maps (batch, steps, channels) to (batch, steps, classifiers, units[1])."""
        first = self.first(hidden)
        first = ops.reshape(first, (-1, ops.shape(hidden)[1], self.num_classifiers, self.units[0]))
        return self.second(first)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, steps, classifiers, units[1])."""
        return (*input_shape[:-1], self.num_classifiers, self.units[1])

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"num_classifiers": self.num_classifiers, "units": self.units}


@keras.saving.register_keras_serializable(package="mtl_tf")
class ClassifierAttention(keras.layers.Layer):
    """Softmax of every classifier, weighed by attention at every step, averaged over time.

    Lu, Zhang and Nayak 2020, section 3: c_t = sum_i alpha_ti c_ti, with c_ti the probabilities of classifier i and
    alpha_t the softmax over the classifiers of a network of two dense layers (160 and 80, ReLU); the answer is the mean
    of c_t over the steps of the clip. Inputs: float (batch, steps, channels), what `ClassifierHiddenLayers` makes of it
    (batch, steps, classifiers, units), and mask (batch, steps). Output: float32 probabilities (batch, classes).

    Args:
        num_classes: of the task.
        num_classifiers: as in `ClassifierHiddenLayers`.
        attention_units: width of the two hidden layers of the attention network.
    """

    def __init__(
        self, num_classes: int, num_classifiers: int = 40, attention_units: tuple[int, int] = (160, 80), **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes, self.num_classifiers = num_classes, num_classifiers
        self.attention_units = tuple(attention_units)
        layers = keras.layers
        self.attention = [
            layers.Dense(units, activation="relu", name=f"attention_{index}")
            for index, units in enumerate(attention_units)
        ]
        self.attention.append(layers.Dense(num_classifiers, activation="softmax", dtype="float32", name="weights"))

    def build(self, input_shape) -> None:
        """Builds all layers from the shapes of the three inputs."""
        shape = tuple(input_shape[0])
        for layer in self.attention:
            layer.build(shape)
            shape = (*shape[:-1], layer.units)
        self.answer = keras.layers.EinsumDense(
            "btku,kuc->btkc",
            (None, self.num_classifiers, self.num_classes),
            bias_axes="kc",
            kernel_initializer=_glorot_uniform(input_shape[1][-1], self.num_classes),
            dtype="float32",
            name="answer",
        )
        self.answer.build(tuple(input_shape[1]))

    def attend(self, hidden):
        """Computes the weights of the classifiers.

        Args:
            hidden: float (batch, steps, channels).

        Returns:
            float32 (batch, steps, classifiers), adding up to 1 over the classifiers.
        """
        for layer in self.attention:
            hidden = layer(hidden)
        return hidden

    def call(self, inputs):
        """Maps the three inputs to probabilities (batch, classes)."""
        hidden, classifiers, valid = inputs
        answers = ops.softmax(self.answer(classifiers), axis=-1)  # (batch, steps, classifiers, classes)
        each_step = ops.einsum("btk,btkc->btc", self.attend(hidden), answers)
        valid = ops.cast(valid, "float32")[:, :, None]
        return ops.sum(each_step * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, classes)."""
        return (input_shape[0][0], self.num_classes)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_classes", "num_classifiers", "attention_units")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _glorot_uniform(inputs: int, outputs: int) -> keras.initializers.Initializer:
    """What Keras gives a dense layer of one classifier; for the stacked kernel it would count all of them."""
    limit = (6.0 / (inputs + outputs)) ** 0.5
    return keras.initializers.RandomUniform(-limit, limit)
