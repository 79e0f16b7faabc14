#!/usr/bin/env bash
# Copies the shared libraries that programs need, and their loader, into a root: `libraries.sh ROOT FILE…`.
set -euo pipefail
root=$1
shift
{ ldd "$@" 2>/dev/null || true; } | grep -oE '/[^ ):]+' | grep -E '\.so(\.|$)' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
