//! Everything that crosses the loopback interface, as a wire tap sees it: `AF_PACKET`.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// One UDP datagram, or a train of them that the kernel has not cut yet.
#[derive(Clone, Debug)]
pub struct Seen {
    pub from: u16,
    pub to: u16,
    pub payload: Vec<u8>,
}

/// A tap that is listening.
pub struct Tap {
    socket: Socket,
}

const ALL_PROTOCOLS: u16 = 0x0003;
const LONGEST: usize = 1 << 17;
const UDP: u8 = 17;

impl Tap {
    /// `None`, with a word on standard error, where it is not permitted.
    pub fn open(test: &str) -> Option<Self> {
        let protocol = Protocol::from(i32::from(ALL_PROTOCOLS.to_be()));
        match Socket::new(Domain::from(libc::AF_PACKET), Type::DGRAM, Some(protocol)) {
            Ok(socket) => {
                socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                // Best effort: what overflows is not seen, and the test wants only most of it.
                let _ = socket.set_recv_buffer_size(64 << 20);
                Some(Self { socket })
            }
            Err(error) => {
                eprintln!("SKIPPED {test}: a wire tap needs CAP_NET_RAW: {error}");
                None
            }
        }
    }

    /// Hands every datagram to `look` while `body` runs.
    pub fn during<R>(mut self, mut look: impl FnMut(Seen) + Send, body: impl FnOnce() -> R) -> R {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let mut buffer = vec![0; LONGEST];
                loop {
                    match self.socket.read(&mut buffer) {
                        Ok(length) => parse(&buffer[..length]).into_iter().for_each(&mut look),
                        // Only when nothing has come for a while: what was sent has been seen.
                        Err(_) if stop.load(Ordering::Relaxed) => return,
                        Err(_) => {}
                    }
                }
            });
            // Set even when `body` panics, so that the scope ends.
            struct Stop<'a>(&'a AtomicBool);
            impl Drop for Stop<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let _stop = Stop(stop);
            body()
        })
    }
}

/// An IPv4 packet's UDP datagram.
fn parse(packet: &[u8]) -> Option<Seen> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if packet.first()? >> 4 != 4 || *packet.get(9)? != UDP {
        return None;
    }
    let udp = packet.get(header..)?;
    let port = |at: usize| Some(u16::from_be_bytes(udp.get(at..at + 2)?.try_into().ok()?));
    Some(Seen { from: port(0)?, to: port(2)?, payload: udp.get(8..)?.to_vec() })
}
