"""A convolutional network of which the tasks share as much as is chosen."""

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt

from mtl_tf.construct import Share, Size
from mtl_tf.models.branch import Branch, ConvolutionBlock
from mtl_tf.models.heads import classification_head
from mtl_tf.tasks.task import Task


@keras.saving.register_keras_serializable(package="mtl_tf")
class BranchedCNN(keras.layers.Layer):
    """Blocks of `compact_cnn`, the first of them shared, the last ones private to each task, with adapters beside.

    Not from a paper as a whole: the plain network to ask how much tasks should share. Each task has the last
    `private_blocks` blocks, the pooling over time, and an embedding of its own. With `adapter_filters` it has a narrow
    path beside the shared blocks, too: in each block a convolution over what the shared and its own path hold. Nothing
    flows from that path into the shared one, so the shared blocks are computed once for all tasks. That is the
    arrangement of Tagliasacchi et al. 2020 ("Multi-task adapters for on-device audio inference", IEEE Signal Processing
    Letters 27). Departures: the width of the adapters is chosen and not learned by gates; the blocks are those of
    `compact_cnn`.

    Input float (batch, frames, bins) and mask (batch, frames); output the features and what each shared block gives,
    (batch, steps, bins, channels) each, and float (batch, frames), 0 on padding, for `attach_heads`.

    Args:
        filters: of each block, shared or private.
        private_blocks: so many of the last blocks belong to a single task; 0: all are shared.
        adapter_filters: of the path of each task beside the shared blocks; 0: none.
        time_segments: see `CompactCNN`.
        embedding_units: width of each task's embedding.
        dropout: share of values dropped in training, before and after the embedding.
        feature_noise: standard deviation of Gaussian noise added to the features in training.

    Raises:
        ValueError: there are fewer blocks than private ones.
    """

    def __init__(
        self,
        filters: tuple[Size, ...] = (16, 32, 64, 128),
        private_blocks: NonNegativeInt = 1,
        adapter_filters: NonNegativeInt = 0,
        time_segments: Size = 1,
        embedding_units: Size = 64,
        dropout: Share = 0.3,
        feature_noise: NonNegativeFloat = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if private_blocks > len(filters):
            raise ValueError(
                f"private_blocks={private_blocks}: there are {len(filters)} blocks, one for each of filters"
            )
        self.filters, self.private_blocks, self.adapter_filters = tuple(filters), private_blocks, adapter_filters
        self.time_segments, self.embedding_units, self.dropout = time_segments, embedding_units, dropout
        self.feature_noise = feature_noise
        self.noise = keras.layers.GaussianNoise(feature_noise, name="noise")
        shared = self.filters[: len(self.filters) - private_blocks]
        self.blocks = [ConvolutionBlock(width, name=f"block_{index}") for index, width in enumerate(shared)]

    def build(self, input_shape) -> None:
        """Builds the shared blocks for (batch, frames, bins)."""
        shape = (*input_shape, 1)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, frames, bins) to the features, what each shared block gives, and which frames count."""
        hidden = self.noise(features, training=training)[..., None]
        valid = ops.ones_like(features[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        levels, left = [hidden], valid
        for block in self.blocks:
            hidden, left = block(hidden, left, training=training)
            levels.append(hidden)
        return (*levels, valid)

    def attach_heads(self, levels, tasks: dict[str, Task]) -> dict:
        """Puts the private blocks, an embedding and a dense layer of each task on the output of `call`.

        Args:
            levels: symbolic tensors, see `call`.
            tasks: one branch each.

        Returns:
            Task to symbolic probabilities (batch, classes).
        """
        *hidden, valid = levels
        private = self.filters[len(self.filters) - self.private_blocks :]
        outputs = {}
        for name, task in tasks.items():
            branch = Branch(
                private,
                self.adapter_filters,
                self.time_segments,
                self.embedding_units,
                self.dropout,
                name=f"{name}_branch",
            )
            outputs[name] = classification_head(task)(branch([*hidden, valid]))
        return outputs

    def clip_embedding(self, model: keras.Model):
        """Finds the embeddings of all tasks, one after the other: symbolic (batch, tasks * embedding_units).

        Args:
            model: of this trunk and its heads.
        """
        branches = [layer.output for layer in model.layers if isinstance(layer, Branch)]
        return branches[0] if len(branches) == 1 else keras.layers.Concatenate(name="embeddings")(branches)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns the shapes of what `call` gives."""
        shapes = [(*input_shape, 1)]
        for block in self.blocks:
            shapes.append(block.compute_output_shape(shapes[-1]))
        return (*shapes, tuple(input_shape[:2]))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "private_blocks", "adapter_filters", "time_segments", "embedding_units", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in (*names, "feature_noise")}
