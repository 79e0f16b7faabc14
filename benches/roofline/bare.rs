//! Bare UDP: a connected socket, `sendmsg` with segmentation, `recvmmsg` with coalescing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

use super::wire::{RECEIVE_BUFFER, Wire};

const TRAIN: usize = 1 << 16;
/// Trains per `sendmmsg`, messages per `recvmmsg`.
const BATCH: usize = 4;
const CONTROL: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// A socket and its buffers.
pub struct BareWire {
    socket: UdpSocket,
    send: Box<[u8]>,
    receive: Box<[u8]>,
    /// Length and stride of each train that waits.
    posted: Vec<(usize, usize)>,
}

impl BareWire {
    pub fn bind() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("opening a socket");
        socket.set_nonblocking(true).expect("making it non-blocking");
        set(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        if !set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER as i32) {
            socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("sizing its buffer");
        }
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        socket.bind(&any.into()).expect("binding it");
        let zeros = || vec![0; BATCH * TRAIN].into_boxed_slice();
        let posted = Vec::with_capacity(BATCH);
        Self { socket: socket.into(), send: zeros(), receive: zeros(), posted }
    }

    fn send_all(&mut self) {
        let mut controls = [Control([0; CONTROL]); BATCH];
        // SAFETY: iovec and mmsghdr are integers and pointers; all-zero bytes are valid for them.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { std::mem::zeroed() };
        for (i, (length, stride)) in self.posted.iter().enumerate() {
            vectors[i].iov_base = self.send[i * TRAIN..].as_mut_ptr().cast();
            vectors[i].iov_len = *length;
            headers[i].msg_hdr.msg_iov = &raw mut vectors[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            if length > stride {
                let header = &mut headers[i].msg_hdr;
                header.msg_control = controls[i].0.as_mut_ptr().cast();
                // SAFETY: these only compute lengths; the first control message of a buffer that is
                // large enough and aligned may be written.
                unsafe {
                    header.msg_controllen = libc::CMSG_SPACE(2) as _;
                    let cmsg = libc::CMSG_FIRSTHDR(header);
                    (*cmsg).cmsg_level = libc::SOL_UDP;
                    (*cmsg).cmsg_type = libc::UDP_SEGMENT;
                    (*cmsg).cmsg_len = libc::CMSG_LEN(2) as _;
                    libc::CMSG_DATA(cmsg).cast::<u16>().write_unaligned(*stride as u16);
                }
            }
        }
        let mut done = 0;
        while done < self.posted.len() {
            let rest = &mut headers[done..self.posted.len()];
            // SAFETY: `rest` points at iovecs, controls and buffers that outlive the call.
            let sent = unsafe {
                libc::sendmmsg(self.socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0)
            };
            done += usize::try_from(sent).unwrap_or(0);
        }
        self.posted.clear();
    }
}

impl Wire for BareWire {
    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("its address")
    }

    fn connect(&mut self, remote: SocketAddr) {
        self.socket.connect(remote).expect("connecting it");
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        let at = self.posted.len() * TRAIN;
        Some(&mut self.send[at..at + TRAIN])
    }

    fn post(&mut self, length: usize, stride: usize) {
        self.posted.push((length, stride));
        if self.posted.len() == BATCH {
            self.send_all();
        }
    }

    fn flush(&mut self) {
        if !self.posted.is_empty() {
            self.send_all();
        }
    }

    fn poll(&mut self, sink: &mut dyn FnMut(&mut [u8], usize)) {
        let mut controls = [Control([0; CONTROL]); BATCH];
        // SAFETY: iovec and mmsghdr are integers and pointers; all-zero bytes are valid for them.
        let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { std::mem::zeroed() };
        for (i, buffer) in self.receive.chunks_exact_mut(TRAIN).enumerate() {
            vectors[i].iov_base = buffer.as_mut_ptr().cast();
            vectors[i].iov_len = TRAIN;
            let header = &mut headers[i].msg_hdr;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL as _;
        }
        // SAFETY: the headers point at iovecs, controls and buffers that outlive the call; a null
        // timeout is allowed.
        let got = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let got = usize::try_from(got).unwrap_or(0);
        for (i, buffer) in self.receive.chunks_exact_mut(TRAIN).take(got).enumerate() {
            let length = headers[i].msg_len as usize;
            sink(&mut buffer[..length], stride_of(&headers[i].msg_hdr).unwrap_or(length));
        }
    }
}

/// The segment length of a coalesced message, if the kernel gave one.
fn stride_of(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel wrote the control messages that `header` describes, in a live buffer.
    unsafe {
        let cmsg = libc::CMSG_FIRSTHDR(header);
        if cmsg.is_null() || (*cmsg).cmsg_type != libc::UDP_GRO {
            return None;
        }
        usize::try_from(libc::CMSG_DATA(cmsg).cast::<i32>().read_unaligned()).ok()
    }
}

fn set(socket: &Socket, level: i32, name: i32, value: i32) -> bool {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer and length describe `value`.
    let status = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    status == 0
}

/// Pins the calling thread to a core; without effect where there is no such core.
pub fn pin(core: usize) -> io::Result<()> {
    // SAFETY: a cpu_set_t is a bit array; all-zero bytes are valid, and CPU_SET checks its range.
    let status = unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cores)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
