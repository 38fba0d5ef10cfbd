"""Loads and runs a SavedModel through TensorFlow's C interface, the code that TF Serving calls, without its Python."""

import ctypes
import importlib.util
from pathlib import Path

import numpy as np

_FLOAT, _INT32, _STRING = 1, 3, 7
_KINDS = {np.dtype(np.float32): _FLOAT, np.dtype(np.int32): _INT32, np.dtype(object): _STRING}
_DTYPES = {_FLOAT: np.float32, _INT32: np.int32}
_STRING_BYTES = 24  # of a TF_TString
_INTRA_OP = 0x10  # that field of a ConfigProto as it is written; a number below 128 follows as it is
INVALID_ARGUMENT = 3


class CLoaderError(Exception):
    """What the C interface answered instead of a result.

    Attributes:
        code: TensorFlow's status code; `INVALID_ARGUMENT` is a refused request.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class CLoader:
    """A SavedModel in memory.

    Args:
        folder: of one version.
        signatures: name to `{"inputs": {key: tensor name}, "outputs": {key: tensor name}}`, see `signature_tensors`.
        intra_op_threads: that share one operation; 0: as many as there are cores. TF Serving has a flag for it.

    Raises:
        CLoaderError: it cannot be loaded.
    """

    def __init__(
        self, folder: Path, signatures: dict[str, dict[str, dict[str, str]]], intra_op_threads: int = 0
    ) -> None:
        self._signatures = signatures
        place = Path(importlib.util.find_spec("tensorflow").origin).parent
        ctypes.CDLL(str(place / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
        self._tf = ctypes.CDLL(str(place / "libtensorflow_cc.so.2"), mode=ctypes.RTLD_GLOBAL)
        for name in (
            "NewStatus",
            "NewGraph",
            "NewSessionOptions",
            "LoadSessionFromSavedModel",
            "GraphOperationByName",
            "AllocateTensor",
            "TensorData",
            "StringGetDataPointer",
        ):
            getattr(self._tf, f"TF_{name}").restype = ctypes.c_void_p
        self._tf.TF_Message.restype = ctypes.c_char_p
        self._tf.TF_Dim.restype = ctypes.c_int64
        self._tf.TF_TensorElementCount.restype = ctypes.c_int64
        self._tf.TF_StringGetSize.restype = ctypes.c_size_t
        self._graph = ctypes.c_void_p(self._tf.TF_NewGraph())
        options, tags = ctypes.c_void_p(self._tf.TF_NewSessionOptions()), (ctypes.c_char_p * 1)(b"serve")
        config = bytes([_INTRA_OP, intra_op_threads])
        status = self._status()
        self._tf.TF_SetConfig(options, config, ctypes.c_size_t(len(config)), status)
        self._check(status)
        status = self._status()
        session = self._tf.TF_LoadSessionFromSavedModel(
            options, None, str(folder).encode(), tags, 1, self._graph, None, status
        )
        self._check(status)
        self._session = ctypes.c_void_p(session)

    def run(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Asks one signature.

        Args:
            signature: its name.
            **inputs: float32, int32, or object arrays of bytes.

        Returns:
            Its outputs by name.

        Raises:
            CLoaderError: the request was refused.
        """
        names = self._signatures[signature]
        keys, wanted = list(names["inputs"]), list(names["outputs"])
        fed = (_Output * len(keys))(*(self._output(names["inputs"][key]) for key in keys))
        tensors = [ctypes.c_void_p(self._tensor(np.asarray(inputs[key]))) for key in keys]
        values = (ctypes.c_void_p * len(keys))(*tensors)
        outputs = (_Output * len(wanted))(*(self._output(names["outputs"][key]) for key in wanted))
        found = (ctypes.c_void_p * len(wanted))()
        status = self._status()
        self._tf.TF_SessionRun(
            self._session, None, fed, values, len(keys), outputs, found, len(wanted), None, 0, None, status
        )
        for tensor in tensors:
            self._delete(tensor)
        self._check(status)
        answers = {key: self._array(ctypes.c_void_p(value)) for key, value in zip(wanted, found, strict=True)}
        for value in found:
            self._tf.TF_DeleteTensor(ctypes.c_void_p(value))
        return answers

    def _delete(self, tensor: ctypes.c_void_p) -> None:
        if self._tf.TF_TensorType(tensor) == _STRING:
            start = self._tf.TF_TensorData(tensor)
            for place in range(self._tf.TF_TensorElementCount(tensor)):
                self._tf.TF_StringDealloc(ctypes.c_void_p(start + place * _STRING_BYTES))
        self._tf.TF_DeleteTensor(tensor)

    def _status(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._tf.TF_NewStatus())

    def _check(self, status: ctypes.c_void_p) -> None:
        code, message = self._tf.TF_GetCode(status), self._tf.TF_Message(status).decode(errors="replace")
        self._tf.TF_DeleteStatus(status)
        if code:
            raise CLoaderError(code, message)

    def _output(self, name: str) -> _Output:
        operation, _, index = name.partition(":")
        return _Output(self._tf.TF_GraphOperationByName(self._graph, operation.encode()), int(index))

    def _tensor(self, values: np.ndarray) -> int:
        kind = _KINDS[values.dtype]
        size = values.size * _STRING_BYTES if kind == _STRING else values.nbytes
        shape = (ctypes.c_int64 * values.ndim)(*values.shape)
        tensor = self._tf.TF_AllocateTensor(kind, shape, values.ndim, ctypes.c_size_t(size))
        start = self._tf.TF_TensorData(ctypes.c_void_p(tensor))
        if kind != _STRING:
            ctypes.memmove(start, np.ascontiguousarray(values).ctypes.data, size)
            return tensor
        for place, content in enumerate(values.ravel()):
            string = ctypes.c_void_p(start + place * _STRING_BYTES)
            self._tf.TF_StringInit(string)
            self._tf.TF_StringCopy(string, content, ctypes.c_size_t(len(content)))
        return tensor

    def _array(self, tensor: ctypes.c_void_p) -> np.ndarray:
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(self._tf.TF_NumDims(tensor))]
        kind, count = self._tf.TF_TensorType(tensor), int(np.prod(shape))
        start = self._tf.TF_TensorData(tensor)
        if kind != _STRING:
            item = np.dtype(_DTYPES[kind])
            return np.frombuffer(ctypes.string_at(start, count * item.itemsize), item).reshape(shape)
        strings = [ctypes.c_void_p(start + place * _STRING_BYTES) for place in range(count)]
        content = [
            ctypes.string_at(self._tf.TF_StringGetDataPointer(string), self._tf.TF_StringGetSize(string))
            for string in strings
        ]
        return np.array(content, object).reshape(shape)


def signature_tensors(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Reads, in a process that may import TensorFlow, which tensors the signatures of a SavedModel feed and fetch."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return {
        name: {
            "inputs": {key: tensor.name for key, tensor in signature.inputs.items()},
            "outputs": {key: tensor.name for key, tensor in signature.outputs.items()},
        }
        for name, signature in saved_model.meta_graphs[0].signature_def.items()
        if signature.method_name
    }
