"""Several networks of one recipe as one model."""

from collections.abc import Sequence

import keras

from mtl_tf.errors import UserError


def ensemble_of(models: Sequence[keras.Model]) -> keras.Model:
    """Puts networks together whose answer is the mean of theirs.

    Args:
        models: of `mtl_tf.models.build`, with the same inputs, tasks and classes, and one sample rate. The first one's
            front end and trunk are those of the whole; the others are layers of their own, `network_1`, `network_2`
            and so on, with all their weights.

    Returns:
        A model with the inputs and outputs of each. Of the answers to every step, what steps of padding hold means
        nothing.

    Raises:
        UserError: they answer other tasks, or have other classes.
    """
    first, *others = models
    shapes = {task: output.shape for task, output in first.output.items()}
    answers = {task: [output] for task, output in first.output.items()}
    for number, other in enumerate(others, start=1):
        if {task: output.shape for task, output in other.output.items()} != shapes:
            raise UserError("networks of different tasks or classes cannot answer together; give those of one run")
        network = keras.Model(other.input, other.output, name=f"network_{number}")
        for task, output in network(first.input).items():
            answers[task].append(output)
    together = {
        task: keras.layers.Average(name=f"{task}_mean")(outputs) if others else outputs[0]
        for task, outputs in answers.items()
    }
    return keras.Model(first.input, together)


def networks_of(model: keras.Model) -> list[keras.Model]:
    """Returns a model, and beside it the other networks it asks, if it is one of `ensemble_of`."""
    return [model, *(layer for layer in model.layers if isinstance(layer, keras.Model))]
