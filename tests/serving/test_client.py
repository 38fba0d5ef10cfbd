import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from loopback_server import LoopbackServer
from mutation import mutants

from mtl_tf.errors import UserError
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.serving.client import Client
from mtl_tf.serving.export import export_run
from mtl_tf.serving.warm_up import wav_bytes

ENGINES = ("tensorflow_model_server", "docker", "podman")
KINDS = ["grpc", "rest"]


@pytest.fixture(scope="module")
def server(finished_run, tmp_path_factory):
    server = LoopbackServer(export_run(finished_run, tmp_path_factory.mktemp("served") / "digits"))
    yield server
    server.close()


@pytest.fixture(params=KINDS)
def client(request, server):
    return connect(server, request.param)


def connect(server, kind, name="digits", timeout_s=30.0):
    address = server.rest_address if kind == "rest" else server.grpc_address
    return Client(address, name, kind == "rest", timeout_s)


def clip(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def free_address():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{place.getsockname()[1]}"


def test_it_knows_what_is_served(client):
    assert client.status() == {"1": "AVAILABLE"}
    assert {"serving_default", "from_wav_bytes", "windows"} <= set(client.signatures())
    assert client.details["classes"]["digit"] == ["0", "1"] and client.details["sample_rate"] == 8000


def test_clips_of_different_lengths_answer_as_the_keras_model(client, finished_run):
    clips = [clip(length, length) for length in (8000, 300, 5001)]
    answers, model = client.predict(clips), load_model(finished_run)
    for row, samples in enumerate(clips):
        for task, values in answer(model, samples[None]).items():
            np.testing.assert_allclose(answers[task][row], np.asarray(values)[0], atol=1e-5)
    assert set(client.predict(clips, ["speaker"])) == {"speaker"}


def test_windows_of_a_long_recording_are_those_of_one_request(client, server):
    recording = clip(8000 * 40)
    found = list(client.predict_windows(recording, 1.0, 0.25))
    inputs = {"waveform": recording, "window_s": np.float32(1.0), "hop_s": np.float32(0.25)}
    expected = server.run("windows", inputs)
    np.testing.assert_allclose([start for start, _ in found], expected["start_s"], atol=1e-6)
    np.testing.assert_allclose([answers["digit"] for _, answers in found], expected["digit"], atol=1e-5)
    assert [start for start, _ in client.predict_windows(clip(8000), 0.5, 1.0)] == [0.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [400, 150_000])
def test_what_passes_is_tried_again_and_what_does_not_is_not(server, kind, samples):
    client = connect(server, kind)
    assert client.details
    server.failures, before = 2, server.seen
    assert client.predict([clip(samples)])["digit"].shape == (1, 2)
    assert server.seen == before + 3
    before = server.seen
    with pytest.raises(UserError, match="window_s and hop_s must be above 0 and at most 3600"):
        list(client.predict_windows(clip(400), 1e6, 1.0))
    assert server.seen == before + 1
    server.failures = 100
    with pytest.raises(UserError, match="busy"):
        client.predict([clip(400)])
    server.failures = 0


@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_are_one_clear_line(server, kind):
    with pytest.raises(UserError, match=r"is the server running, and is this its (gRPC|REST) port"):
        Client(free_address(), "digits", kind == "rest", 5.0).status()
    with pytest.raises(UserError, match="server localhost: give HOST:PORT, such as localhost:8"):
        Client("localhost", "digits", kind == "rest")
    with pytest.raises(UserError, match="refused the request for digitz"):
        assert connect(server, kind, name="digitz").details
    client = connect(server, kind)
    with pytest.raises(UserError, match="the model has no task emotion; it has digit, speaker"):
        client.predict([clip(400)], ["emotion"])
    with pytest.raises(UserError, match="holds samples that are not finite"):
        client.predict([np.full(400, np.nan, np.float32)])
    with pytest.raises(UserError, match="clip 1 holds no samples"):
        client.predict([clip(400), clip(0)])
    with pytest.raises(UserError, match=r"clip 0 must be floats .* of shape \(samples,\); it is float32 \(1, 400\)"):
        client.predict([clip(400)[None]])
    with pytest.raises(UserError, match="give numbers above 0"):
        list(client.predict_windows(clip(400), np.inf, 1.0))
    with pytest.raises(UserError, match="clip 0 must lie in"):
        client.predict([100 * np.ones(400, np.float32)])
    server.delay_s = 1.0
    with pytest.raises(UserError, match=r"did not answer within 0\.2 s"):
        assert connect(server, kind, timeout_s=0.2).details
    server.delay_s = 0.0
    assert client.predict([clip(400)])


def test_a_file_that_is_refused_costs_no_other_file_its_answer(server, tmp_path):
    for name, level in (("a", 0.1), ("b", 500.0), ("c", 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", level * np.ones(4000), 8000, "FLOAT")
    files = [tmp_path / f"{name}.wav" for name in "abc"]
    records = {record["file"]: record for record in connect(server, "grpc").predict_files(files)}
    assert set(records) == set(map(str, files))
    assert [("error" in records[str(file)]) for file in files] == [False, True, False]
    assert "b.wav: its samples reach 500 where floats lie in [-1, 1]" in records[str(files[1])]["error"]


def test_the_other_port_is_recognised(server):
    with pytest.raises(UserError, match="is this its REST port"):
        Client(server.grpc_address, "digits", rest=True).status()
    with pytest.raises(UserError, match="is this its gRPC port"):
        Client(server.rest_address, "digits", timeout_s=5.0).status()


@pytest.mark.parametrize("kind", ["grpc", pytest.param("rest", marks=pytest.mark.slow)])
def test_the_command_answers_files_and_windows_and_names_what_it_cannot_read(server, kind, request, tmp_path):
    for name, rate in (("a.wav", 8000), ("b.flac", 44100)):
        soundfile.write(tmp_path / name, clip(rate), rate)
    (tmp_path / "c.wav").write_bytes(b"junk")
    address = [server.rest_address, "--rest"] if kind == "rest" else [server.grpc_address]
    command = [sys.executable, str(request.config.rootpath / "scripts" / "predict.py"), "--server", *address]

    def ask(*arguments):
        return subprocess.run([*command, "name=digits", *arguments], capture_output=True, text=True, timeout=120)

    result = ask("a.wav", "b.flac", "c.wav")
    assert result.returncode == 2
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in lines] == ["a.wav", "b.flac"]
    assert lines[0]["digit"]["class"] in ("0", "1")
    assert sum(lines[0]["digit"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "c.wav" in result.stderr and "Traceback" not in result.stderr
    result = ask("a.wav", "window_s=0.5", "hop_s=0.25")
    assert [json.loads(line)["start_s"] for line in result.stdout.splitlines()] == [0.0, 0.25, 0.5]
    assert json.loads(ask().stdout)["versions"] == {"1": "AVAILABLE"}
    result = ask("name=other", "a.wav", "b.flac")
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_mutated_bytes_are_answered_or_refused_by_number(server):
    transport = connect(server, "grpc")._transport
    good = wav_bytes(clip(1000), 8000)
    before, answered = transport.predict("from_wav_bytes", {"wav": np.array([good], object)}, ["digit"]), 0
    for content in mutants(good, 1000):
        try:
            found = transport.predict("from_wav_bytes", {"wav": np.array([content], object)}, ["digit"])
        except UserError as refusal:
            assert re.search(r"refused the request for digits: .*(input|waveform)", str(refusal))
            continue
        answered += 1
        assert np.isfinite(found["digit"]).all()
    assert 0 < answered < 1000
    after = transport.predict("from_wav_bytes", {"wav": np.array([good], object)}, ["digit"])
    np.testing.assert_array_equal(after["digit"], before["digit"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_client_would_send_is_refused_by_name(server, kind):
    transport = connect(server, kind)._transport
    for shape in ((400,), (1, 400, 1)):
        with pytest.raises(UserError, match=r"input_waveform \[.*\] is not compatible with expected shape \[\?,\?\]"):
            transport.predict("serving_default", {"waveform": np.zeros(shape, np.float32)}, ["digit"])
    assert np.isfinite(connect(server, kind).predict([clip(400)])["digit"]).all()


@pytest.fixture(scope="module")
def real_server(server):
    """Addresses and name of a model: TF_SERVING_URL=HOST:PORT/NAME and TF_SERVING_REST_URL, or a server is started."""
    if "TF_SERVING_URL" in os.environ:
        address, name = os.environ["TF_SERVING_URL"].split("/")
        yield {"grpc": address, "rest": os.environ.get("TF_SERVING_REST_URL", "").partition("/")[0]}, name
        return
    binary = shutil.which("tensorflow_model_server")
    if binary is None:
        pytest.skip("neither TF_SERVING_URL=HOST:PORT/NAME nor a tensorflow_model_server on the PATH")
    addresses = {kind: free_address() for kind in KINDS}
    ports = {kind: address.split(":")[1] for kind, address in addresses.items()}
    flags = [f"--port={ports['grpc']}", f"--rest_api_port={ports['rest']}"]
    flags += ["--model_name=digits", f"--model_base_path={server.folder.parent}"]
    with subprocess.Popen([binary, *flags]) as process:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(UserError):
                if "AVAILABLE" in Client(addresses["grpc"], "digits").status().values():
                    break
            time.sleep(1)
        yield addresses, "digits"
        process.kill()


@pytest.mark.real_server
@pytest.mark.parametrize("kind", KINDS)
def test_a_real_server_answers(real_server, kind):
    addresses, name = real_server
    if not addresses[kind]:
        pytest.skip("TF_SERVING_REST_URL=HOST:PORT is not given")
    client = Client(addresses[kind], name, kind == "rest")
    assert "AVAILABLE" in client.status().values()
    answers = client.predict([clip(client.details["sample_rate"])])
    assert all(np.allclose(values.sum(axis=1), 1.0, atol=1e-4) for values in answers.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the name of a model in saved_models/"),
        (["nowhere"], "no exported model in"),
        (["../digits"], "give the name of a model in saved_models/"),
        (["digits"], "neither tensorflow_model_server nor a running docker or podman"),
    ],
)
def test_the_serving_script_says_what_is_missing(arguments, message, server, request):
    script = request.config.rootpath / "scripts" / "serve.sh"
    environment = {"PATH": "/usr/bin:/bin", "SAVED_MODELS_DIR": str(server.folder.parents[1])}
    if arguments == ["digits"] and any(shutil.which(engine, path=environment["PATH"]) for engine in ENGINES):
        pytest.skip("a container engine is installed here")
    result = subprocess.run(["bash", str(script), *arguments], env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_the_serving_script_starts_the_server_with_its_flags(server, request, tmp_path):
    """A program of the server's name stands in for it and prints what it was given."""
    stand_in = tmp_path / "tensorflow_model_server"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    script = request.config.rootpath / "scripts" / "serve.sh"
    folder = shutil.copytree(server.folder.parent, tmp_path / "a folder" / "digits")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SAVED_MODELS_DIR": str(folder.parent),
        "REST_PORT": "9001",
        "BATCHING": "true",
    }
    result = subprocess.run(
        ["bash", str(script), "digits", "--x=1"], env=environment, capture_output=True, text=True, check=True
    )
    flags = dict(line.removeprefix("--").split("=", 1) for line in result.stdout.splitlines())
    assert (flags["port"], flags["rest_api_port"], flags["x"]) == ("8500", "9001", "1")
    assert flags["tensorflow_intra_op_parallelism"] == "1"
    for key in ("batching_parameters_file", "monitoring_config_file"):
        assert Path(flags[key]).is_file()
    assert f'base_path: "{folder}"' in Path(flags["model_config_file"]).read_text()
