"""How much a step of one task helps the others, measured while they are learned together."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from keras import ops

COSINE, AFFINITY = "cosine", "affinity"


class KnownMean(keras.metrics.Mean):
    """A mean that is NaN, and not 0, of nothing."""

    def result(self):
        """Returns the mean."""
        return ops.where(self.count > 0, self.total / ops.maximum(self.count, 1e-12), float("nan"))


class AffinityMeter:
    """Measures gradients and look-ahead steps in some of the training steps, and leaves training as it is.

    The affinity of task i to task j is `1 - after / before`, with the loss of j on the same batch before and after a
    step of the shared weights along the gradient of i alone (Fifty et al. 2021, "Efficiently identifying task groupings
    for multi-task learning", equation 1). Departures: the step is one of plain gradient descent at the current rate of
    the optimizer, and all losses are those of inference, so that no batch statistic changes. Cosines are those of the
    gradients of two tasks, over all shared weights and for each layer. A batch without labels of both tasks says
    nothing of the pair.

    Args:
        tasks: their names.
        every: steps from one measurement to the next.
    """

    def __init__(self, tasks: Sequence[str], every: int) -> None:
        self.tasks, self.every = list(tasks), every
        self._means: dict[str, KnownMean] = {}

    @property
    def metrics(self) -> list[KnownMean]:
        """Means of an epoch: `cosine_ONE_OTHER`, `cosine_ONE_OTHER_LAYER`, `affinity_ONE_OTHER`; NaN of nothing."""
        return list(self._means.values())

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Makes the metrics.

        Args:
            variables: that the tasks share.
        """
        layers = dict.fromkeys(layer_of(variable) for variable in variables)
        for one, other in _pairs(self.tasks):
            for name in (f"{COSINE}_{one}_{other}", *(f"{COSINE}_{one}_{other}_{layer}" for layer in layers)):
                self._means[name] = KnownMean(name)
        for one in self.tasks:
            for other in self.tasks:
                if one != other:
                    name = f"{AFFINITY}_{one}_{other}"
                    self._means[name] = KnownMean(name)

    def measure(
        self,
        losses_of: Callable[[], list[tf.Tensor]],
        variables: Sequence[keras.Variable],
        rate: tf.Tensor,
        present: tf.Tensor,
    ) -> None:
        """Measures one batch.

        Args:
            losses_of: computes the losses of the tasks on the batch, in inference.
            variables: that the tasks share; they are moved, and put back to the last bit.
            rate: of the optimizer.
            present: bool (tasks,), which have labels in the batch.
        """
        with tf.GradientTape(persistent=True) as tape:
            before = losses_of()
        values = [variable.value for variable in variables]
        gradients = [
            [_dense(found, value) for found, value in zip(tape.gradient(loss, values), values, strict=True)]
            for loss in before
        ]
        del tape
        known = tf.cast(present, tf.float32)
        layers: dict[str, list[int]] = {"": list(range(len(variables)))}
        for place, variable in enumerate(variables):
            layers.setdefault(layer_of(variable), []).append(place)
        for layer, places in layers.items():
            flat = tf.stack([tf.concat([tf.reshape(own[p], [-1]) for p in places], axis=0) for own in gradients])
            table = cosines(flat)
            for one, other in _pairs(range(len(self.tasks))):
                name = "_".join(filter(None, (COSINE, self.tasks[one], self.tasks[other], layer)))
                self._means[name].update_state(table[one, other], sample_weight=known[one] * known[other])
        kept = [tf.identity(value) for value in values]
        for one, own in enumerate(gradients):
            for variable, value, gradient in zip(variables, kept, own, strict=True):
                variable.assign(value - tf.cast(rate, value.dtype) * gradient)
            after = losses_of()
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)
            for other in range(len(self.tasks)):
                if other != one:
                    share = 1.0 - after[other] / tf.maximum(before[other], 1e-12)
                    name = f"{AFFINITY}_{self.tasks[one]}_{self.tasks[other]}"
                    self._means[name].update_state(share, sample_weight=known[one] * known[other])


def cosines(gradients: tf.Tensor) -> tf.Tensor:
    """Returns the cosine of every pair of gradients, float (tasks, tasks); 0 where one is 0."""
    norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=1))
    return tf.matmul(gradients, gradients, transpose_b=True) / tf.maximum(norms[:, None] * norms[None, :], 1e-30)


def layer_of(variable: keras.Variable) -> str:
    """Returns the name of the layer that holds a weight."""
    parts = variable.path.split("/")
    return parts[1] if len(parts) > 2 else parts[0]


def _pairs(things: Sequence) -> list[tuple]:
    things = list(things)
    return [(one, other) for place, one in enumerate(things) for other in things[place + 1 :]]


def _dense(gradient, value) -> tf.Tensor:
    return tf.zeros_like(value) if gradient is None else tf.convert_to_tensor(gradient)
