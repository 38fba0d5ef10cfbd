"""Asks a SavedModel through `loader.cc`, a program of C++ on the libraries and headers inside TensorFlow's wheel."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.named_tensor_pb2 import NamedTensorProto

SOURCE = Path(__file__).with_name("loader.cc")


def build_loader(place: Path) -> Path:
    """Compiles it, or skips the test where there is no compiler."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler (g++ or clang++, or CXX)")
    include, libraries = Path(tf.sysconfig.get_include()), Path(tf.sysconfig.get_lib())
    program = place / "loader"
    command = [compiler, *tf.sysconfig.get_compile_flags(), f"-I{include / 'external/local_tsl'}", "-w", str(SOURCE)]
    command += [str(libraries / name) for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    built = subprocess.run(
        [*command, f"-Wl,-rpath,{libraries}", "-o", str(program)], capture_output=True, text=True, timeout=300
    )
    assert built.returncode == 0, built.stderr[-2000:]
    return program


def ask_loader(program: Path, folder: Path, requests: dict[str, dict], place: Path) -> dict[str, dict]:
    """Asks signatures, one request each.

    Args:
        program: as `build_loader` gives it.
        folder: version folder of the model.
        requests: inputs by name, by signature.
        place: folder for the files that go to and fro.

    Returns:
        Outputs by name, by signature.
    """
    given, answers = str(place / "requests.tfrecord"), str(place / "answers.tfrecord")
    with tf.io.TFRecordWriter(given) as writer:
        for signature, inputs in requests.items():
            for name, values in inputs.items():
                named = NamedTensorProto(name=f"{signature}/{name}", tensor=tf.make_tensor_proto(values))
                writer.write(named.SerializeToString())
    result = subprocess.run([program, folder, given, answers], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    found: dict[str, dict[str, np.ndarray]] = {}
    for record in tf.data.TFRecordDataset(answers):
        named = NamedTensorProto.FromString(record.numpy())
        signature, _, name = named.name.partition("/")
        found.setdefault(signature, {})[name] = tf.make_ndarray(named.tensor)
    return found
