"""The two ways to a TF Serving: gRPC and REST. Both retry, with backoff, only what is worth trying again."""

import base64
import json
import logging

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from urllib3.util.retry import Retry

from mtl_tf.errors import UserError

ATTEMPTS = 4
FIRST_BACKOFF_S = 0.2
RETRY_BUFFER_BYTES = 1 << 30  # gRPC makes no second attempt at a request above its default of 256 KiB
TRANSIENT_HTTP = (429, 502, 503, 504)

Arrays = dict[str, np.ndarray]


class GrpcTransport:
    """Calls PredictionService and ModelService.

    Args:
        address: HOST:PORT, of TF Serving's gRPC port, 8500.
        name: of the model.
        timeout_s: for one call, its retries included.
    """

    def __init__(self, address: str, name: str, timeout_s: float) -> None:
        policy = {
            "maxAttempts": ATTEMPTS,
            "initialBackoff": f"{FIRST_BACKOFF_S}s",
            "maxBackoff": "5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        options = [
            ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})),
            ("grpc.enable_retries", 1),
            ("grpc.per_rpc_retry_buffer_size", RETRY_BUFFER_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
        ]
        channel = grpc.insecure_channel(address, options=options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._address, self._name, self._timeout_s = address, name, timeout_s

    def predict(self, signature: str, inputs: Arrays, outputs: list[str]) -> Arrays:
        """Asks a signature for outputs; see `Client` for the errors."""
        request = predict_pb2.PredictRequest(output_filter=outputs)
        request.model_spec.name, request.model_spec.signature_name = self._name, signature
        for key, values in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
        response = self._call(self._predictions.Predict, request)
        return {key: tf.make_ndarray(value) for key, value in response.outputs.items()}

    def status(self) -> dict[str, str]:
        """Returns the state of every version the server knows."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._name
        versions = self._call(self._models.GetModelStatus, request).model_version_status
        states = get_model_status_pb2.ModelVersionStatus.State
        return {str(version.version): states.Name(version.state) for version in versions}

    def signatures(self) -> list[str]:
        """Returns the names of the model's signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._name
        found = get_model_metadata_pb2.SignatureDefMap()
        self._call(self._predictions.GetModelMetadata, request).metadata["signature_def"].Unpack(found)
        return sorted(found.signature_def)

    def _call(self, method, request):
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            code, details = error.code(), " ".join((error.details() or "").split())
            if code == grpc.StatusCode.UNAVAILABLE:
                raise UserError(
                    f"no answer from {self._address}: {details}; is the server running, and is this its gRPC port?"
                ) from error
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UserError(
                    f"{self._address} did not answer within {self._timeout_s:g} s; give a larger timeout_s"
                ) from error
            raise UserError(f"{self._address} refused the request for {self._name}: {details}") from error


class RestTransport:
    """Calls the REST interface.

    Args:
        address: HOST:PORT, of TF Serving's REST port, 8501.
        name: of the model.
        timeout_s: for one attempt, and for all attempts to connect together.
    """

    def __init__(self, address: str, name: str, timeout_s: float) -> None:
        self._base, self._address = f"http://{address}/v1/models/{name}", address
        self._name, self._timeout_s = name, timeout_s
        self._timeouts_s = (timeout_s / ATTEMPTS, timeout_s)  # to connect, to answer
        retries = Retry(
            ATTEMPTS - 1,
            read=False,  # a call that took too long is not made again
            backoff_factor=FIRST_BACKOFF_S,
            status_forcelist=TRANSIENT_HTTP,
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,  # the server would say how long the caller waits
        )
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would print a line for every attempt
        self._session = requests.Session()
        self._session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))

    def predict(self, signature: str, inputs: Arrays, outputs: list[str]) -> Arrays:
        """Asks a signature for outputs; see `Client` for the errors."""
        body = {"signature_name": signature, "inputs": {key: _to_json(values) for key, values in inputs.items()}}
        found = self._call("POST", ":predict", json=body)["outputs"]
        if not isinstance(found, dict):  # a signature with one output answers without its name
            found = {outputs[0]: found}
        return {key: _from_json(found[key]) for key in outputs}

    def status(self) -> dict[str, str]:
        """Returns the state of every version the server knows."""
        return {entry["version"]: entry["state"] for entry in self._call("GET", "")["model_version_status"]}

    def signatures(self) -> list[str]:
        """Returns the names of the model's signatures."""
        return sorted(self._call("GET", "/metadata")["metadata"]["signature_def"]["signature_def"])

    def _call(self, method: str, path: str, **body) -> dict:
        try:
            response = self._session.request(method, self._base + path, timeout=self._timeouts_s, **body)
        except requests.exceptions.Timeout as error:
            raise UserError(
                f"{self._address} did not answer within {self._timeout_s:g} s; give a larger timeout_s"
            ) from error
        except requests.exceptions.RequestException as error:
            raise UserError(
                f"no answer from {self._address}; is the server running, and is this its REST port?"
            ) from error
        try:
            content = response.json()
        except ValueError as error:
            raise UserError(f"{self._address} does not answer as a TF Serving does; is this its REST port?") from error
        if not response.ok:
            reason = " ".join(str(content.get("error", content)).split())
            raise UserError(f"{self._address} refused the request for {self._name}: {reason}")
        return content


def _to_json(values: np.ndarray) -> object:
    values = np.asarray(values)
    if values.dtype == object:
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return values.tolist()


def _from_json(values: list) -> np.ndarray:
    if values and isinstance(values[0], str | dict):
        texts = [base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode() for value in values]
        return np.array(texts, object)
    return np.array(values, np.float32)
