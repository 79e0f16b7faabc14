//! Goodput of the whole core over loopback sockets: one endpoint on each of two cores, sessions from
//! a given secret, 64 MiB messages one way, and both ways with an addition. Prints; never gates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use sealane_transport::device::Device;
use sealane_transport::identity::{Identity, JobId, JobSecret};
use sealane_transport::{
    BufferId, Config, Endpoint, EndpointSettings, Event, Memory, Rank, RecvRequest, SendRequest,
    Tag, Time,
};
use sealane_udp::{UdpConfig, UdpDevice};

const MESSAGE: usize = 64 << 20;
const ROUNDS: usize = 24;

/// One buffer to send from and one to receive into, by copy or by addition of f32.
struct Buffers {
    source: Vec<u8>,
    target: Vec<u8>,
    add: bool,
}

impl Memory for Buffers {
    fn source(&self, _buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        self.source.get(offset as usize..offset as usize + length)
    }

    fn place(&mut self, _buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        let at = offset as usize;
        let Some(target) = self.target.get_mut(at..at + payload.len()) else { return false };
        if !self.add {
            target.copy_from_slice(payload);
            return true;
        }
        for (to, from) in target.chunks_exact_mut(4).zip(payload.chunks_exact(4)) {
            let sum = f32::from_ne_bytes(to.try_into().unwrap())
                + f32::from_ne_bytes(from.try_into().unwrap());
            to.copy_from_slice(&sum.to_ne_bytes());
        }
        true
    }
}

fn pin(core: usize) {
    // SAFETY: the set is a plain bit mask that lives on this stack for the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

#[derive(Debug)]
struct Wall;

impl rustls::time_provider::TimeProvider for Wall {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::now())
    }
}

fn endpoint(rank: u32, device: &UdpDevice, epoch: Instant) -> Endpoint {
    let job: JobId = "bench".parse().unwrap();
    let secret = JobSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Endpoint::new(EndpointSettings {
        config: Config::default(),
        identity: Identity::from_secret(&job, &secret, Rank(rank), now.as_secs()).unwrap(),
        capabilities: device.capabilities().clone(),
        addresses: device.local_addresses().to_vec(),
        epoch,
        wall: Arc::new(Wall),
        seed: [rank as u8; 32],
        world: 2,
    })
    .unwrap()
}

struct Role {
    rank: u32,
    sends: bool,
    receives: bool,
    ports: usize,
}

/// Runs one side; returns the seconds that it took.
fn run(
    role: &Role,
    to: &mpsc::Sender<Vec<SocketAddr>>,
    from: &mpsc::Receiver<Vec<SocketAddr>>,
    barrier: &Barrier,
) -> f64 {
    pin(role.rank as usize);
    let epoch = Instant::now();
    let config = UdpConfig {
        addresses: vec![std::net::Ipv4Addr::LOCALHOST.into()],
        ports: role.ports,
        ..UdpConfig::default()
    };
    let mut device = UdpDevice::bind(&config).unwrap();
    let mut endpoint = endpoint(role.rank, &device, epoch);
    to.send(device.local_addresses().to_vec()).unwrap();
    let peer = Rank(1 - role.rank);
    endpoint.add_peer(peer, &from.recv().unwrap()).unwrap();
    let budget = device.capabilities().receive_budget;
    endpoint.join_with_secret(Time::ZERO, peer, &[7; 32], budget).unwrap();
    let mut memory = Buffers {
        source: vec![1; MESSAGE],
        target: vec![1; MESSAGE],
        add: role.sends && role.receives,
    };
    barrier.wait();
    let mut start = Instant::now();
    let (mut sent, mut received, mut round) = (0, 0, 0);
    let mut next = true;
    while round < ROUNDS {
        let now = Time::from_nanos(epoch.elapsed().as_nanos() as u64);
        if next {
            if round == 4 {
                start = Instant::now();
            }
            let tag = Tag(round as u64);
            if role.receives {
                let request = RecvRequest {
                    from: Some(peer),
                    tag,
                    buffer: BufferId(1),
                    capacity: MESSAGE as u64,
                    exact: true,
                    progress: false,
                };
                endpoint.post_recv(now, request, &mut memory).unwrap();
            }
            if role.sends {
                let request = SendRequest {
                    tag,
                    buffer: BufferId(0),
                    length: MESSAGE as u64,
                    immediate: 0,
                    gated: false,
                    deferred_ack: false,
                };
                endpoint.send(now, peer, request).unwrap();
            }
            next = false;
        }
        device.poll(16, &mut |packets| endpoint.handle(now, packets, &mut memory));
        endpoint.handle_timeout(now);
        endpoint.poll_transmit(now, &mut device, &memory);
        device.flush();
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Sent { .. } => sent += 1,
                Event::Received { .. } => received += 1,
                Event::Connected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        if (!role.sends || sent > round) && (!role.receives || received > round) {
            round += 1;
            next = true;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let linger = Instant::now();
    while linger.elapsed() < Duration::from_millis(50) {
        let now = Time::from_nanos(epoch.elapsed().as_nanos() as u64);
        device.poll(16, &mut |packets| endpoint.handle(now, packets, &mut memory));
        // The last acknowledgement may wait for its timer.
        endpoint.handle_timeout(now);
        endpoint.poll_transmit(now, &mut device, &memory);
        device.flush();
    }
    if std::env::var_os("SEALANE_BENCH_STATS").is_some() {
        println!("{:?}\n{:?}", endpoint.stats(), endpoint.peer_info(peer));
    }
    seconds
}

fn pair(both: bool, ports: usize) -> f64 {
    let (to_b, from_a) = mpsc::channel();
    let (to_a, from_b) = mpsc::channel();
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    let receiver = thread::spawn(move || {
        run(&Role { rank: 1, sends: both, receives: true, ports }, &to_a, &from_a, &other)
    });
    let role = Role { rank: 0, sends: true, receives: both, ports };
    let seconds = run(&role, &to_b, &from_b, &barrier);
    receiver.join().unwrap();
    (MESSAGE * (ROUNDS - 4)) as f64 / seconds / 1e9
}

fn main() {
    for ports in [1, 2, 4, 16] {
        println!(
            "ports {ports:2}: one way {:.2} GB/s, exchange with add {:.2} GB/s each way",
            pair(false, ports),
            pair(true, ports)
        );
    }
}
