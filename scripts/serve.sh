#!/usr/bin/env bash
# Serves saved_models/NAME with TF Serving: gRPC on port 8500, REST on 8501.
# Usage: bash scripts/serve.sh NAME [FLAG ...]; flags go to tensorflow_model_server.
# Takes tensorflow_model_server from the PATH, else the image tensorflow/serving in docker or podman. It reads models.config,
# every minute anew. Environment: GRPC_PORT, REST_PORT, SAVED_MODELS_DIR, TF_SERVING_IMAGE, ENGINE_FLAGS (such as
# "--gpus all"); INTRA_OP_THREADS, that share one operation (1; 0 is one per core, which may answer a lone client sooner
# and answers many later); BATCHING=true puts requests together as batching.config says, and windows cannot be asked then.
set -euo pipefail

stop() {
    echo "error: $1" >&2
    exit 2
}

name=${1:-}
if [ "$name" = -h ] || [ "$name" = --help ]; then
    sed -n '2,/^set/{/^set/d;s/^# //;p}' "$0"
    exit 0
fi
[[ "$name" =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] ||
    stop "give the name of a model in saved_models/, such as: bash scripts/serve.sh spoken_digits"
shift
models=${SAVED_MODELS_DIR:-$(cd "$(dirname "$0")/.." && pwd)/saved_models}
[ -d "$models/$name" ] && folder=$(cd "$models/$name" && pwd) || folder=$models/$name
compgen -G "$folder/[0-9]*/saved_model.pb" >/dev/null ||
    stop "no exported model in $folder; make one with: python scripts/export.py run=DIR name=$name"
grpc=${GRPC_PORT:-8500}
rest=${REST_PORT:-8501}
intra_op=${INTRA_OP_THREADS:-1}
[[ "$grpc$rest" =~ ^[0-9]+$ ]] || stop "GRPC_PORT=$grpc REST_PORT=$rest: give port numbers"
[[ "$intra_op" =~ ^[0-9]+$ ]] || stop "INTRA_OP_THREADS=$intra_op: give a number of threads, 0 for one per core"
export TF_ENABLE_ONEDNN_OPTS=${TF_ENABLE_ONEDNN_OPTS:-1} # TensorFlow takes these kernels by itself on some processors only
export TF_ONEDNN_ASSUME_FROZEN_WEIGHTS=${TF_ONEDNN_ASSUME_FROZEN_WEIGHTS:-1} # as they are: kernels keep them rearranged

flags=()
take_flags() { # of the folder as the server sees it, and of the models.config it is to read
    flags=("--model_config_file=$2" --model_config_file_poll_wait_seconds=60
        "--monitoring_config_file=$1/monitoring.config" "--tensorflow_intra_op_parallelism=$intra_op")
    if [ "${BATCHING:-false}" = true ]; then
        flags+=(--enable_batching=true "--batching_parameters_file=$1/batching.config")
    fi
}

if command -v tensorflow_model_server >/dev/null; then
    config=$(mktemp)
    sed "s#/models/$name#$folder#" "$folder/models.config" >"$config"
    take_flags "$folder" "$config"
    exec tensorflow_model_server --port="$grpc" --rest_api_port="$rest" "${flags[@]}" "$@"
fi
for engine in docker podman; do
    if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then
        take_flags "/models/$name" "/models/$name/models.config"
        # shellcheck disable=SC2086  # several flags
        exec "$engine" run --rm ${ENGINE_FLAGS:-} -p "$grpc:8500" -p "$rest:8501" -v "$folder:/models/$name:ro" \
            -e MODEL_NAME="$name" -e TF_ENABLE_ONEDNN_OPTS -e TF_ONEDNN_ASSUME_FROZEN_WEIGHTS \
            "${TF_SERVING_IMAGE:-tensorflow/serving:2.17.1}" "${flags[@]}" "$@"
    fi
done
stop "there is neither tensorflow_model_server nor a running docker or podman here; install or start one of them"
