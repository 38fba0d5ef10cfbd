"""Gated residual network of Zeng, Mao, Peng and Yi (2018), with its residual and plain counterparts."""

import itertools

import keras
from keras import ops

from mtl_tf.construct import Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.kernels.conv_norm import convolve_and_normalize
from mtl_tf.models.steps import SteppedTrunk

BATCH_STATISTICS_MOMENTUM = 0.9  # MXNet's default; the paper used MXNet and says nothing else
BLOCKS = ("gated", "residual", "plain")
ACTIVATIONS = {
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
    "4*sigmoid-2": lambda values: 2.0 * ops.tanh(0.5 * values),  # the same function, and finite everywhere
}


@keras.saving.register_keras_serializable(package="mtl_tf")
class GResNet(SteppedTrunk):
    """Trunk of "Spectrogram based multi-task audio classification" (Multimedia Tools and Applications 78, 2019).

    Input float (batch, 399, 257) or (batch, 399, 257, channels), time first; output (batch, fc_units). Layers, with
    the lengths of the RAVDESS setting (section 5.3: seven blocks of 32, 64, 64, 96, 96, 96, 96 filters):

    | layer | output |
    |---|---|
    | 3x3 convolution, 32 filters, stride 2; batch normalisation; ReLU | 200 x 129 x 32 |
    | 3x3 max pooling, stride 2 | 100 x 65 x 32 |
    | block 1 | 100 x 65 x 32 |
    | blocks 2 and 3, the first with stride 2 | 50 x 33 x 64 |
    | blocks 4 to 7, the first with stride 2 | 25 x 17 x 96 |
    | 9x9 average pooling, stride 2 | 9 x 5 x 96 |
    | fully connected, batch normalisation, ReLU | 200 |

    A gated block (eq. 7 and 8) is y = F1(x) * F2(x) + Mx: two convolutions side by side, each with batch normalisation
    and then its own activation, or the other way round with `normalize_last`, which is the literal wording but takes
    the gates out of their range; M is the identity, or a 1x1 convolution where the number of channels or the size
    changes; nothing follows the sum. A `residual` block (figure 3) has the two convolutions one after the other, ReLU
    between them and after the sum; a `plain` one is the same without Mx (table 2: ResNets, CNNs). With the defaults
    1,288,840 parameters, and 201 for each class: 1,290,850 with the paper's 8 emotions and speech or song.

    The parameters of figure 10 are not in the text. Stem, pooling, strides and fully connected layer follow a public
    implementation by the author of a later thesis (CombinaTorch), the only trace of the figure; pooling as printed
    there, at stride 2 with no other pooling, is what lets 9 x 5 x 96 values fit. Chosen here: where the number of
    filters changes, the stride is in both convolutions of a gated block and in M; in a residual or plain one, whose
    convolutions follow each other, in the first and in M, so that a first kernel of 1 leaves three places of four out;
    the four-block setting (VCTK) has the first four filters; running statistics of batches forget by 0.9 a step,
    MXNet's default.
    Frames and bins are those of a picture: padding is not masked, as the paper has one fixed size. Whether it was grey
    or coloured is not printed: one channel is what the counts are for, three (`zeng2018_picture`) add 576 parameters.

    Args:
        filters: of each block.
        first_kernel: n x m, the kernel of F1: its side, or frames and bins.
        second_kernel: p x q, the kernel of F2.
        first_activation: f1, one of `sigmoid`, `tanh`, `relu`, `4*sigmoid-2`.
        second_activation: f2.
        block: `gated`, `residual` or `plain`.
        normalize_last: a gated block normalises after its activations.
        stem_filters: of the first convolution.
        stem_kernel: its side.
        stem_stride: its stride.
        stem_pool_size: side of the maximum pooling after it.
        stem_pool_stride: its stride.
        block_stride: of blocks whose number of filters differs from the one before.
        pool_size: side of the average pooling; None: the mean over all places, so that any length can be taken.
        pool_stride: its stride.
        fc_units: width of the output.

    Raises:
        ValueError: an unknown block or activation, or `normalize_last` without gates.
    """

    def __init__(
        self,
        filters: tuple[Size, ...] = (32, 64, 64, 96, 96, 96, 96),
        first_kernel: Size | tuple[Size, Size] = 1,
        second_kernel: Size | tuple[Size, Size] = 3,
        first_activation: str = "tanh",
        second_activation: str = "tanh",
        block: str = "gated",
        normalize_last: bool = False,
        stem_filters: Size = 32,
        stem_kernel: Size = 3,
        stem_stride: Size = 2,
        stem_pool_size: Size = 3,
        stem_pool_stride: Size = 2,
        block_stride: Size = 2,
        pool_size: Size | None = 9,
        pool_stride: Size = 2,
        fc_units: Size = 200,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if block not in BLOCKS:
            raise ValueError(f"block={block}: give {', '.join(BLOCKS)}")
        for activation in (first_activation, second_activation):
            if activation not in ACTIVATIONS:
                raise ValueError(f"activation {activation}: give {', '.join(ACTIVATIONS)}")
        if normalize_last and block != "gated":
            raise ValueError(f"normalize_last=true is for gated blocks, and block={block}")
        self.filters, self.block, self.normalize_last = tuple(filters), block, normalize_last
        self.first_kernel, self.second_kernel = first_kernel, second_kernel
        self.first_activation, self.second_activation = first_activation, second_activation
        self.stem_filters, self.stem_kernel, self.stem_stride = stem_filters, stem_kernel, stem_stride
        self.stem_pool_size, self.stem_pool_stride, self.block_stride = stem_pool_size, stem_pool_stride, block_stride
        self.pool_size, self.pool_stride, self.fc_units = pool_size, pool_stride, fc_units
        layers = keras.layers
        self.stem = self._convolution(stem_filters, stem_kernel, stem_stride, "stem")
        self.stem_norm = BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name="stem_norm")
        self.stem_pool = layers.MaxPooling2D(stem_pool_size, strides=stem_pool_stride, padding="same", name="stem_pool")
        self.first, self.first_norms, self.second, self.second_norms, self.shortcuts = [], [], [], [], []
        previous = stem_filters
        for index, width in enumerate(filters):
            stride = 1 if width == previous else block_stride
            second_stride = stride if block == "gated" else 1
            self.first.append(self._convolution(width, first_kernel, stride, f"block_{index}_first"))
            self.second.append(self._convolution(width, second_kernel, second_stride, f"block_{index}_second"))
            self.first_norms.append(
                BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name=f"block_{index}_first_norm")
            )
            self.second_norms.append(
                BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name=f"block_{index}_second_norm")
            )
            changes = width != previous and block != "plain"
            shortcut = self._convolution(width, 1, stride, f"block_{index}_shortcut") if changes else None
            self.shortcuts.append(shortcut)
            previous = width
        self.last_pool = (
            None if pool_size is None else layers.AveragePooling2D(pool_size, strides=pool_stride, name="pool")
        )
        self.fc = layers.Dense(fc_units, name="fc")
        self.fc_norm = BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name="fc_norm")

    @staticmethod
    def _convolution(filters: int, kernel: int | tuple[int, int], stride: int, name: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(filters, kernel, strides=stride, padding="same", name=name)

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins) or (batch, frames, bins, channels).

        Raises:
            ValueError: the number of frames is open, or the picture too small for the pooling.
        """
        shape = tuple(input_shape) if len(input_shape) == 4 else (*input_shape, 1)
        for layer in (self.stem, self.stem_norm, self.stem_pool):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        for index in range(len(self.filters)):
            wanted = self.first[index].compute_output_shape(shape)
            self.first[index].build(shape)
            self.first_norms[index].build(wanted)
            self.second[index].build(shape if self.block == "gated" else wanted)
            self.second_norms[index].build(wanted)
            if self.shortcuts[index] is not None:
                self.shortcuts[index].build(shape)
            shape = wanted
        units = shape[-1]
        if self.last_pool is not None:
            if None in shape[1:] or min(shape[1:3]) < self.pool_size:
                raise ValueError(
                    f"the blocks leave {shape[1]} x {shape[2]} values, pool_size={self.pool_size} needs as many and a "
                    "fixed length; set frontend.num_frames, or model.pool_size=null for the mean over all"
                )
            shape = self.last_pool.compute_output_shape(shape)
            units = shape[1] * shape[2] * shape[3]
        self.fc.build((input_shape[0], units))
        self.fc_norm.build((input_shape[0], self.fc_units))

    @property
    def step_frames(self) -> int:
        """The product of all strides before the average pooling."""
        widths = (self.stem_filters, *self.filters)
        changes = sum(first != second for first, second in itertools.pairwise(widths))
        return self.stem_stride * self.stem_pool_stride * self.block_stride**changes

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, steps, bins, filters[-1]), of which padding takes part, and which steps are none."""
        hidden = features if len(features.shape) == 4 else features[..., None]
        hidden = self.stem_pool(ops.relu(convolve_and_normalize(self.stem, self.stem_norm, hidden, training)))
        for index in range(len(self.filters)):
            hidden = self._block(index, hidden, training)
        whole = ops.ones_like(hidden[:, :, 0, 0])
        valid = whole if frame_mask is None else ops.cast(frame_mask[:, :: self.step_frames], hidden.dtype)
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Maps what the blocks give to (batch, fc_units)."""
        if self.last_pool is None:
            hidden = ops.mean(hidden, axis=(1, 2))
        else:
            hidden = self.last_pool(hidden)
            hidden = ops.reshape(hidden, (-1, hidden.shape[1] * hidden.shape[2] * hidden.shape[3]))
        return ops.relu(self.fc_norm(self.fc(hidden), training=training))

    def _block(self, index: int, x, training):
        f1, f2 = ACTIVATIONS[self.first_activation], ACTIVATIONS[self.second_activation]
        if self.normalize_last:
            first = self.first_norms[index](f1(self.first[index](x)), training=training)
            second = self.second_norms[index](f2(self.second[index](x)), training=training)
            return first * second + self._shortcut(index, x)
        first = convolve_and_normalize(self.first[index], self.first_norms[index], x, training)
        second_input = x if self.block == "gated" else ops.relu(first)
        second = convolve_and_normalize(self.second[index], self.second_norms[index], second_input, training)
        if self.block == "gated":
            return f1(first) * f2(second) + self._shortcut(index, x)
        return ops.relu(second if self.block == "plain" else second + self._shortcut(index, x))

    def _shortcut(self, index: int, x):
        return x if self.shortcuts[index] is None else self.shortcuts[index](x)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, fc_units)."""
        return (input_shape[0], self.fc_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "first_kernel", "second_kernel", "first_activation", "second_activation")
        names = (*names, "block", "normalize_last", "stem_filters", "stem_kernel", "stem_stride", "stem_pool_size")
        names = (*names, "stem_pool_stride", "block_stride", "pool_size", "pool_stride", "fc_units")
        return super().get_config() | {name: getattr(self, name) for name in names}
