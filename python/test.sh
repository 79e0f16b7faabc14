#!/usr/bin/env bash
# Builds the Python package into a virtual environment of its own and tests it. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
venv=${SEALANE_VENV:-.venv}

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -q && apt-get install -y -q python3 python3-venv python3-dev
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import torch, numpy, sklearn, matplotlib, tqdm, pytest, maturin' 2>/dev/null ||
    "$venv/bin/pip" install -q --no-compile torch numpy scikit-learn matplotlib tqdm pytest maturin

# The profile and folder of the Rust tests, whose dependencies are built already.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}
cargo fmt --check
cargo clippy --locked --all-targets --quiet -- -D warnings
VIRTUAL_ENV=$(cd "$venv" && pwd) "$venv/bin/python" -m maturin develop --quiet
"$venv/bin/python" -m pytest "$@"
