"""An exported model whose requests are put together, to be measured beside the plain one."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mtl_tf.benchmarks.c_loader import CLoader, signature_tensors
from mtl_tf.errors import UserError

_SIZES = "allowed_batch_sizes"
_NUMBERS = ("num_batch_threads", "max_batch_size", "batch_timeout_micros", "max_enqueued_batches")


def read_batching(path: Path) -> dict[str, int | list[int]]:
    """Reads the numbers of a `batching.config` as `tf.nondifferentiable_batch_function` takes them.

    Args:
        path: of the file.

    Raises:
        UserError: it is missing, or lacks a number.
    """
    try:
        text = re.sub(r"#.*", "", path.read_text())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; scripts/export.py writes it beside the versions") from error
    found = {name: re.search(rf"\b{name}\s*:?\s*{{\s*value\s*:\s*(\d+)\s*}}", text) for name in _NUMBERS}
    missing = [name for name, match in found.items() if match is None]
    if missing:
        raise UserError(f"{path} does not say {missing[0]}; remove it and export again")
    sizes = [int(size) for size in re.findall(rf"\b{_SIZES}\s*:\s*(\d+)", text)]
    return {name: int(match[1]) for name, match in found.items()} | {_SIZES: sizes or None}


def load_batched(version: Path, intra_op_threads: int) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Loads a version folder in the C loader with requests put together as the `batching.config` beside it says.

    TensorFlow's batching operation stands before `serving_default`; it keeps its queue with the scheduler that TF
    Serving's `--enable_batching` uses for sessions, and pads to the allowed sizes in the same way.

    Args:
        version: of an exported model.
        intra_op_threads: see `CLoader`.

    Returns:
        A function from waveforms (batch, samples) to the answers of `serving_default`.

    Raises:
        UserError: see `read_batching`.
    """
    numbers = read_batching(version.parent / "batching.config")
    import tensorflow as tf

    module = tf.Module()
    module.model = tf.saved_model.load(version)
    answer = module.model.signatures["serving_default"]
    names = sorted(answer.structured_outputs)

    @tf.nondifferentiable_batch_function(**numbers)
    def together(waveform):
        answers = answer(waveform=waveform)
        return [answers[name] for name in names]

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
    def serve(waveform):
        return dict(zip(names, together(waveform), strict=True))

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        loader = CLoader(Path(folder), signature_tensors(Path(folder)), intra_op_threads)
    return lambda clips: loader.run("serving_default", waveform=clips)
