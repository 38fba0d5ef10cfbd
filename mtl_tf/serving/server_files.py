"""The files a TF Serving is started with, beside the versions of a model; an operator's changes to them are kept."""

from pathlib import Path

from mtl_tf.files import write_whole

MODELS = """# Read with --model_config_file. The container of scripts/serve.sh sees the model at /models/{name}.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 2 }} }}
  }}
}}
"""
BATCHING = """# Read with --enable_batching --batching_parameters_file. Clips of one length are put together.
# A clip that is refused refuses the requests it was put together with, and the signature windows cannot be asked.
# max_batch_size is for a GPU: on processors, take the clients at once divided by the cores.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 1
allowed_batch_sizes: 2
allowed_batch_sizes: 4
allowed_batch_sizes: 8
allowed_batch_sizes: 16
allowed_batch_sizes: 32
"""
MONITORING = """# Read with --monitoring_config_file; Prometheus finds the metrics at this path of the REST port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""


def write_server_files(folder: Path) -> None:
    """Writes `models.config`, `batching.config` and `monitoring.config` where they are missing.

    Args:
        folder: of the model, which holds its versions and gives it its name.
    """
    contents = {
        "models.config": MODELS.format(name=folder.name),
        "batching.config": BATCHING,
        "monitoring.config": MONITORING,
    }
    for name, content in contents.items():
        if not (folder / name).exists():
            write_whole(folder / name, content.encode())
