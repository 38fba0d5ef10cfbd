"""Support vector machine on summary features, as a network: the baseline of Zeng et al. (2018)."""

import keras
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.construct import Size


@keras.saving.register_keras_serializable(package="mtl_tf")
class SupportVectors(keras.layers.Layer):
    """Kernel between a clip and every training clip; the head on it is the machine's weighted sum.

    Input float (batch, windows, values), from the front end `filter_bank_summary` or `opensmile`, and mask (batch,
    windows); output (batch, num_vectors): of the mean x over the windows exp(-gamma * |x - v|^2) with the radial
    kernel, gamma * x . v with the linear one. scikit-learn finds the weights
    (`mtl_tf/training/fit_svm.py`): one machine for each class against the rest. The softmax of their decision values is
    reported as probability; its order is theirs, its size means nothing.

    Zeng et al. 2018, tables 1 and 2, name "a standard SVM classifier" without features, kernel or class weights. A
    machine shares nothing between tasks, so that its answers to one do not change with the other; why the printed
    SVM+M differs from SVM+S they do not say.

    Args:
        c: penalty of scikit-learn's `SVC`.
        kernel: `rbf` or `linear`.
        gamma: of the kernel; None: one over the number of values times their variance, scikit-learn's `scale`.
        class_weight: `none`, or `balanced` where rare classes weigh more.
        num_vectors: number of training clips, set by the run.
    """

    fixed_options = frozenset({"num_vectors"})

    one_class_only = True  # of the task's classes, by how its heads are made

    def __init__(
        self,
        c: PositiveFloat = 1.0,
        kernel: str = "rbf",
        gamma: PositiveFloat | None = None,
        class_weight: str = "balanced",
        num_vectors: Size = 1,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if class_weight not in ("none", "balanced"):
            raise ValueError(f"class_weight={class_weight}: give none or balanced")
        if kernel not in ("rbf", "linear"):
            raise ValueError(f"kernel={kernel}: give rbf or linear")
        self.kernel = kernel
        self.c, self.gamma, self.class_weight, self.num_vectors = c, gamma, class_weight, num_vectors

    def build(self, input_shape) -> None:
        """Creates the vectors and the width of the kernel."""
        shape = (self.num_vectors, input_shape[-1])
        self.vectors = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="vectors")
        self.kernel_gamma = self.add_weight(shape=(), initializer="ones", trainable=False, name="kernel_gamma")

    def summarise(self, features, frame_mask=None):
        """Averages the windows of a clip: (batch, windows, values) to (batch, values)."""
        if frame_mask is None:
            return ops.mean(features, axis=1)
        weight = ops.cast(frame_mask, features.dtype)[:, :, None]
        return ops.sum(features * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, windows, values) to (batch, num_vectors)."""
        x = self.summarise(features, frame_mask)
        products = ops.matmul(x, ops.transpose(self.vectors))
        if self.kernel == "linear":
            return self.kernel_gamma * products
        squares = ops.sum(ops.square(x), axis=1, keepdims=True) + ops.sum(ops.square(self.vectors), axis=1)
        return ops.exp(-self.kernel_gamma * ops.maximum(squares - 2.0 * products, 0.0))

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, num_vectors)."""
        return (input_shape[0], self.num_vectors)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("c", "kernel", "gamma", "class_weight", "num_vectors")
        return super().get_config() | {name: getattr(self, name) for name in names}
