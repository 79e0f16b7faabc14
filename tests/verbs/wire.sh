#!/usr/bin/env bash
# Looks at a recorded wire: RoCE v2 packets of UD queue pairs, and none of the tensor: `wire.sh FILE`.
set -euo pipefail
wire=$1
canary=SEALANE-CANARY-0

look() { tshark -n -r "$wire" "$@" 2>/dev/null; }
expect() { # WHAT COUNT OPERATOR BOUND
    if [ "$2" "$3" "$4" ]; then
        echo "wire: $1: $2"
    else
        echo "wire: $1: $2, expected $3 $4" >&2
        exit 1
    fi
}

# The control was sent in the clear on purpose: the search finds what is there. Behind it the guests
# injure what they send.
control=$(look -Y "frame contains \"CONTROL-$canary\"" -T fields -e frame.number | head -1)
expect "frame of the control, found" "${control:-0}" -gt 0
expect "packets with the tensor in the clear, the control apart" \
    "$(look -Y "frame contains \"$canary\" && !(frame contains \"CONTROL-$canary\")" | wc -l)" -eq 0

fields=$(look -Y "infiniband.bth && frame.number < $control" -T fields \
    -e udp.dstport -e infiniband.bth.opcode -e infiniband.deth.q_key \
    -e infiniband.deth.srcqp -e infiniband.bth.destqp)
# Opcode 100 is SEND-only of an unreliable datagram (IBTA 1.4 table 38).
expect "RoCE v2 packets of UD queue pairs" "$(grep -cP '^4791\t100\t' <<<"$fields" || true)" -gt 100
expect "RoCE packets of another kind" "$(grep -cvP '^4791\t100\t' <<<"$fields" || true)" -eq 0
expect "Q_Keys" "$(cut -f3 <<<"$fields" | sort -u | wc -l)" -eq 1
expect "pairs of queue pairs" "$(cut -f4,5 <<<"$fields" | sort -u | wc -l)" -ge 16
