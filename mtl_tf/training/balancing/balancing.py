"""What all balancing methods share."""

import keras
import tensorflow as tf


class Balancing(tf.Module):
    """Makes one loss, or one gradient, of the losses of all tasks.

    A batch need not carry labels of every task: one without labels has a loss of 0, is not `present`, and must change
    nothing. What a method learns stands in `state`, which is kept in checkpoints, so that a run is carried on exactly.

    Args:
        num_tasks: how many tasks there are.
        seed: of what is drawn.
    """

    needs_losses_after = False  # whether `update` wants the losses of the same batch after the step

    def __init__(self, num_tasks: int, seed: int) -> None:
        super().__init__()
        self.num_tasks, self.seed = num_tasks, seed

    @property
    def learned(self) -> list[keras.Variable]:
        """Variables (tasks,) that the optimizer of the model trains, too."""
        return []

    @property
    def state(self) -> list[keras.Variable]:
        """All variables, in a fixed order."""
        return list(self.learned)

    def loss(self, losses: tf.Tensor, present: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Makes one loss of those of the tasks.

        Args:
            losses: float (tasks,), each times what its task weighs.
            present: bool (tasks,), which have labels in this batch.
            step: int64, of the training.

        Returns:
            A scalar to be differentiated.
        """
        raise NotImplementedError

    def limit(self, values: tf.Tensor) -> tf.Tensor:
        """Brings a learned variable (tasks,) back to where it may be, after each step."""
        return values

    def update(self, before: tf.Tensor, after: tf.Tensor, present: tf.Tensor) -> None:
        """Learns from what a step did to the losses.

        Args:
            before: float (tasks,), losses of a batch before the step.
            after: of the same batch after it.
            present: bool (tasks,).
        """
