//! Random operations by seed, and what must be true when they are done.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod plan;
pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use sealane_sim::{Cluster, Placement, Stop};
use sealane_transport::device::Device;
use sealane_transport::{
    BufferId, Event, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag, Time,
};

use plan::{Command, Op, Plan};

/// Says how to replay when the test fails.
pub struct Replay {
    pub test: &'static str,
    pub seed: u64,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed } = self;
            eprintln!("replay: SEALANE_SEED={seed} cargo test -p sealane-sim --test {test}");
        }
    }
}

/// Runs `body` for the seed in `SEALANE_SEED`, or else for `count` seeds (`SEALANE_SEEDS`).
pub fn for_seeds(test: &'static str, count: u64, body: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SEALANE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEALANE_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        let _replay = Replay { test, seed };
        body(seed);
    }
}

/// A plan under way.
pub struct Run<'a> {
    plan: &'a Plan,
    sends: BTreeMap<(usize, SendId), usize>,
    recvs: BTreeMap<(usize, RecvId), (usize, BufferId)>,
    send_of: BTreeMap<usize, SendId>,
    sent: usize,
    received: usize,
}

impl<'a> Run<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            sends: BTreeMap::new(),
            recvs: BTreeMap::new(),
            send_of: BTreeMap::new(),
            sent: 0,
            received: 0,
        }
    }

    /// Gives every command at its time, and then lets everything finish.
    pub fn complete<D: Device>(
        &mut self,
        cluster: &mut Cluster<D>,
        limit: Duration,
        mut between: impl FnMut(&mut Cluster<D>, Time),
    ) {
        let start = cluster.now();
        for (at, command) in &self.plan.commands {
            let due = start + *at;
            while cluster.now() < due {
                let slice = due.since(cluster.now()).min(Duration::from_millis(1));
                let stop = cluster.run(slice, |cluster, node, event| {
                    self.on_event(cluster, node, &event);
                    false
                });
                assert_ne!(stop, Stop::Spinning);
                if cluster.now() < due && stop == Stop::Quiescent {
                    cluster.network.advance(due);
                }
                let now = cluster.now();
                between(cluster, now);
            }
            self.command(cluster, command);
        }
        let end = cluster.now() + limit;
        while !self.is_done() {
            let stop = cluster.run(Duration::from_millis(1), |cluster, node, event| {
                self.on_event(cluster, node, &event);
                self.is_done()
            });
            let now = cluster.now();
            let (sent, received, all) = (self.sent, self.received, self.plan.ops.len());
            assert!(
                now < end && !matches!(stop, Stop::Spinning | Stop::Quiescent),
                "{stop:?} at {now:?}: {sent} sent, {received} received of {all}; {}",
                self.missing()
            );
            between(cluster, now);
        }
    }

    fn is_done(&self) -> bool {
        self.sent == self.plan.ops.len() && self.received == self.plan.ops.len()
    }

    fn missing(&self) -> String {
        let sends = self.sends.values().map(|op| format!("send {op} {:?}", self.plan.ops[*op]));
        let recvs = self.recvs.values().map(|(op, _)| format!("recv {op}"));
        sends.chain(recvs).collect::<Vec<_>>().join("; ")
    }

    fn command<D: Device>(&mut self, cluster: &mut Cluster<D>, command: &Command) {
        let now = cluster.now();
        match *command {
            Command::Send(index) => {
                let op = &self.plan.ops[index];
                let node = &mut cluster.nodes[op.from];
                let buffer = node.memory.insert(op.payload(self.plan.seed), Placement::Copy);
                let request = SendRequest {
                    tag: Tag(op.tag),
                    buffer,
                    length: op.length as u64,
                    immediate: op.tag as u32 ^ 0x5a5a,
                    gated: op.gated,
                    deferred_ack: op.tag.is_multiple_of(2),
                };
                let send = node.endpoint.send(now, Rank(op.to as u32), request).unwrap();
                self.sends.insert((op.from, send), index);
                self.send_of.insert(index, send);
            }
            Command::Post(index) => {
                let op = &self.plan.ops[index];
                let node = &mut cluster.nodes[op.to];
                let placement = if op.add { Placement::Add } else { Placement::Copy };
                let buffer = node.memory.insert(vec![0; op.length + op.slack], placement);
                let request = RecvRequest {
                    from: (!op.any_source).then_some(Rank(op.from as u32)),
                    tag: Tag(op.tag),
                    buffer,
                    capacity: (op.length + op.slack) as u64,
                    exact: op.slack == 0,
                    progress: op.progress,
                };
                let recv = node.endpoint.post_recv(now, request, &mut node.memory).unwrap();
                self.recvs.insert((op.to, recv), (index, buffer));
            }
            Command::Release(index, offset, length) => {
                let op = &self.plan.ops[index];
                let send = self.send_of[&index];
                cluster.nodes[op.from].endpoint.release(send, offset, length).unwrap();
            }
            Command::Blackhole(from, to) => {
                let (from, to) = (from, to);
                let source = cluster.addresses(from.0)[from.1];
                let target = cluster.addresses(to.0)[to.1];
                cluster.network.blackhole(source, target);
            }
            Command::Heal => cluster.network.heal(),
        }
    }

    fn on_event<D: Device>(&mut self, cluster: &mut Cluster<D>, node: usize, event: &Event) {
        match event {
            Event::Sent { send } => {
                assert!(self.sends.remove(&(node, *send)).is_some(), "sent once");
                self.sent += 1;
            }
            Event::Received { recv, peer, tag, length, immediate } => {
                let (index, buffer) = self.recvs.remove(&(node, *recv)).expect("received once");
                let op = &self.plan.ops[index];
                let expected = (op.to, Rank(op.from as u32), op.tag, op.length as u64);
                assert_eq!((node, *peer, tag.0, *length), expected);
                assert_eq!(*immediate, op.tag as u32 ^ 0x5a5a);
                let mut got = cluster.nodes[node].memory.remove(buffer).expect("its buffer");
                assert!(got.split_off(op.length).iter().all(|byte| *byte == 0), "slack untouched");
                check(op, &got, self.plan.seed);
                self.received += 1;
            }
            Event::Connected { .. } | Event::Placed { .. } | Event::Refused { .. } => {}
            other => panic!("unexpected at node {node}: {other:?}"),
        }
    }
}

fn check(op: &Op, got: &[u8], seed: u64) {
    let payload = op.payload(seed);
    if let Some(at) = payload.iter().zip(got).position(|(a, b)| a != b) {
        panic!("{op:?} differs from byte {at}: {} for {}", got[at], payload[at]);
    }
}
