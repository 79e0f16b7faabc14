#!/usr/bin/env bash
# Boots one guest under software emulation and shows its console: `boot.sh IMAGE JOB WORDS [QEMU…]`.
# WORDS go to the guest's job (`role=…`). Fails unless the job says that it passed.
set -euo pipefail
image=$1 job=$2 words=$3
shift 3
initrd=$(mktemp)
console=$(mktemp)
trap 'rm -f "$initrd" "$console"' EXIT
# Archives follow each other on boundaries of four bytes.
cat "$image/base.cpio" "$job" >"$initrd"
# A busy host may keep the guest's timer from ticking in time for the kernel's check.
parameters="console=ttyS0 quiet panic=-1 rdinit=/init mitigations=off no_timer_check"
for word in $words; do parameters+=" sealane.$word"; done
timeout -k 5 "${SEALANE_VM_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 768 \
    -kernel "$image/vmlinuz" -initrd "$initrd" -append "$parameters" \
    -display none -monitor none -serial stdio -no-reboot -nic none "$@" </dev/null |
    tr -d '\r' | tee "$console"
grep -q '^guest: PASSED' "$console"
