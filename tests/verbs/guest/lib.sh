# What the guest's jobs share.

# An interface with jumbo frames that nobody answers on, and Soft-RoCE on it: ranks of this guest reach
# each other within the device.
soft_roce_alone() {
    ip link add alone0 mtu 4500 type veth peer name nobody0 mtu 4500
    ip link set alone0 up
    ip link set nobody0 up
    ip addr add 10.7.0.1/24 dev alone0
    rdma link add rxe0 type rxe netdev alone0
}

# `step NAME COMMAND…`: says what runs, how it ended, and how long it took; remembers failures.
failures=0
step() {
    name=$1
    shift
    before=$(cut -d' ' -f1 /proc/uptime)
    echo "guest: == $name"
    if "$@"; then result=ok; else result=FAILED; failures=$((failures + 1)); fi
    after=$(cut -d' ' -f1 /proc/uptime)
    echo "guest: -- $name: $result, $(echo "$after $before" | awk '{printf "%.1f", $1 - $2}') s"
}
