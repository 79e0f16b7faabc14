//! Batches through a socket: `sendmmsg`, `recvmmsg`, and the error queue.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use sealane_transport::device::Ecn;

use super::address::{self, Name};
use super::control::{self, Ancillary, Control};

/// The most messages in one `sendmmsg`.
pub const SEND_BATCH: usize = 16;
/// The most messages in one `recvmmsg`. Small, so that what is received is still in cache when it
/// is opened: 8 × 64 KiB stay inside an L2 cache.
pub const RECEIVE_BATCH: usize = 8;

/// Room for what is sent (ECN, segment size) and received (also the overflow counter).
const SEND_CONTROL: usize = 64;
const RECEIVE_CONTROL: usize = 128;
/// An error report carries an extended error, an address and whatever else is switched on.
const ERROR_CONTROL: usize = 512;

/// One message to send.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub bytes: &'a [u8],
    pub remote: SocketAddr,
    pub ecn: Ecn,
    /// Segment length, if the kernel is to split the message.
    pub stride: Option<u16>,
}

/// One message received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival {
    pub length: usize,
    /// `None` if the kernel gave no readable address.
    pub remote: Option<SocketAddr>,
    pub ancillary: Ancillary,
    /// The payload or the ancillary data was cut off.
    pub truncated: bool,
}

/// One entry of a socket's error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError {
    /// What happened, 0 for a report that is no error.
    pub errno: i32,
    /// Where the offending datagram was going, if the report says.
    pub remote: Option<SocketAddr>,
    /// For `EMSGSIZE` the path MTU in bytes, IP header included.
    pub info: u32,
}

/// An empty `iovec`, `msghdr` or `mmsghdr`.
fn empty<T: Headers>() -> T {
    // SAFETY: `Headers` are C structs of integers and pointers; all-zero bytes are valid for them.
    unsafe { mem::zeroed() }
}

/// C structs for which all-zero bytes are a valid, empty value.
trait Headers {}
impl Headers for libc::iovec {}
impl Headers for libc::msghdr {}
impl Headers for libc::mmsghdr {}

/// Sends up to [`SEND_BATCH`] messages without blocking; returns how many the kernel took. An error
/// concerns the first message (or is one that an earlier datagram left behind on the socket).
pub fn send_batch(fd: BorrowedFd<'_>, messages: &[Message<'_>]) -> io::Result<usize> {
    let count = messages.len().min(SEND_BATCH);
    let mut names = [Name::default(); SEND_BATCH];
    let mut controls = [const { Control::<SEND_CONTROL>::new() }; SEND_BATCH];
    let mut vectors = [empty::<libc::iovec>(); SEND_BATCH];
    let mut headers = [empty::<libc::mmsghdr>(); SEND_BATCH];
    for (i, message) in messages[..count].iter().enumerate() {
        let (name, name_length) = Name::encode(&message.remote);
        names[i] = name;
        let used = controls[i].encode(message.remote.is_ipv4(), message.ecn, message.stride);
        // The kernel only reads what a sent iovec points at.
        vectors[i].iov_base = message.bytes.as_ptr().cast_mut().cast();
        vectors[i].iov_len = message.bytes.len();
        let header = &mut headers[i].msg_hdr;
        header.msg_name = names[i].bytes.as_mut_ptr().cast();
        header.msg_namelen = name_length;
        header.msg_iov = &raw mut vectors[i];
        header.msg_iovlen = 1;
        if used > 0 {
            header.msg_control = controls[i].bytes.as_mut_ptr().cast();
            header.msg_controllen = used as _;
        }
    }
    // SAFETY: the first `count` headers point at names, iovecs and controls that live until the end
    // of this function with the lengths set above, and each iovec at a slice borrowed meanwhile.
    let sent = unsafe {
        libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count as u32, libc::MSG_DONTWAIT)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Bytes of ancillary data that the kernel wrote.
#[allow(clippy::unnecessary_cast, reason = "the field is narrower on musl")]
fn control_length(header: &libc::msghdr) -> usize {
    header.msg_controllen as usize
}

/// Receives up to `arrivals.len()` (at most [`RECEIVE_BATCH`]) messages without blocking, message
/// `i` into chunk `i` of `buffers`, each `size` bytes; returns how many came.
pub fn receive_batch(
    fd: BorrowedFd<'_>,
    buffers: &mut [u8],
    size: usize,
    arrivals: &mut [Arrival],
) -> io::Result<usize> {
    let mut names = [Name::default(); RECEIVE_BATCH];
    let mut controls = [const { Control::<RECEIVE_CONTROL>::new() }; RECEIVE_BATCH];
    let mut vectors = [empty::<libc::iovec>(); RECEIVE_BATCH];
    let mut headers = [empty::<libc::mmsghdr>(); RECEIVE_BATCH];
    let mut count = 0;
    for (i, buffer) in buffers.chunks_exact_mut(size).take(arrivals.len()).enumerate() {
        if i == RECEIVE_BATCH {
            break;
        }
        vectors[i].iov_base = buffer.as_mut_ptr().cast();
        vectors[i].iov_len = buffer.len();
        let header = &mut headers[i].msg_hdr;
        header.msg_name = names[i].bytes.as_mut_ptr().cast();
        header.msg_namelen = size_of::<Name>() as u32;
        header.msg_iov = &raw mut vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = controls[i].bytes.as_mut_ptr().cast();
        header.msg_controllen = RECEIVE_CONTROL as _;
        count += 1;
    }
    // SAFETY: the first `count` headers point at names, iovecs and controls that live until the end
    // of this function with the lengths set above, and each iovec at its own chunk of `buffers`,
    // borrowed mutably meanwhile. A null timeout is allowed.
    let got = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count as u32,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?.min(count);
    for (i, arrival) in arrivals[..got].iter_mut().enumerate() {
        let header = &headers[i].msg_hdr;
        let controls = &controls[i].bytes[..control_length(header).min(RECEIVE_CONTROL)];
        let flags = header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC);
        *arrival = Arrival {
            length: (headers[i].msg_len as usize).min(size),
            remote: named(&names[i], header.msg_namelen),
            ancillary: control::decode(controls),
            truncated: flags != 0,
        };
    }
    Ok(got)
}

/// Takes one entry off the socket's error queue; `None` when it is empty.
pub fn receive_error(fd: BorrowedFd<'_>) -> Option<NetworkError> {
    let mut name = Name::default();
    let mut control = Control::<ERROR_CONTROL>::new();
    let mut header = empty::<libc::msghdr>();
    // No iovec: the quoted payload is of no use, and a hint needs no more than the address.
    header.msg_name = name.bytes.as_mut_ptr().cast();
    header.msg_namelen = size_of::<Name>() as u32;
    header.msg_control = control.bytes.as_mut_ptr().cast();
    header.msg_controllen = ERROR_CONTROL as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: `header` points at a name and a control buffer that outlive the call, with their
    // lengths; it has no iovec.
    let got = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    if got < 0 {
        return None;
    }
    let used = control_length(&header).min(ERROR_CONTROL);
    let remote = named(&name, header.msg_namelen);
    Some(match control::decode_error(&control.bytes[..used]) {
        Some((errno, origin, info)) if is_error(origin) => NetworkError { errno, remote, info },
        _ => NetworkError { errno: 0, remote, info: 0 },
    })
}

/// Error reports come from the local stack or from ICMP; timestamps share the queue.
fn is_error(origin: u8) -> bool {
    matches!(origin, libc::SO_EE_ORIGIN_LOCAL | libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6)
}

fn named(name: &Name, length: u32) -> Option<SocketAddr> {
    address::decode(&name.bytes[..(length as usize).min(name.bytes.len())])
}
