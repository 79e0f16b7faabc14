//! Devices, contexts and protection domains.

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use super::check;
use super::raw::{self, Event, Gid, Limits, Port};

/// The RDMA devices of this host.
pub struct DeviceList {
    list: NonNull<c_void>,
    count: c_int,
}

impl DeviceList {
    pub fn new() -> io::Result<Self> {
        let mut count = 0;
        // SAFETY: the pointer is to a live integer.
        let list = unsafe { raw::sl_devices(&raw mut count) };
        let list = NonNull::new(list).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { list, count })
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<String> {
        (0..self.count)
            .map(|index| {
                // SAFETY: the index is below the count, and names live as long as the list.
                let name = unsafe { raw::sl_device_name(self.list.as_ptr(), index) };
                if name.is_null() {
                    return String::new();
                }
                // SAFETY: not null, and a C string of the library's.
                unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
            })
            .collect()
    }

    /// Opens the device of this index.
    pub fn open(&self, index: usize) -> io::Result<Arc<Context>> {
        let index = c_int::try_from(index).ok().filter(|index| *index < self.count);
        let index = index.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        // SAFETY: the index is below the count.
        let context = unsafe { raw::sl_open(self.list.as_ptr(), index) };
        let context = NonNull::new(context).ok_or_else(io::Error::last_os_error)?;
        Ok(Arc::new(Context(context)))
    }
}

impl Drop for DeviceList {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { raw::sl_free_devices(self.list.as_ptr()) }
    }
}

/// An open device.
#[derive(Debug)]
pub struct Context(NonNull<c_void>);

// SAFETY: verbs calls are thread-safe (ibv_* manual pages), and the pointer is ours alone.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }

    pub fn limits(&self) -> io::Result<Limits> {
        let mut limits = Limits::default();
        // SAFETY: the context lives, and the pointer is to a live structure.
        check(unsafe { raw::sl_query_device(self.as_ptr(), &raw mut limits) })?;
        Ok(limits)
    }

    pub fn port(&self, port: u8) -> io::Result<Port> {
        let mut found = Port::default();
        // SAFETY: as above.
        check(unsafe { raw::sl_query_port(self.as_ptr(), port, &raw mut found) })?;
        Ok(found)
    }

    /// The GIDs of all ports, the first 256.
    pub fn gids(&self) -> io::Result<Vec<Gid>> {
        let mut found = vec![Gid::default(); 256];
        let most = found.len() as u32;
        // SAFETY: the context lives, and the pointer and count describe `found`.
        let count = unsafe { raw::sl_query_gids(self.as_ptr(), found.as_mut_ptr(), most) };
        found.truncate(usize::try_from(check(count)?).unwrap_or(0));
        Ok(found)
    }

    /// The descriptor that asynchronous events come from.
    pub fn async_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the context, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(raw::sl_async_fd(self.as_ptr())) }
    }

    /// The next asynchronous event, if the descriptor does not block.
    pub fn async_event(&self) -> io::Result<Event> {
        let mut event = Event::default();
        // SAFETY: the context lives, and the pointer is to a live structure.
        check(unsafe { raw::sl_async_event(self.as_ptr(), &raw mut event) })?;
        Ok(event)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: everything made from it held an `Arc` and is gone.
        unsafe { raw::sl_close(self.as_ptr()) }
    }
}

/// A protection domain.
#[derive(Debug)]
pub struct Domain {
    domain: NonNull<c_void>,
    _context: Arc<Context>,
}

// SAFETY: as for `Context`.
unsafe impl Send for Domain {}
// SAFETY: as above.
unsafe impl Sync for Domain {}

impl Domain {
    pub fn new(context: &Arc<Context>) -> io::Result<Arc<Self>> {
        // SAFETY: the context lives.
        let domain = unsafe { raw::sl_alloc_pd(context.as_ptr()) };
        let domain = NonNull::new(domain).ok_or_else(io::Error::last_os_error)?;
        Ok(Arc::new(Self { domain, _context: Arc::clone(context) }))
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.domain.as_ptr()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: everything made from it held an `Arc` and is gone.
        unsafe { raw::sl_dealloc_pd(self.as_ptr()) }
    }
}
