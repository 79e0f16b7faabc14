//! No byte pattern of payload, tensors or secrets is on the wire.

use std::net::UdpSocket;
use std::sync::Mutex;

use sealane::{Rank, ReduceOp, Tag};

use crate::job;
use crate::tap::Tap;

/// Repeated without a gap, so that any 48 bytes of payload hold it whole.
const CANARY: &[u8; 24] = b"CANARY-of-plain-payload!";

/// Four of them in a row are in any run of a constant tensor.
const VALUE: f32 = 1_234.567_8;

const BYTES: usize = 2 << 20;

#[derive(Debug, Default)]
struct Found {
    bytes: usize,
    canaries: usize,
    tensors: usize,
    secrets: usize,
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window[0] == needle[0] && window == needle)
}

#[test]
fn a_tap_on_the_wire_sees_no_payload_and_no_secret() {
    let Some(tap) = Tap::open("a_tap_on_the_wire_sees_no_payload_and_no_secret") else { return };
    let tensor: Vec<u8> = [VALUE; 4].iter().flat_map(|value| value.to_ne_bytes()).collect();
    let witness = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let plain = witness.local_addr().unwrap().port();
    let (sealed, in_plain) = (Mutex::new(Found::default()), Mutex::new(Found::default()));
    let look = |seen: crate::tap::Seen| {
        let found = if seen.to == plain { &in_plain } else { &sealed };
        let mut found = found.lock().unwrap();
        found.bytes += seen.payload.len();
        found.canaries += usize::from(contains(&seen.payload, CANARY));
        found.tensors += usize::from(contains(&seen.payload, &tensor));
        found.secrets += usize::from(contains(&seen.payload, job::SECRET.as_bytes()));
    };
    tap.during(look, || {
        // The tap works: a plaintext datagram is seen for what it is.
        let words = [CANARY, tensor.as_slice(), job::SECRET.as_bytes()].concat();
        witness.send_to(&words, witness.local_addr().unwrap()).unwrap();
        job::run(3, job::free_port(), |communicator| {
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
        });
    });
    let (sealed, in_plain) = (sealed.into_inner().unwrap(), in_plain.into_inner().unwrap());
    assert!(in_plain.canaries > 0 && in_plain.tensors > 0 && in_plain.secrets > 0, "{in_plain:?}");
    assert!(sealed.bytes > 4 * BYTES, "the tap saw the job: {sealed:?}");
    assert_eq!((sealed.canaries, sealed.tensors, sealed.secrets), (0, 0, 0));
}
