"""CAB-CNN of Lu, Zhang and Nayak (2020): convolutions over the envelope, then attention over 40 small classifiers."""

import math

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.classifier_attention import ClassifierAttention, ClassifierHiddenLayers
from mtl_tf.models.steps import SteppedTrunk
from mtl_tf.tasks.task import Task


@keras.saving.register_keras_serializable(package="mtl_tf")
class CABCNN(SteppedTrunk):
    """Trunk of "A Deep Neural Network for Audio Classification with a Classifier Attention Mechanism" (2006.09815).

    Input float (batch, frames, 1), 4,000 frames a second (front end `envelope`), and mask (batch, frames); output two
    tensors, (batch, frames / 100, 128) and their mask (batch, frames / 100). Table 2, with the lengths for 30 s:

    | layer | output |
    |---|---|
    | Conv1D 16, size 4, ReLU; max pooling 4, stride 2; dropout 0.15 | 60,000 x 16 |
    | Conv1D 32, size 4, ReLU; max pooling 4, stride 2; dropout 0.15 | 30,000 x 32 |
    | Conv1D 32, size 10, ReLU; max pooling 10, stride 5; dropout 0.1 | 6,000 x 32 |
    | Conv1D 128, size 10, ReLU; max pooling 10, stride 5 | 1,200 x 128 |
    | batch normalisation | 1,200 x 128 |
    | attention based classifier block of each task | 1,200 x classes |
    | mean over time | classes |

    54,032 parameters, and 80,080 for one block with three classes: 134,112 in all, 133,856 of them trainable.

    The block (ACB) stands where other models have one dense layer; see `ClassifierAttention`. The printed dropout is in
    the activation column of the pooling rows and follows the pooling. Padding is set to zero before each convolution
    and left out of the mean, so a clip's answer does not depend on its batch, given frames of whole steps, as
    `envelope` gives them in whole seconds. In training the paper cuts each batch to its shortest clip instead
    (`pipeline.batch_length=shortest`), and then less than a second is padding. Statistics of batch normalisation leave
    padding out. The mean is read from "average" and figure 1, where the printed formula has a sum.

    Args:
        filters: of the four convolutions.
        kernel_sizes: of the four convolutions, in steps.
        pool_sizes: of the four poolings.
        pool_strides: of the four poolings.
        dropouts: after the four poolings.
        num_classifiers: of each block.
        share_classifiers: tasks share the hidden layers of the classifiers and have their own softmax and attention.
    """

    one_class_only = True  # of the task's classes, by how its heads are made

    def __init__(
        self,
        filters: tuple[Size, ...] = (16, 32, 32, 128),
        kernel_sizes: tuple[Size, ...] = (4, 4, 10, 10),
        pool_sizes: tuple[Size, ...] = (4, 4, 10, 10),
        pool_strides: tuple[Size, ...] = (2, 2, 5, 5),
        dropouts: tuple[Share, ...] = (0.15, 0.15, 0.1, 0.0),
        num_classifiers: Size = 40,
        share_classifiers: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_sizes = tuple(filters), tuple(kernel_sizes)
        self.pool_sizes, self.pool_strides, self.dropouts = tuple(pool_sizes), tuple(pool_strides), tuple(dropouts)
        self.num_classifiers, self.share_classifiers = num_classifiers, share_classifiers
        if len({len(filters), len(kernel_sizes), len(pool_sizes), len(pool_strides), len(dropouts)}) > 1:
            raise ValueError("give lists of one length as filters, kernel_sizes, pool_sizes, pool_strides and dropouts")
        layers = keras.layers
        sizes = zip(filters, kernel_sizes, pool_sizes, pool_strides, dropouts, strict=True)
        self.convolutions, self.poolings, self.drops = [], [], []
        for index, (width, kernel, pool, stride, dropout) in enumerate(sizes):
            self.convolutions.append(
                layers.Conv1D(width, kernel, padding="same", activation="relu", name=f"conv_{index}")
            )
            self.poolings.append(layers.MaxPooling1D(pool, strides=stride, padding="same", name=f"pool_{index}"))
            self.drops.append(layers.Dropout(dropout, name=f"dropout_{index}"))
        self.norm = BatchNormalization(name="norm")

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, 1)."""
        shape = input_shape
        for convolution, pooling in zip(self.convolutions, self.poolings, strict=True):
            convolution.build(shape)
            shape = pooling.compute_output_shape(convolution.compute_output_shape(shape))
        self.norm.build(shape)

    @property
    def step_frames(self) -> int:
        """The product of `pool_strides`."""
        return math.prod(self.pool_strides)

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, frames, 1) to (batch, steps, filters[-1]) and the mask of the steps.

        With `return_steps` this is the embedding, and both follow again as steps and mask.
        """
        valid = ops.ones_like(features[:, :, :1]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        valid = ops.reshape(valid, (ops.shape(features)[0], -1, 1))
        hidden = features
        stages = zip(self.convolutions, self.poolings, self.drops, self.pool_strides, strict=True)
        for convolution, pooling, drop, stride in stages:
            hidden = pooling(convolution(hidden * valid) * valid)  # ReLU leaves nothing below the zero of padding
            valid = valid[:, ::stride]
            hidden = drop(hidden, training=training)
        steps = valid[:, :, 0] > 0
        hidden = self.norm(hidden, training=training, counted=None if frame_mask is None else steps)
        return ((hidden, steps), hidden, steps) if self.return_steps else (hidden, steps)

    def attach_heads(self, steps, tasks: dict[str, Task]) -> dict:
        """Puts one attention based classifier block per task on the output of `call`.

        Args:
            steps: symbolic tensors (batch, steps, channels) and (batch, steps).
            tasks: one block each.

        Returns:
            Task to symbolic probabilities (batch, classes).
        """
        hidden, valid = steps
        shared = ClassifierHiddenLayers(self.num_classifiers, name="classifiers") if self.share_classifiers else None
        outputs = {}
        for name, task in tasks.items():
            layers = shared or ClassifierHiddenLayers(self.num_classifiers, name=f"{name}_classifiers")
            head = ClassifierAttention(task.num_classes, self.num_classifiers, name=name)
            outputs[name] = head([hidden, layers(hidden), valid])
        return outputs

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, steps, filters[-1]) and (batch, steps)."""
        steps = input_shape[1]
        for stride in self.pool_strides:
            steps = None if steps is None else -(-steps // stride)
        shapes = (input_shape[0], steps, self.filters[-1]), (input_shape[0], steps)
        return (shapes, *shapes) if self.return_steps else shapes

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "kernel_sizes", "pool_sizes", "pool_strides", "dropouts", "num_classifiers")
        return super().get_config() | {name: getattr(self, name) for name in (*names, "share_classifiers")}
