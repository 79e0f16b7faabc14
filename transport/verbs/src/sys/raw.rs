//! The shim's structures and functions, as `shim.c` has them.

use std::ffi::{c_char, c_int, c_void};

/// What a device allows.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub ports: u32,
    pub max_qp: u32,
    pub max_qp_wr: u32,
    pub max_cqe: u32,
}

/// What a port is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Port {
    pub state: u32,
    pub active_mtu: u32,
    pub gid_entries: u32,
    pub lid: u32,
    pub link_layer: u32,
}

/// An entry of a port's table of GIDs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Gid {
    pub raw: [u8; 16],
    pub kind: u32,
    pub interface: u32,
    pub port: u32,
    pub index: u32,
}

/// Sizes of a queue pair: asked for, then granted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Caps {
    pub send: u32,
    pub receive: u32,
    pub inline_bytes: u32,
}

/// Where an address handle leads.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Destination {
    pub gid: [u8; 16],
    pub lid: u32,
    pub gid_index: u8,
    pub port: u8,
    pub traffic_class: u8,
    pub hop_limit: u8,
}

/// A send of one piece.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Send {
    pub id: u64,
    pub address: u64,
    pub destination: *mut c_void,
    pub length: u32,
    pub remote_qpn: u32,
    pub flags: u32,
    pub reserved: u32,
}

/// A receive into one slot.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    pub id: u64,
    pub address: u64,
}

/// What became of a work request.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Completion {
    pub id: u64,
    pub status: u32,
    pub vendor: u32,
    pub length: u32,
    pub source_qpn: u32,
    pub flags: u32,
    pub source_lid: u32,
}

/// Something that happened apart from any work request.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Event {
    pub kind: u32,
    /// The queue pair or port that it is about, by kind.
    pub number: u32,
}

/// [`Send::flags`]: a completion is asked for.
pub const SEND_SIGNALLED: u32 = 1;
/// [`Send::flags`]: the bytes are copied into the work request.
pub const SEND_INLINE: u32 = 2;
/// [`Completion::flags`]: the first 40 bytes are a routing header.
pub const HAS_GRH: u32 = 1;

// The same sizes as `shim.c` asserts.
const _: () = assert!(size_of::<Limits>() == 16 && size_of::<Port>() == 20);
const _: () = assert!(size_of::<Gid>() == 32 && size_of::<Caps>() == 12);
const _: () = assert!(size_of::<Destination>() == 24 && size_of::<Send>() == 40);
const _: () = assert!(size_of::<Receive>() == 16 && size_of::<Completion>() == 32);
const _: () = assert!(size_of::<Event>() == 8);

unsafe extern "C" {
    pub fn sl_devices(count: *mut c_int) -> *mut c_void;
    pub fn sl_free_devices(list: *mut c_void);
    pub fn sl_device_name(list: *mut c_void, index: c_int) -> *const c_char;
    pub fn sl_open(list: *mut c_void, index: c_int) -> *mut c_void;
    pub fn sl_close(context: *mut c_void);
    pub fn sl_query_device(context: *mut c_void, out: *mut Limits) -> c_int;
    pub fn sl_query_port(context: *mut c_void, port: u8, out: *mut Port) -> c_int;
    pub fn sl_query_gids(context: *mut c_void, out: *mut Gid, most: u32) -> c_int;
    pub fn sl_async_fd(context: *mut c_void) -> c_int;
    pub fn sl_async_event(context: *mut c_void, out: *mut Event) -> c_int;
    pub fn sl_alloc_pd(context: *mut c_void) -> *mut c_void;
    pub fn sl_dealloc_pd(pd: *mut c_void);
    pub fn sl_register(
        pd: *mut c_void,
        address: *mut c_void,
        length: u64,
        lkey: *mut u32,
    ) -> *mut c_void;
    pub fn sl_deregister(mr: *mut c_void);
    pub fn sl_create_channel(context: *mut c_void) -> *mut c_void;
    pub fn sl_channel_fd(channel: *mut c_void) -> c_int;
    pub fn sl_destroy_channel(channel: *mut c_void);
    pub fn sl_create_cq(context: *mut c_void, entries: u32, channel: *mut c_void) -> *mut c_void;
    pub fn sl_destroy_cq(cq: *mut c_void);
    pub fn sl_arm(cq: *mut c_void) -> c_int;
    pub fn sl_drain(channel: *mut c_void) -> c_int;
    pub fn sl_create_qp(pd: *mut c_void, cq: *mut c_void, caps: *mut Caps) -> *mut c_void;
    pub fn sl_destroy_qp(qp: *mut c_void);
    pub fn sl_qp_number(qp: *mut c_void) -> u32;
    pub fn sl_qp_reset(qp: *mut c_void) -> c_int;
    #[cfg(test)]
    pub fn sl_qp_fail(qp: *mut c_void) -> c_int;
    pub fn sl_qp_init(qp: *mut c_void, port: u8, qkey: u32) -> c_int;
    pub fn sl_qp_ready_to_receive(qp: *mut c_void) -> c_int;
    pub fn sl_qp_ready_to_send(qp: *mut c_void) -> c_int;
    pub fn sl_create_ah(pd: *mut c_void, to: *const Destination) -> *mut c_void;
    pub fn sl_destroy_ah(ah: *mut c_void);
    pub fn sl_post_send(
        qp: *mut c_void,
        qkey: u32,
        lkey: u32,
        sends: *const Send,
        count: u32,
        error: *mut c_int,
    ) -> u32;
    pub fn sl_post_receive(
        qp: *mut c_void,
        lkey: u32,
        length: u32,
        receives: *const Receive,
        count: u32,
        error: *mut c_int,
    ) -> u32;
    pub fn sl_poll(cq: *mut c_void, out: *mut Completion, most: u32) -> c_int;
}
