#!/usr/bin/env bash
# Tests on real verbs without RDMA hardware: guests under QEMU's software emulation, with Debian's kernel
# and Soft-RoCE. One guest alone runs the device's tests and two ranks; then two guests run a rank each
# across an emulated wire, injured by their kernels, and what the wire carried is decoded by tshark.
#
# Logs and the recorded wire are left in target/verbs.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/verbs
logs=${CARGO_TARGET_DIR:-target}/verbs
mkdir -p "$logs"

skip() {
    printf '\n*** SKIPPED: tests on real verbs: %s ***\n\n' "$*" >&2
    exit 0
}

packages=(qemu-system-x86 tshark cpio kmod busybox-static iproute2 ibverbs-providers ibverbs-utils
    libibverbs-dev xz-utils zstd)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || skip "this is not Debian, and ${missing[*]} are not installed"
    [ "$(id -u)" = 0 ] || skip "not root, and ${missing[*]} are not installed"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$logs/packages.log" 2>&1 ||
        skip "${missing[*]} cannot be installed, see $logs/packages.log"
fi
[ "$(uname -m)" = x86_64 ] || skip "the guests are x86_64"
image=$("$here/image.sh" 2>"$logs/image.log") || skip "no image, see $logs/image.log"

# With the options of ./test.sh, so that nothing is built again.
cargo test --workspace --features sealane/verbs --no-run --message-format json -q >"$logs/built.json"
executable() { # KIND NAME of a test target
    sed -n "s/.*\"kind\":\[\"$1\"\].*\"name\":\"$2\".*\"executable\":\"\([^\"]*\)\".*/\1/p" "$logs/built.json" |
        tail -1
}
device_tests=$(executable lib sealane_verbs)
rank=$(executable test guest)
sealane=${CARGO_TARGET_DIR:-target}/debug/sealane

job=$logs/job.cpio
"$here/pack.sh" "$job" "sealane=$sealane" "device-tests=$device_tests" "rank=$rank"

# `guest NAME WORDS [QEMU…]`
guest() {
    local name=$1
    shift
    "$here/boot.sh" "$image" "$job" "$@" >"$logs/$name.log" 2>&1
}
report() {
    grep -aE '^guest: ' "$logs/$1.log" | sed "s/^guest/$1/"
}
fail() {
    tail -60 "$logs/$1.log"
    echo "verbs: $1 FAILED, see $logs/$1.log" >&2
    exit 1
}

# They mostly wait, so they run side by side.
guest alone "role=alone" &
alone=$!

wire=$logs/wire.pcap
socket=$(mktemp -u)
card="virtio-net-pci,netdev=wire,mac=52:54:00:08:00"
guest rank0 "role=pair rank=0" -device "$card:01" \
    -netdev "stream,id=wire,server=on,addr.type=unix,addr.path=$socket" \
    -object "filter-dump,id=dump,netdev=wire,file=$wire" &
first=$!
while [ ! -S "$socket" ] && kill -0 "$first" 2>/dev/null; do sleep 0.1; done
failed=
guest rank1 "role=pair rank=1" -device "$card:02" \
    -netdev "stream,id=wire,server=off,addr.type=unix,addr.path=$socket" || failed=rank1
wait "$first" || failed=${failed:-rank0}
rm -f "$socket"
wait "$alone" || fail alone
report alone
[ -z "$failed" ] || fail "$failed"
report rank0
report rank1

"$here/wire.sh" "$wire"
