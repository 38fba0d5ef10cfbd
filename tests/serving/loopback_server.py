"""A gRPC and REST server on loopback over a SavedModel, with TF Serving's service definitions. It is no TF Serving."""

import base64
import contextlib
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from mtl_tf.benchmarks.c_loader import INVALID_ARGUMENT, CLoader, CLoaderError, signature_tensors

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}  # TensorFlow's codes have the same numbers
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class LoopbackServer:
    """Serves one version folder on two free ports.

    Attributes:
        failures: how many of the next requests are answered with UNAVAILABLE, or 503.
        delay_s: before each answer.
        seen: number of requests.
    """

    def __init__(self, folder: Path) -> None:
        self.name, self.folder = folder.parent.name, folder
        self.failures, self.delay_s, self.seen = 0, 0.0, 0
        self._model = CLoader(folder, signature_tensors(folder), intra_op_threads=1)
        meta_graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]
        self.definitions = {key: value for key, value in meta_graph.signature_def.items() if value.method_name}
        self._grpc = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Predictions(self), self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(self), self._grpc)
        self.grpc_address = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()
        handler = type("Handler", (_Rest,), {"server_of": self})
        self._rest = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.rest_address = f"127.0.0.1:{self._rest.server_port}"
        threading.Thread(target=self._rest.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._grpc.stop(None)
        self._rest.shutdown()
        self._rest.server_close()

    def fails_now(self) -> bool:
        self.seen += 1
        time.sleep(self.delay_s)
        self.failures -= 1
        return self.failures >= 0

    def run(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Answers, or raises KeyError for an unknown signature or input and CLoaderError for a refusal."""
        specs = self.definitions[signature].inputs
        kinds = {key: tf.as_dtype(spec.dtype).as_numpy_dtype for key, spec in specs.items()}
        return self._model.run(signature, **{key: np.asarray(inputs[key], kind) for key, kind in kinds.items()})


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server: LoopbackServer) -> None:
        self._server = server

    def Predict(self, request, context):
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for key, values in self._run(request.model_spec, inputs, context).items():
            if not request.output_filter or key in request.output_filter:
                response.outputs[key].CopyFrom(tf.make_tensor_proto(values))
        return response

    def Classify(self, request, context):
        examples = np.array([e.SerializeToString() for e in request.input.example_list.examples], object)
        answer = self._run(request.model_spec, {"inputs": examples}, context)
        response = classification_pb2.ClassificationResponse()
        for names, scores in zip(answer["classes"], answer["scores"], strict=True):
            found = response.result.classifications.add()
            for label, score in zip(names, scores, strict=True):
                found.classes.add(label=label.decode(), score=score)
        return response

    def GetModelMetadata(self, request, context):
        found = get_model_metadata_pb2.SignatureDefMap()
        for key, value in self._server.definitions.items():
            found.signature_def[key].CopyFrom(value)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(found)
        return response

    def _run(self, spec, inputs: dict, context) -> dict:
        if self._server.fails_now():
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        if spec.name != self._server.name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({spec.name})")
        try:
            return self._server.run(spec.signature_name or "serving_default", inputs)
        except CLoaderError as error:
            context.abort(STATUS_CODES[error.code], str(error))
        except KeyError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, server: LoopbackServer) -> None:
        self._server = server

    def GetModelStatus(self, request, context):
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=int(self._server.folder.name), state=AVAILABLE)
        return response


class _Rest(BaseHTTPRequestHandler):
    server_of: LoopbackServer

    def do_GET(self) -> None:
        server = self.server_of
        if self.path == f"/v1/models/{server.name}":
            self._send(200, {"model_version_status": [{"version": server.folder.name, "state": "AVAILABLE"}]})
        elif self.path == f"/v1/models/{server.name}/metadata":
            self._send(200, {"metadata": {"signature_def": {"signature_def": {key: {} for key in server.definitions}}}})
        else:
            self._send(404, {"error": f"Could not find any versions of {self.path}"})

    def do_POST(self) -> None:
        server = self.server_of
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if server.fails_now():
            return self._send(503, {"error": "busy"})
        if self.path != f"/v1/models/{server.name}:predict":
            return self._send(404, {"error": "Servable not found"})
        inputs = {key: _decoded(values) for key, values in body["inputs"].items()}
        try:
            outputs = server.run(body["signature_name"], inputs)
        except CLoaderError as error:
            return self._send(400 if error.code == INVALID_ARGUMENT else 500, {"error": str(error)})
        except KeyError as error:
            return self._send(400, {"error": str(error)})
        named = {key: _encoded(values) for key, values in outputs.items()}
        return self._send(200, {"outputs": named if len(named) > 1 else next(iter(named.values()))})

    def log_message(self, *arguments) -> None:
        """Keeps quiet."""

    def _send(self, code: int, content: dict) -> None:
        text = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if code == 503:
            self.send_header("Retry-After", "600")  # no client should wait for what a server fancies
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # a client that did not wait
            self.wfile.write(text)


def _decoded(values):
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return np.array([base64.b64decode(value["b64"]) for value in values], object)
    return np.array(values)


def _encoded(values: np.ndarray):
    return [value.decode() for value in values] if values.dtype == object else values.tolist()


if __name__ == "__main__":
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")  # as scripts/serve.sh does
    print(LoopbackServer(Path(sys.argv[1])).grpc_address, os.getpid(), flush=True)
    threading.Event().wait()
