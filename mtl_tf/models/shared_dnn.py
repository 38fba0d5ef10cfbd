"""Shared dense network of Georgiev et al. (2017)."""

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.models.steps import SteppedTrunk


@keras.saving.register_keras_serializable(package="mtl_tf")
class SharedDNN(SteppedTrunk):
    """Trunk of "Low-resource multi-task audio sensing for mobile and embedded devices" (IMWUT 1(3), 2017).

    Input float (batch, windows, values), from the front end `filter_bank_summary`, and mask (batch, windows); output
    (batch, units[-1]). Three hidden layers of 128, 256 or 512 units with ReLU, shared by all tasks; one softmax per
    task follows. With the 168 values of that front end 54,656, 174,848 or 611,840 parameters, and units + 1 for each
    class.

    As Callebaut's proposal describes it (section 3.1): plain stochastic gradient descent over batches in which the
    clips of all tasks are shuffled together, each clip updating the trunk and the head of its own task alone. That is
    what a missing label does here with `training.optimizer=sgd training.momentum=0`, as in the experiment
    `georgiev2017`; an optimizer that remembers gradients moves the other heads on as well. Left out: the unsupervised
    pre-training of the first version (stacked restricted Boltzmann machines), which Callebaut's own code does not have
    either. Chosen here: a clip of several windows is answered from the mean of their last hidden values, and each
    step in time from those of its own window.

    Args:
        units: of the hidden layers.
        dropout: share of values dropped in training after each of them; none in the paper.
    """

    def __init__(self, units: tuple[Size, ...] = (512, 512, 512), dropout: Share = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units, self.dropout = tuple(units), dropout
        self.hidden = [
            keras.layers.Dense(width, activation="relu", name=f"hidden_{index}") for index, width in enumerate(units)
        ]
        self.drops = [keras.layers.Dropout(dropout, name=f"dropout_{index}") for index in range(len(units))]

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, windows, values)."""
        shape = input_shape
        for layer in self.hidden:
            layer.build(shape)
            shape = (*shape[:-1], layer.units)

    @property
    def step_frames(self) -> int:
        """One: each window is a step."""
        return 1

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, windows, units[-1]) and which windows are no padding."""
        hidden = features
        for layer, drop in zip(self.hidden, self.drops, strict=True):
            hidden = drop(layer(hidden), training=training)
        valid = ops.ones_like(hidden[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, hidden.dtype)
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Averages the windows that are no padding: (batch, units[-1])."""
        return ops.sum(hidden * valid[:, :, None], axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)[:, None]

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, units[-1])."""
        return (input_shape[0], self.units[-1])

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"units": self.units, "dropout": self.dropout}
