#!/usr/bin/env bash
# The one test command, for people and CI alike: installs what the suites need and runs all of them.
# Needs Rust (with rustfmt and clippy) and a C compiler; on Debian it installs the latter if it is missing.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }

if ! command -v cc >/dev/null; then
    step "install a C compiler (AWS-LC is built from source)"
    apt-get update -q && apt-get install -y -q gcc libc6-dev make cmake
fi

# The device over libibverbs is linted and tested where its headers are or can be installed.
if [ ! -e /usr/include/infiniband/verbs.h ] && command -v apt-get >/dev/null; then
    step "install libibverbs-dev (the verbs device)"
    { apt-get update -q && apt-get install -y -q --no-install-recommends libibverbs-dev; } || true
fi
verbs=()
if [ -e /usr/include/infiniband/verbs.h ]; then
    verbs=(--features sealane/verbs)
else
    printf '\n*** SKIPPED: the verbs device: libibverbs-dev is not installed ***\n' >&2
fi

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --locked --workspace --all-targets "${verbs[@]}" -- -D warnings

step "lints without rdma-core"
cargo clippy --workspace -- -D warnings

step "tests, corpora and house rules"
cargo test --workspace --no-fail-fast "${verbs[@]}"

step "real verbs: Soft-RoCE in virtual machines"
if [ ${#verbs[@]} -gt 0 ]; then
    tests/verbs/run.sh
else
    printf '\n*** SKIPPED: tests on real verbs: libibverbs-dev is not installed ***\n' >&2
fi

step "the data plane without C: ChaCha20-Poly1305 by RustCrypto alone"
cargo test -p sealane-transport --lib --no-default-features --features rustcrypto -- seal packet

step "instructions of the hot paths, by callgrind"
benches/cost/instructions.sh "${verbs[@]}"

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace "${verbs[@]}" --no-deps --quiet

step "the Python package and the PyTorch backend"
python/test.sh

step "licences and advisories"
if command -v cargo-deny >/dev/null; then
    cargo deny --offline check licenses bans sources
else
    echo "SKIPPED: cargo-deny is not installed (cargo install cargo-deny)"
fi

step "all suites passed"
