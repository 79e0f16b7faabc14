# What the guest's jobs share.

# busybox's shell would take its own applets.
ip() { /bin/ip "$@"; }
tc() { /bin/tc "$@"; }

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

# One of two hosts on an emulated wire: Soft-RoCE on a card with jumbo frames, and the environment of a
# launcher.
two_hosts() {
    ip link set eth0 mtu 4500 up
    ip addr add "10.8.0.$((rank + 1))/24" dev eth0
    rdma link add rxe0 type rxe netdev eth0 || return 1
    export SEALANE_RANK=$rank SEALANE_WORLD_SIZE=2 SEALANE_MASTER=10.8.0.1:29500 SEALANE_DEVICE=verbs
    export SEALANE_SECRET=a-secret-of-the-two-guests SEALANE_TIMEOUT=120
}

# Loss, reordering, duplication and corruption on the way out, by the kernel.
injure() {
    tc qdisc add dev "$1" root netem delay 2ms loss 1% reorder 25% duplicate 1% corrupt 0.1%
}

# Packets that Soft-RoCE has sent.
sent_packets() { cat /sys/class/infiniband/rxe0/ports/1/hw_counters/sent_pkts; }

# Runs a measurement, and in the middle of its packets `COMMAND…`; says how the measurement ended.
disturbed() {
    begin=$(sent_packets)
    ./sealane perf all_reduce -n 2 --device verbs -b 64K -e 64K -w 1 --iters "$iterations" >/tmp/disturbed 2>&1 &
    job=$!
    while kill -0 $job 2>/dev/null && [ $(($(sent_packets) - begin)) -lt 1000 ]; do sleep 0.1; done
    "$@"
    wait $job
    ended=$?
    tail -20 /tmp/disturbed
    ! grep -q panicked /tmp/disturbed || ended=panicked
}

# The link goes, and comes back before anybody is given up.
link_flaps() {
    flap() { ip link set alone0 down && sleep 0.3 && ip link set alone0 up; }
    iterations=40
    disturbed flap
    [ $ended = 0 ]
}

# The link goes for good: both ranks end, by an error that names the other.
link_goes() {
    iterations=100000
    disturbed ip link set alone0 down
    ip link set alone0 up
    [ $ended != 0 ] && [ $ended != panicked ] && grep -q 'lost' /tmp/disturbed
}

# rdma-core's own example: if it fails, it is not our doing.
pingpong() {
    ibv_ud_pingpong -g 1 -n 100 -s 512 >/dev/null &
    sleep 1
    ibv_ud_pingpong -g 1 -n 100 -s 512 127.0.0.1
}
