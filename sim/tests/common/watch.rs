//! What listens on the wire during a run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sealane_sim::Network;
use sealane_sim::checker::{CanaryWatch, NonceWatch};

use super::plan::CANARY;

/// Datagrams that an attacker remembers.
const RECORDED_MAX: usize = 512;

/// A datagram that somebody overheard.
#[derive(Clone, Debug)]
pub struct Overheard {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Shared with the tap.
#[derive(Debug, Default)]
pub struct Heard {
    pub nonces: NonceWatch,
    pub wrong: Vec<String>,
    /// The latest honest datagrams, as a ring.
    pub recorded: Vec<Overheard>,
    pub total: usize,
}

/// Watches `network` for nonces used twice, impossible spans and visible payload.
pub fn watch(network: &Network) -> Arc<Mutex<Heard>> {
    let heard = Arc::new(Mutex::new(Heard::default()));
    let canary = CanaryWatch::new(&CANARY);
    let shared = Arc::clone(&heard);
    network.tap(Box::new(move |packet| {
        if packet.injected {
            return;
        }
        let mut heard = shared.lock().unwrap();
        if let Err(text) = heard.nonces.observe(packet.to.ip(), packet.bytes) {
            heard.wrong.push(text);
        }
        if canary.is_visible(packet.bytes) {
            heard.wrong.push(format!("payload in the clear at {:?}", packet.time));
        }
        let (from, to, bytes) = (packet.from, packet.to, packet.bytes.to_vec());
        let at = heard.total % RECORDED_MAX;
        heard.total += 1;
        let overheard = Overheard { from, to, bytes };
        if let Some(old) = heard.recorded.get_mut(at) {
            *old = overheard;
        } else {
            heard.recorded.push(overheard);
        }
    }));
    heard
}

/// Asserts that nothing was wrong and that there was something to see.
pub fn assert_clean(heard: &Arc<Mutex<Heard>>) {
    let heard = heard.lock().unwrap();
    assert!(heard.wrong.is_empty(), "{:?}", heard.wrong);
    assert!(heard.nonces.packets() > 0);
}
