//! The interfaces of this host, for people to look at.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;

use crate::port::header_bytes;
use crate::sys::interface;

/// One address of one interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// The interface's MTU, IP header included.
    pub mtu: u32,
    /// The largest datagram payload that fits.
    pub payload: u16,
    /// It leads nowhere but back.
    pub loopback: bool,
}

/// The addresses of all interfaces that are up.
///
/// # Errors
///
/// The operating system's.
pub fn interfaces() -> io::Result<Vec<InterfaceAddress>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut found = Vec::new();
    for entry in interface::interfaces()? {
        let mtu = interface::mtu(socket.as_fd(), &entry.name)?;
        let room = u16::try_from(mtu).unwrap_or(u16::MAX);
        found.push(InterfaceAddress {
            interface: entry.name.to_string_lossy().into_owned(),
            address: entry.address,
            mtu,
            payload: room.saturating_sub(header_bytes(entry.address.is_ipv4())),
            loopback: entry.loopback,
        });
    }
    Ok(found)
}
