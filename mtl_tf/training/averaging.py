"""A running mean of the weights, which the optimizer keeps, in place of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Gives a model the mean of its weights for a while, where its optimizer keeps one; then they are as before.

    Means of batch normalisation are none of the optimizer's, and stay.
    """
    before = _give_mean(model)
    try:
        yield
    finally:
        _give_back(model, before)


class AveragedWeights(keras.callbacks.Callback):
    """Validates with the mean of the weights. Keras leaves the model with the mean when training has ended."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Gives the model the mean."""
        self.before = _give_mean(self.model)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Gives the model its weights back."""
        _give_back(self.model, self.before)


def _give_mean(model: keras.Model) -> list:
    before = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)  # does nothing where no mean is kept
    return before


def _give_back(model: keras.Model, values: list) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
