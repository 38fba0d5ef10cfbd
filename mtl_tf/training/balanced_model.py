"""A model whose training step balances the losses of its tasks, or measures how they get along."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from mtl_tf.training.affinity import AffinityMeter
from mtl_tf.training.balancing.balancing import Balancing
from mtl_tf.training.balancing.pcgrad import PcGrad


class BalancedModel(keras.Model):
    """The functional model of a run with a training step of its own.

    It is what `keras.Model` is in all else; `plain` gives that, to be saved.
    """

    def balance(
        self,
        balancing: Balancing,
        losses: Mapping[str, keras.losses.Loss],
        weights: Mapping[str, float],
        affinity: AffinityMeter | None = None,
    ) -> None:
        """Sets the method.

        Args:
            balancing: the method.
            losses: task to its loss.
            weights: task to what it weighs beside the method.
            affinity: measures in some steps; None: nothing is measured.
        """
        private = [layer for layer in self.layers if any(_belongs(layer.name, name) for name in losses)]
        heads = {id(variable) for layer in private for variable in layer.trainable_variables}
        shared = [variable for variable in self.trainable_variables if id(variable) not in heads]
        if not shared:  # of a trunk that gives each task all of its blocks there is nothing to measure
            affinity = None
        if affinity is not None:
            affinity.build(shared)
        # Not by plain assignment, as Keras would take what they hold for weights of the model.
        for name, value in {
            "_balancing": balancing,
            "_task_losses": dict(losses),
            "_shared": shared,
            "_affinity": affinity,
        }.items():
            object.__setattr__(self, name, value)
        self._task_weights = {name: float(weights[name]) for name in losses}

    @property
    def balancing_state(self) -> list:
        """What the method has learned, for checkpoints."""
        return self._balancing.state

    @property
    def metrics(self) -> list:
        """Those of Keras, and what is measured beside."""
        affinity = getattr(self, "_affinity", None)
        return [*super().metrics, *(affinity.metrics if affinity else [])]

    def plain(self) -> keras.Model:
        """Returns a model of the same layers without a training step of its own."""
        return keras.Model(self.input, self.output)

    def train_step(self, data):
        """Makes one step."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        step = tf.cast(self.optimizer.iterations.value, tf.int64)
        present = tf.stack([tf.reduce_any(weights[name] > 0) for name in self._task_losses])

        def losses_of(training: bool = False) -> tuple[dict, list[tf.Tensor]]:
            answers = self(inputs, training=training)
            return answers, self._weighed_losses(labels, answers, weights)

        if self._affinity is not None:
            tf.cond(
                tf.equal(step % self._affinity.every, 0),
                lambda: self._measure(lambda: losses_of()[1], present),
                lambda: tf.constant(0),
            )
        before = tf.stack(losses_of()[1]) if self._balancing.needs_losses_after else None
        with tf.GradientTape(persistent=isinstance(self._balancing, PcGrad)) as tape:
            answers, losses = losses_of(training=True)
            parts = [self.optimizer.scale_loss(loss) for loss in losses]  # one by one, so that heads stay apart
            if not isinstance(self._balancing, PcGrad):
                scaled = self.optimizer.scale_loss(self._balancing.loss(tf.stack(losses), present, step))
        if isinstance(self._balancing, PcGrad):
            self.optimizer.apply(self._projected(tape, parts, step), self.trainable_variables)
        else:
            learned = self._balancing.learned
            trained = [*self.trainable_variables, *learned]
            kept = [tf.identity(variable.value) for variable in learned]
            self.optimizer.apply(tape.gradient(scaled, [variable.value for variable in trained]), trained)
            for variable, value in zip(learned, kept, strict=True):
                # An optimizer with momentum moves a weight that has no gradient, too.
                variable.assign(tf.where(present, self._balancing.limit(variable.value), value))
        if self._balancing.needs_losses_after:
            self._balancing.update(before, tf.stack(losses_of()[1]), present)
        # For the logs of Keras: the losses of the tasks, and their sum.
        self._loss_tracker.update_state(
            self.compute_loss(x=inputs, y=labels, y_pred=answers, sample_weight=weights, training=True),
            sample_weight=tf.shape(tf.nest.flatten(inputs)[0])[0],
        )
        return self.compute_metrics(inputs, labels, answers, weights)

    def _measure(self, losses_of, present: tf.Tensor) -> tf.Tensor:
        self._affinity.measure(losses_of, self._shared, self.optimizer.learning_rate, present)
        return tf.constant(0)

    def _weighed_losses(self, labels, answers, weights) -> list[tf.Tensor]:
        values = []
        for name, loss in self._task_losses.items():
            value = loss(labels[name], answers[name], sample_weight=weights[name])
            values.append(self._task_weights[name] * tf.cast(value, tf.float32))
        return values

    def _projected(self, tape: tf.GradientTape, parts: list, step: tf.Tensor) -> list:
        """Computes the gradient of every variable: projected where tasks share it, else that of its own task."""
        variables = self.trainable_variables
        values = [variable.value for variable in variables]
        found = [tape.gradient(part, values, unconnected_gradients="zero") for part in parts]
        total = [tf.add_n([own[place] for own in found]) for place in range(len(values))]
        ids = {id(variable) for variable in self._shared}
        places = [place for place, variable in enumerate(variables) if id(variable) in ids]
        if not places:
            return total
        flat = tf.stack([tf.concat([tf.reshape(own[place], [-1]) for place in places], axis=0) for own in found])
        combined = self._balancing.combine(flat, step)
        sizes = [values[place].shape.num_elements() for place in places]
        for place, part in zip(places, tf.split(combined, sizes), strict=True):
            total[place] = tf.reshape(part, values[place].shape)
        return total


def _belongs(layer: str, task: str) -> bool:
    """Says whether a layer is one task's alone: its head, or what a trunk named after it, as `emotion_branch`."""
    return layer == task or layer.startswith(f"{task}_")
