"""A model whose training step balances the losses of its tasks."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing
from mtl_tf.training.balancing.pcgrad import PcGrad, cosines


class BalancedModel(keras.Model):
    """The functional model of a run with a training step of its own.

    It is what `keras.Model` is in all else; `plain` gives that, to be saved. Cosines between the gradients of tasks are
    logged as `cosine_ONE_OTHER` where a method computes them, as means over the batches that have labels of both.
    """

    def balance(
        self, balancing: Balancing, losses: Mapping[str, keras.losses.Loss], weights: Mapping[str, float]
    ) -> None:
        """Sets the method.

        Args:
            balancing: the method.
            losses: task to its loss.
            weights: task to what it weighs beside the method.
        """
        object.__setattr__(self, "_balancing", balancing)  # not a part of the model's weights
        object.__setattr__(self, "_task_losses", dict(losses))
        self._task_weights = {name: float(weights[name]) for name in losses}
        pairs = [(a, b) for number, a in enumerate(losses) for b in list(losses)[number + 1 :]]
        logged = pairs if isinstance(balancing, PcGrad) else []
        object.__setattr__(
            self, "_cosines", {pair: keras.metrics.Mean(f"cosine_{pair[0]}_{pair[1]}") for pair in logged}
        )

    @property
    def balancing_state(self) -> list:
        """What the method has learned, for checkpoints."""
        return self._balancing.state

    @property
    def metrics(self) -> list:
        """Those of Keras, and the cosines."""
        return [*super().metrics, *getattr(self, "_cosines", {}).values()]

    def plain(self) -> keras.Model:
        """Returns a model of the same layers without a training step of its own."""
        return keras.Model(self.input, self.output)

    def train_step(self, data):
        """Makes one step."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        step = tf.cast(self.optimizer.iterations.value, tf.int64)
        present = tf.stack([tf.reduce_any(weights[name] > 0) for name in self._task_losses])
        own = self.trainable_variables
        with tf.GradientTape(persistent=isinstance(self._balancing, PcGrad)) as tape:
            answers = self(inputs, training=True)
            losses = self._weighed_losses(labels, answers, weights)
            parts = [self.optimizer.scale_loss(loss) for loss in losses]  # one by one, so that heads stay apart
            if not isinstance(self._balancing, PcGrad):
                scaled = self.optimizer.scale_loss(self._balancing.loss(tf.stack(losses), present, step))
        if isinstance(self._balancing, PcGrad):
            gradients = self._projected(tape, parts, present, step)
            self.optimizer.apply(gradients, own)
        else:
            trained = [*own, *self._balancing.learned]
            self.optimizer.apply(tape.gradient(scaled, [variable.value for variable in trained]), trained)
        if self._balancing.needs_losses_after:
            after = self._weighed_losses(labels, self(inputs, training=False), weights)
            self._balancing.update(tf.stack(losses), tf.stack(after), present)
        # For the logs of Keras: the losses of the tasks, and their sum.
        self._loss_tracker.update_state(
            self.compute_loss(x=inputs, y=labels, y_pred=answers, sample_weight=weights, training=True),
            sample_weight=tf.shape(inputs["waveform"])[0],
        )
        return self.compute_metrics(inputs, labels, answers, weights)

    def _weighed_losses(self, labels, answers, weights) -> list[tf.Tensor]:
        values = []
        for name, loss in self._task_losses.items():
            value = loss(labels[name], answers[name], sample_weight=weights[name])
            values.append(self._task_weights[name] * tf.cast(value, tf.float32))
        return values

    def _projected(self, tape: tf.GradientTape, parts: list, present: tf.Tensor, step: tf.Tensor) -> list:
        """Computes the gradient of every variable: projected where tasks share it, else that of its own task."""
        variables = [variable.value for variable in self.trainable_variables]
        found = [tape.gradient(part, variables) for part in parts]
        shared = [place for place in range(len(variables)) if sum(own[place] is not None for own in found) > 1]
        sums = [sum(own[place] for own in found if own[place] is not None) for place in range(len(variables))]
        flat = tf.stack(
            [
                tf.concat([tf.reshape(_dense(own[place], variables[place]), [-1]) for place in shared], axis=0)
                for own in found
            ]
        )
        table = cosines(flat)
        names = list(self._task_losses)
        for (one, other), metric in self._cosines.items():
            first, second = names.index(one), names.index(other)
            both = tf.cast(present[first] & present[second], tf.float32)
            metric.update_state(table[first, second], sample_weight=both)
        combined = self._balancing.combine(flat, step)
        sizes = [variables[place].shape.num_elements() for place in shared]
        for place, part in zip(shared, tf.split(combined, sizes), strict=True):
            sums[place] = tf.reshape(part, variables[place].shape)
        return sums


def _dense(gradient, variable) -> tf.Tensor:
    return tf.zeros_like(variable) if gradient is None else tf.convert_to_tensor(gradient)
