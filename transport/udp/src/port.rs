//! One socket of the device, opened and configured.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::UdpConfig;
use crate::error::{Opening, UdpError};
use crate::report::Report;
use crate::sys::interface::{self, Interface};
use crate::sys::option;
use crate::sys::socket::{self, Message};
use crate::transmit::Wire;

/// Send buffer to ask for, in bytes: some sixteen trains may wait in the host's queue.
const SEND_BUFFER: i32 = 1 << 20;
/// Error reports read at a time: an ICMP flood must not hold up the data.
const ERRORS_MAX: usize = 32;
/// IPv4 and UDP header, without options.
const HEADERS_V4: u16 = 20 + 8;
/// IPv6 and UDP header, without extensions.
const HEADERS_V6: u16 = 40 + 8;
/// Assumed where the interface is unknown.
const MTU_ETHERNET: u32 = 1500;

/// An open socket.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    /// The address that peers reach it by.
    pub address: SocketAddr,
    /// Receive buffer that the kernel granted, as it counts: twice the payload asked for.
    pub receive_buffer: u64,
}

impl Port {
    /// Opens a socket at the address in `opening`.
    pub fn open(
        opening: Opening,
        config: &UdpConfig,
        interfaces: &[Interface],
    ) -> Result<Self, UdpError> {
        let failed = |what: &'static str| move |source| opening.error(what, source);
        let domain = Domain::for_address(opening.address);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed("opening a socket"))?;
        socket.set_nonblocking(true).map_err(failed("setting O_NONBLOCK"))?;
        let fd = socket.as_fd();
        configure(fd, opening.address.is_ipv4()).map_err(failed("setting a socket option"))?;
        if config.gro {
            // A kernel before 5.0 lacks it; datagrams then come one by one, as the contract allows.
            let _ = option::set(fd, libc::SOL_UDP, libc::UDP_GRO, 1);
        }
        let asked = i32::try_from(config.receive_buffer).unwrap_or(i32::MAX);
        let receive_buffer =
            size_receive_buffer(fd, asked).map_err(failed("sizing the receive buffer"))?;
        socket.bind(&opening.address.into()).map_err(failed("binding"))?;
        let socket = UdpSocket::from(socket);
        let mut address = socket.local_addr().map_err(failed("reading the local address"))?;
        if address.ip().is_unspecified() {
            address.set_ip(reachable(address.is_ipv4(), interfaces));
        }
        Ok(Self { socket, address, receive_buffer })
    }

    /// The socket's descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether the kernel can split trains (`UDP_SEGMENT`, Linux 4.18).
    pub fn has_gso(&self) -> bool {
        // Zero leaves the socket's default (no splitting) as it is.
        option::set(self.fd(), libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok()
    }

    /// The largest payload that the interface behind this socket carries, in bytes.
    pub fn mtu(&self, interfaces: &[Interface]) -> u16 {
        let ip = self.address.ip();
        let named = interfaces.iter().find(|i| i.address == ip);
        // All of 127.0.0.0/8 is the loopback interface's, though only 127.0.0.1 is listed.
        let named = named.or_else(|| interfaces.iter().find(|i| ip.is_loopback() && i.loopback));
        let mtu = named.and_then(|i| interface::mtu(self.fd(), &i.name).ok());
        let mtu = u16::try_from(mtu.unwrap_or(MTU_ETHERNET)).unwrap_or(u16::MAX);
        mtu.saturating_sub(header_bytes(ip.is_ipv4()))
    }

    /// Reads waiting error reports, at most [`ERRORS_MAX`].
    pub fn drain_errors(&self, local: u16, report: &mut Report) {
        for _ in 0..ERRORS_MAX {
            let Some(error) = socket::receive_error(self.fd()) else { break };
            report.network_error(local, &error);
        }
    }
}

impl Wire for Port {
    fn send(&self, messages: &[Message<'_>]) -> io::Result<usize> {
        socket::send_batch(self.fd(), messages)
    }

    fn drain_errors(&self, local: u16, report: &mut Report) {
        Self::drain_errors(self, local, report);
    }
}

/// IP and UDP header bytes of each datagram.
pub fn header_bytes(ipv4: bool) -> u16 {
    if ipv4 { HEADERS_V4 } else { HEADERS_V6 }
}

/// ECN marks and error reports in, no fragments out.
fn configure(fd: BorrowedFd<'_>, ipv4: bool) -> io::Result<()> {
    // PROBE: never fragment, and do not let a forged ICMP shrink what may be sent.
    let (level, options) = if ipv4 {
        (
            libc::IPPROTO_IP,
            [
                (libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
                (libc::IP_RECVTOS, 1),
                (libc::IP_RECVERR, 1),
            ],
        )
    } else {
        option::set(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
        (
            libc::IPPROTO_IPV6,
            [
                (libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE),
                (libc::IPV6_RECVTCLASS, 1),
                (libc::IPV6_RECVERR, 1),
            ],
        )
    };
    for (name, value) in options {
        option::set(fd, level, name, value)?;
    }
    option::set(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)?;
    if option::set(fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER).is_err() {
        option::set(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, SEND_BUFFER)?;
    }
    Ok(())
}

/// Asks for `asked` bytes; returns what the kernel granted, in its own (doubled) count.
fn size_receive_buffer(fd: BorrowedFd<'_>, asked: i32) -> io::Result<u64> {
    if option::set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, asked).is_err() {
        option::set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, asked)?;
    }
    let granted = option::get(fd, libc::SOL_SOCKET, libc::SO_RCVBUF)?;
    Ok(u64::try_from(granted).unwrap_or(0))
}

/// The address to tell peers when the socket is bound to all of them: the first that is neither
/// loopback nor link-local, else loopback.
fn reachable(ipv4: bool, interfaces: &[Interface]) -> IpAddr {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(v4) => ipv4 && !v4.is_link_local(),
        IpAddr::V6(v6) => !ipv4 && !v6.is_unicast_link_local(),
    };
    let outside = interfaces.iter().find(|i| !i.loopback && usable(&i.address));
    let loopback = if ipv4 { Ipv4Addr::LOCALHOST.into() } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    outside.map_or(loopback, |i| i.address)
}

/// The local address that this host would send from to reach `remote`. Nothing is sent.
///
/// # Errors
/// The operating system's, if there is no route.
pub fn local_ip_for(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Port 0 cannot be connected to on all systems; the route does not depend on it.
    let port = if remote.port() == 0 { 1 } else { remote.port() };
    let mut remote = remote;
    remote.set_port(port);
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}
