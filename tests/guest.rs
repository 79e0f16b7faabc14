//! What a rank does inside a guest of `tests/verbs/run.sh`: a tensor that anyone would recognise on the
//! wire is reduced with another host's, and the sum is checked; and the conformance suite over verbs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "real devices have real time")]

#[cfg(feature = "verbs")]
#[path = "guest/conformance.rs"]
mod conformance;

use std::net::UdpSocket;

use sealane::{Communicator, ReduceOp};

/// Sixteen bytes that are four ordinary `f32`, over and over.
const CANARY: &[u8; 16] = b"SEALANE-CANARY-0";

/// 256 KiB.
const COUNT: usize = 1 << 16;

fn tensor() -> Vec<f32> {
    let words = CANARY.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap()));
    words.cycle().take(COUNT).collect()
}

#[test]
#[ignore = "a rank of several, under a launcher's environment"]
fn a_recognisable_tensor_is_reduced() {
    let communicator = Communicator::from_env().unwrap();
    let mut values = tensor();
    communicator.all_reduce(&mut values, ReduceOp::Sum).unwrap();
    let ranks = communicator.size() as f32;
    assert_eq!(values, tensor().iter().map(|value| value * ranks).collect::<Vec<_>>());
    // In a broadcast the wire would carry the very bytes of the tensor, were they not sealed.
    communicator.broadcast(&mut tensor(), sealane::Rank(0)).unwrap();
    println!("device {}, {} hosts", communicator.device(), communicator.hosts());
}

/// Shows that whoever looks at the recorded wire would have seen the tensor.
#[test]
#[ignore = "sends in the clear, to the host in SEALANE_MASTER"]
fn a_control_is_sent_in_the_clear() {
    let master = std::env::var("SEALANE_MASTER").unwrap();
    let host = master.rsplit_once(':').unwrap().0;
    let control = [b"CONTROL-".as_slice(), CANARY].concat();
    UdpSocket::bind("0.0.0.0:0").unwrap().send_to(&control, (host, 9)).unwrap();
}
