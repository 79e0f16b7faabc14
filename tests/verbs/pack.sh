#!/usr/bin/env bash
# Packs programs of ours and the guest's job into an archive that goes behind the base:
# `pack.sh OUT NAME=PROGRAM…`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/job"
install -m 755 "$here"/guest/run "$here"/guest/lib.sh "$root/job/"
for pair in "$@"; do
    strip -o "$root/job/${pair%%=*}" "${pair#*=}"
    "$here/libraries.sh" "$root" "${pair#*=}"
done
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
