#!/usr/bin/env bash
# Counts the instructions of the hot paths by callgrind and fails above the committed values. Installs
# valgrind (Debian) and the runner of the version that Cargo.lock names, if they are missing.
# Arguments (features) go to Cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v valgrind >/dev/null; then
    apt-get update -q && apt-get install -y -q valgrind
fi
version=$(sed -n '/^name = "gungraun-runner"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
tools=${CARGO_TARGET_DIR:-target}/tools
runner=$tools/bin/gungraun-runner
if [ "$("$runner" --version 2>/dev/null | grep -o '[0-9][0-9.]*$')" != "$version" ]; then
    # Unoptimised, and not for debuggers: it only starts valgrind and adds up.
    CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --debug --locked --root "$tools" --target-dir "$tools/target" \
        gungraun-runner --version "$version"
fi
export PATH=$(realpath "$tools")/bin:$PATH
# The profile, packages and features of the other suites, so that nothing is built again.
cargo bench --quiet --profile test --workspace "$@" --bench instructions
