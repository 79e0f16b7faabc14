//! The ports and GIDs of this host.

use crate::choose::{Candidate, GidKind, Link, PortState};
use crate::error::VerbsError;
use crate::sys::{Context, DeviceList, Port};

/// `IBV_LINK_LAYER_ETHERNET`.
const ETHERNET: u32 = 2;

/// Every GID of every port of every verbs device of this host. Devices that cannot be opened are left
/// out, with a warning.
///
/// # Errors
///
/// [`VerbsError::System`] where the library cannot list devices. A host without any has none: that is
/// no error.
pub fn candidates() -> Result<Vec<Candidate>, VerbsError> {
    let Some(list) = devices()? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (index, name) in list.names().iter().enumerate() {
        match list.open(index).and_then(|context| of_device(&context, name)) {
            Ok(some) => found.extend(some),
            Err(error) => tracing::warn!(%error, name, "cannot look at a verbs device"),
        }
    }
    Ok(found)
}

/// The devices; `None` where the kernel has no RDMA at all.
pub(super) fn devices() -> Result<Option<DeviceList>, VerbsError> {
    match DeviceList::new() {
        Ok(list) => Ok(Some(list)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        // The library says ENOSYS where the kernel's module is not loaded.
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(None),
        Err(source) => {
            let device = "list".to_owned();
            Err(VerbsError::System { what: "listing the devices", device, source })
        }
    }
}

/// The candidates of an open device.
pub(super) fn of_device(context: &Context, name: &str) -> std::io::Result<Vec<Candidate>> {
    let ports = context.limits()?.ports.min(u32::from(u8::MAX)) as u8;
    let gids = context.gids()?;
    let mut found = Vec::new();
    for port in 1..=ports {
        let attributes = context.port(port)?;
        for gid in gids.iter().filter(|gid| gid.port == u32::from(port) && gid.raw != [0; 16]) {
            found.push(Candidate {
                device: name.to_owned(),
                port,
                state: PortState::from_verbs(attributes.state),
                link: link(&attributes),
                mtu: mtu(attributes.active_mtu),
                lid: attributes.lid as u16,
                gid_index: gid.index,
                gid: gid.raw,
                kind: kind(gid.kind),
            });
        }
    }
    Ok(found)
}

const fn link(port: &Port) -> Link {
    if port.link_layer == ETHERNET { Link::Ethernet } else { Link::InfiniBand }
}

/// The bytes of an `ibv_mtu`: 1 is 256, and each next one twice as many.
const fn mtu(code: u32) -> u16 {
    if code >= 1 && code <= 5 { 128 << code } else { 0 }
}

/// The kind of an `ibv_gid_type`.
const fn kind(code: u32) -> GidKind {
    match code {
        1 => GidKind::RoceV1,
        2 => GidKind::RoceV2,
        _ => GidKind::InfiniBand,
    }
}
