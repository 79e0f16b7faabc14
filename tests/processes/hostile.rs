//! Strangers on the wire: storms of datagrams that nobody of the job sent, before the handshake and
//! while reductions run.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::{finish, memory_peak, port, rank, report, udp_ports_of};

/// SplitMix64: the same storm in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Noise, with a first byte that looks like a data packet, a QUIC Initial, or nothing known.
    fn datagram(&mut self, out: &mut [u8; 1200]) -> usize {
        let length = match self.next() % 4 {
            0 => self.next() % 40,
            1 => 1200,
            _ => self.next() % 1201,
        } as usize;
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
        out[0] = match self.next() % 4 {
            0 => 0,
            1 => 0xc3,
            2 => 0x40,
            _ => out[0],
        };
        if out[0] == 0xc3 {
            out[1..5].copy_from_slice(&1_u32.to_be_bytes());
        }
        length
    }
}

/// Sends to `ports` until told to stop; returns how many datagrams were sent.
fn storm(ports: Vec<u16>, stop: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut draw, mut datagram, sent) = (Draw(1), [0; 1200], AtomicU64::new(0));
        while !stop.load(Ordering::Relaxed) {
            for port in &ports {
                let length = draw.datagram(&mut datagram);
                // Errors are of earlier datagrams: nobody listens yet.
                let _ = socket.send_to(&datagram[..length], ("127.0.0.1", *port));
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        sent.into_inner()
    })
}

#[test]
fn storms_before_and_while_ranks_reduce_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("out.json");
    let port = port();
    let line = format!("perf all_reduce -b 1M -w 1 --iters 30 -c 3 --json {}", json.display());
    let stop = Arc::new(AtomicBool::new(false));
    let before = storm(vec![port], stop.clone());
    thread::sleep(Duration::from_millis(50));
    let children = [0, 1].map(|r| rank(r, 2, port, &line).spawn().unwrap());
    thread::sleep(Duration::from_millis(500));
    let ports: Vec<u16> = children.iter().flat_map(|child| udp_ports_of(child.id())).collect();
    assert!(ports.len() >= 2, "{ports:?}");
    let during = storm(ports, stop.clone());
    let ids = children.each_ref().map(std::process::Child::id);
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = ids.iter().filter_map(|id| memory_peak(*id)).max() {
            peak = peak.max(now);
            thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    let ended = children.map(finish);
    stop.store(true, Ordering::Relaxed);
    let sent = before.join().unwrap() + during.join().unwrap();
    for ended in ended {
        ended.expect(0);
    }
    let dropped = &report(&json)["rank_0"]["dropped"];
    println!("{sent} datagrams; dropped at rank 0: {dropped}");
    assert!(sent > 1000);
    for cause in ["malformed_header", "unknown_session"] {
        assert!(dropped[cause].as_u64() > Some(0), "{cause}: {dropped}");
    }
    let peak = watch.join().unwrap();
    assert!(peak < 256 << 20, "a rank took {peak} bytes");
}
