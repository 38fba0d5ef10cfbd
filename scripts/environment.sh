# Sourced by quickstart.sh and test.sh: makes .venv with Python 3.11 or 3.12 and installs the project into it.
# Usage: . scripts/environment.sh EXTRAS, where EXTRAS is empty or such as [dev].
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3 python; do
        if [ -n "$candidate" ] && "$candidate" -c \
            'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python 3.11 or 3.12 with venv and pip is needed; install it or set PYTHON to its path" >&2
    exit 2
}

if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
stamp=".venv/installed$1"
if [ ! -f "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    echo "Installing (TensorFlow is large; a few minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".$1"
    touch "$stamp"
fi
