"""An exported model whose requests are put together, to be measured beside the plain one."""

import tempfile
from collections.abc import Callable
from functools import lru_cache
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
        UserError: it is missing, is no such file, or lacks a number.
    """
    from google.protobuf import text_format

    try:
        found = text_format.Parse(path.read_text(encoding="utf-8"), _parameters()())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; scripts/export.py writes it beside the versions") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}; remove it and export again") from error
    missing = [name for name in _NUMBERS if not found.HasField(name)]
    if missing:
        raise UserError(f"{path} does not say {missing[0]}; remove it and export again")
    sizes = list(getattr(found, _SIZES))
    return {name: getattr(found, name).value for name in _NUMBERS} | {_SIZES: sizes or None}


@lru_cache
def _parameters() -> type:
    """Makes the message of TF Serving's `BatchingParameters`, which no package ships; only its names count."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="mtl_tf/batching.proto", package="mtl_tf", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, name in enumerate(_NUMBERS, start=1):
        message.field.add(
            name=name,
            number=number,
            label=field.LABEL_OPTIONAL,
            type=field.TYPE_MESSAGE,
            type_name=".google.protobuf.Int64Value",
        )
    message.field.add(name=_SIZES, number=len(_NUMBERS) + 1, label=field.LABEL_REPEATED, type=field.TYPE_INT64)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mtl_tf.BatchingParameters"))


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
