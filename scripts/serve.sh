#!/usr/bin/env bash
# Serves saved_models/NAME with TF Serving: gRPC on port 8500, REST on 8501 (GRPC_PORT and REST_PORT change them).
# Usage: bash scripts/serve.sh NAME [FLAG ...]; flags go to tensorflow_model_server.
# BATCHING=true puts requests together as batching.config says; the signature windows cannot be asked then.
# Takes tensorflow_model_server from the PATH, else docker or podman with the image tensorflow/serving (TF_SERVING_IMAGE).
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 1 ] || [ "${1#-}" != "$1" ]; then
    echo "error: give the name of a model in saved_models/, such as: bash scripts/serve.sh spoken_digits" >&2
    exit 2
fi
name=$1
shift
folder=$PWD/${SAVED_MODELS_DIR:-saved_models}/$name
if ! compgen -G "$folder/[0-9]*/saved_model.pb" >/dev/null; then
    echo "error: no exported model in $folder; make one with: python scripts/export.py run=DIR name=$name" >&2
    exit 2
fi
grpc=${GRPC_PORT:-8500}
rest=${REST_PORT:-8501}
flags() {  # of the folder as the server sees it
    echo "--model_name=$name --model_base_path=$1 --monitoring_config_file=$1/monitoring.config"
    if [ "${BATCHING:-false}" = true ]; then
        echo "--enable_batching=true --batching_parameters_file=$1/batching.config"
    fi
}

if command -v tensorflow_model_server >/dev/null; then
    # shellcheck disable=SC2046  # one word per flag
    exec tensorflow_model_server --port="$grpc" --rest_api_port="$rest" $(flags "$folder") "$@"
fi
for engine in docker podman; do
    if command -v "$engine" >/dev/null; then
        # shellcheck disable=SC2046
        exec "$engine" run --rm -p "$grpc:8500" -p "$rest:8501" -v "$folder:/models/$name:ro" -e MODEL_NAME="$name" \
            "${TF_SERVING_IMAGE:-tensorflow/serving:2.17.1}" $(flags "/models/$name") "$@"
    fi
done
echo "error: there is neither tensorflow_model_server nor docker nor podman here; install one of them" >&2
exit 2
