//! No byte pattern of payload, tensors, secrets or private keys is on the wire: what a tap on the
//! loopback interface sees of a real job, where it is permitted.

use std::collections::{BTreeSet, HashMap};
use std::net::UdpSocket;
use std::sync::Mutex;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sealane::bootstrap::Credentials;
use sealane::{Communicator, Rank, ReduceOp, Tag};
use sealane_transport::identity::{Authority, JobId};

use crate::job;
use crate::needles::{Found, Needles};
use crate::tap::{Seen, Tap};

/// Repeated without a gap, so that any 48 bytes of payload hold it whole, at whatever alignment.
const CANARY: &[u8; 24] = b"CANARY-of-plain-payload!";

/// Four of them in a row are in any run of a constant tensor.
const VALUE: f32 = 1_234.567_8;

const BYTES: usize = 2 << 20;
const WORLD: u32 = 3;
/// Bytes that cross the wire at the least: a broadcast to two ranks, and an all-reduce of three.
const CARRIED: usize = 4 * BYTES;

/// In PKCS #8 of an Ed25519 key: where its 32-byte seed begins (RFC 8410 §7).
const SEED_AT: usize = 16;

fn payload() -> Needles {
    let mut needles = Needles::default();
    needles.add("the canary", *CANARY);
    let tensor: Vec<u8> = [VALUE; 4].iter().flat_map(|value| value.to_ne_bytes()).collect();
    needles.add("the tensor", tensor);
    needles
}

#[test]
fn a_tap_on_the_wire_sees_no_payload_and_no_secret() {
    let mut needles = payload();
    needles.add("the job secret", job::SECRET.as_bytes());
    let name = "a_tap_on_the_wire_sees_no_payload_and_no_secret";
    listen(name, &needles, &|_| job::credentials());
}

#[test]
fn a_tap_on_the_wire_sees_no_private_key() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let authority = Authority::generate(now, 2).unwrap();
    let job = JobId::new("tapped").unwrap();
    let ranks: Vec<_> =
        (0..WORLD).map(|rank| authority.issue(&job, Rank(rank), 1, now).unwrap()).collect();
    let ca = authority.to_pem();
    let mut needles = payload();
    let keys = ranks.iter().chain([&ca]).map(|issued| issued.key.as_str());
    for (index, pem) in keys.enumerate() {
        let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
        else {
            panic!("keys are PKCS #8");
        };
        let seed = &der.secret_pkcs8_der()[SEED_AT..SEED_AT + 32];
        needles.add(format!("private key {index}"), seed);
        needles.add(format!("private key {index} as text"), pem.lines().nth(1).unwrap());
    }
    listen("a_tap_on_the_wire_sees_no_private_key", &needles, &|rank| {
        let issued = &ranks[rank as usize];
        Credentials::Certificate {
            ca: ca.certificate.clone().into_bytes(),
            cert: issued.certificate.clone().into_bytes(),
            key: issued.key.as_bytes().to_vec().into(),
            origin: "the test".to_owned(),
        }
    });
}

/// Runs a job of three under a tap. It sees none of `needles`, handshakes included, but for what the
/// test itself sends in the clear.
fn listen(name: &str, needles: &Needles, credentials: &(dyn Fn(u32) -> Credentials + Sync)) {
    let Some(tap) = Tap::open(name) else { return };
    let witness = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let by_port: Mutex<HashMap<u16, Found>> = Mutex::default();
    let look = |seen: Seen| {
        needles.look(&seen.payload, by_port.lock().unwrap().entry(seen.to).or_default());
    };
    let ranks = tap.during(look, || {
        // The tap works: a plaintext datagram is seen for what it is.
        witness.send_to(&needles.plaintext(), witness.local_addr().unwrap()).unwrap();
        job::run_as(WORLD, job::free_port(), credentials, exchange)
    });
    let mut by_port = by_port.into_inner().unwrap();
    let control = by_port.remove(&witness.local_addr().unwrap().port()).unwrap_or_default();
    // Only what went to this process: others use the interface too.
    let ports: BTreeSet<u16> = ranks.into_iter().flatten().collect();
    let mut job = Found::default();
    ports.iter().filter_map(|port| by_port.remove(port)).for_each(|found| job += found);
    needles.assert_all_in(&control);
    assert!(job.bytes > CARRIED && job.sealed > 0, "the tap saw the data: {job:?}");
    assert!(job.handshakes >= u64::from(WORLD), "the tap saw the handshakes: {job:?}");
    assert!(job.seen.is_empty(), "in the clear: {:?}", job.seen);
}

/// Moves the canary and the tensor by every kind of call; returns the ports of all sockets.
fn exchange(communicator: &Communicator) -> Vec<u16> {
    let mut text = vec![0; BYTES];
    if communicator.rank() == Rank(1) {
        text = CANARY.iter().copied().cycle().take(BYTES).collect();
    }
    communicator.broadcast(&mut text, Rank(1)).unwrap();
    assert!(text.chunks_exact(CANARY.len()).all(|chunk| chunk == CANARY));
    let mut values = vec![VALUE; BYTES / 4];
    communicator.all_reduce(&mut values, ReduceOp::Max).unwrap();
    assert!(values.iter().all(|value| value.to_bits() == VALUE.to_bits()));
    // Small enough for one packet, and for recursive doubling.
    communicator.all_reduce(&mut values[..8], ReduceOp::Min).unwrap();
    match communicator.rank() {
        Rank(0) => communicator.send(&text[..96], Rank(2), Tag(7)).unwrap(),
        Rank(2) => {
            communicator.recv(&mut text[..96], Rank(0), Tag(7)).unwrap();
        }
        _ => {}
    }
    communicator.barrier().unwrap();
    job::ports()
}
