"""Draws which clips of a batch are mixed with each other, and gives the batch the labels of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

Columns = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Partners:
    """What the clips of a training batch are mixed with, as a function of the run's seed, the epoch and the batch.

    Attributes:
        prob: share of the clips that are mixed.
        concentration: of the Beta distribution from which the shares are drawn.
    """

    prob: float
    concentration: float

    def add(
        self, inputs: Columns, labels: Columns, weights: Columns, seed: Sequence[int | tf.Tensor]
    ) -> tuple[Columns, Columns, Columns]:
        """Adds the partners to a batch.

        Args:
            inputs: of the model.
            labels: task to tensor (batch, ...).
            weights: task to float32 (batch,), 0 where the label is missing.
            seed: numbers, the same for the same partners.

        Returns:
            Inputs with `partner`, int32 (batch,), place of the other clip, and `share`, float32 (batch,), how much of
            the mixture is the clip itself, 1 where it is not mixed. Labels and weights of the clips, and behind them
            those of their partners, weighed by the shares times 2, so that means over the rows are as before.
        """
        count = tf.shape(inputs["length"])[0]
        seeds = seeds_of(seed, 4)
        partner = tf.argsort(tf.random.stateless_uniform([count], seeds[0]))
        first, second = (
            tf.random.stateless_gamma([count], seeds[place], self.concentration, dtype=tf.float32) for place in (1, 2)
        )
        # A share of 0 would leave the clip itself without a say in which labels there are.
        share = tf.clip_by_value(tf.math.divide_no_nan(first, first + second), 0.01, 1.0)
        mixed = (tf.random.stateless_uniform([count], seeds[3]) < self.prob) & (partner != tf.range(count))
        share = tf.where(mixed, share, 1.0)
        labels = {name: tf.concat([own, tf.gather(own, partner)], axis=0) for name, own in labels.items()}
        weights = {
            name: 2.0 * tf.concat([share * own, (1.0 - share) * tf.gather(own, partner)], axis=0)
            for name, own in weights.items()
        }
        return inputs | {"partner": tf.cast(partner, tf.int32), "share": share}, labels, weights


def without_partners(inputs: Columns, labels: Columns, weights: Columns) -> tuple[dict, Columns, Columns]:
    """Gives a batch to a model that mixes clips, so that it mixes none."""
    return inputs | {"partner": None, "share": None}, labels, weights


def seeds_of(numbers: Sequence[int | tf.Tensor], count: int) -> tf.Tensor:
    """Makes seeds of stateless draws.

    Args:
        numbers: integers, the same for the same seeds.
        count: how many are made.

    Returns:
        int64 (count, 2).
    """
    folded = tf.constant([0, 0], tf.int64)
    for each in numbers:
        folded = tf.cast(tf.random.experimental.stateless_fold_in(folded, tf.cast(each, tf.int64)), tf.int64)
    return tf.random.experimental.stateless_split(folded, count)
