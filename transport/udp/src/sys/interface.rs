//! The host's network interfaces: addresses and MTUs.

use std::ffi::{CStr, CString};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::address;

/// One address of one interface that is up.
#[derive(Clone, Debug)]
pub struct Interface {
    pub name: CString,
    pub address: IpAddr,
    pub loopback: bool,
}

/// The addresses of all interfaces that are up.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer is to a live list head.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = head;
    while !next.is_null() {
        // SAFETY: a non-null entry of the list is valid until `freeifaddrs`.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        if entry.ifa_flags & libc::IFF_UP as u32 == 0 || entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: `ifa_addr` is non-null and starts with its family.
        let family = unsafe { (*entry.ifa_addr).sa_family };
        let Some(length) = address::length_of(family) else { continue };
        // SAFETY: an address of this family has `length` bytes.
        let bytes = unsafe { std::slice::from_raw_parts(entry.ifa_addr.cast::<u8>(), length) };
        // SAFETY: `ifa_name` is a NUL-terminated string, valid until `freeifaddrs`.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_owned();
        if let Some(address) = address::decode(bytes) {
            let loopback = entry.ifa_flags & libc::IFF_LOOPBACK as u32 != 0;
            found.push(Interface { name, address: address.ip(), loopback });
        }
    }
    // SAFETY: the list came from `getifaddrs`; nothing borrowed from it is left.
    unsafe { libc::freeifaddrs(head) };
    Ok(found)
}

/// The MTU of an interface in bytes, IP header included. Any socket will do to ask with.
pub fn mtu(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<u32> {
    // SAFETY: an `ifreq` is integers and arrays; all-zero bytes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero: the kernel wants the name terminated.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.to_bytes()) {
        *to = *from as libc::c_char;
    }
    // SAFETY: SIOCGIFMTU reads the name and writes the MTU of the live `request`.
    let status =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU as _, &raw mut request) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: after success the union holds the MTU.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    Ok(u32::try_from(mtu).unwrap_or(0))
}
