#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod malformed;
mod print;
mod remote;
mod round_trip;

use super::*;

/// What `put` writes into a roomy buffer.
fn written(put: impl FnOnce(&mut FrameWriter<'_>) -> bool) -> Vec<u8> {
    let mut buffer = [0xff; 4096];
    let mut writer = FrameWriter::new(&mut buffer);
    assert!(put(&mut writer), "a roomy buffer has room");
    let length = writer.len();
    buffer[..length].to_vec()
}

/// The only frame of `bytes`.
fn only(bytes: &[u8]) -> Result<Frame<'_>, PacketError> {
    let mut reader = FrameReader::new(bytes);
    let frame = reader.next().expect("a frame")?;
    match reader.next() {
        None => Ok(frame),
        Some(other) => panic!("after {frame}: {other:?}"),
    }
}
