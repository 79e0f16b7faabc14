//! One epoll set over the sockets of a device, with an eventfd to wake its sleeper.

use std::ffi::{c_int, c_long};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::config::PORTS_MAX;
use crate::waiter::Wakeup;

/// The token of the eventfd; sockets use their index.
const WAKE_TOKEN: u64 = u64::MAX;
/// Every socket and the eventfd may be ready at once.
const READY_MAX: usize = PORTS_MAX + 1;
/// A wait longer than this is as good as one without limit.
const WAIT_MAX: Duration = Duration::from_secs(3600 * 24 * 365);

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Index of the socket.
    pub port: u16,
    /// Its error queue has entries.
    pub error: bool,
}

/// The epoll set. Level-triggered, so one sleeper and the device can share it.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    event: OwnedFd,
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked and then owned.
        let epoll = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?;
        // SAFETY: as above.
        let event = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }?;
        let poller = Self { epoll, event };
        poller.control(libc::EPOLL_CTL_ADD, poller.event.as_raw_fd(), WAKE_TOKEN, libc::EPOLLIN)?;
        Ok(poller)
    }

    /// Adds a socket.
    pub fn add(&self, fd: BorrowedFd<'_>, port: u16) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), u64::from(port), libc::EPOLLIN)
    }

    /// Whether the sleeper also wakes when the socket can send.
    pub fn want_write(&self, fd: BorrowedFd<'_>, port: u16, wanted: bool) -> io::Result<()> {
        let interest = if wanted { libc::EPOLLIN | libc::EPOLLOUT } else { libc::EPOLLIN };
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), u64::from(port), interest)
    }

    /// Takes a socket out, so that a broken one cannot keep the sleeper awake.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0)
    }

    fn control(&self, operation: c_int, fd: RawFd, token: u64, interest: c_int) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest as u32, u64: token };
        // SAFETY: the pointer is to a live event.
        let status =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Passes each socket that can receive, or has an error to tell, to `found`. Never sleeps.
    pub fn poll(&self, mut found: impl FnMut(Ready)) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_MAX];
        let no_mask: *const libc::sigset_t = std::ptr::null();
        // Not by the C library: its call is a cancellation point, which costs a thread that looks
        // again and again a tenth of its looks.
        // SAFETY: the pointer and count describe `events`; a null signal mask is allowed, with the
        // size that the kernel expects of one.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                READY_MAX as c_int,
                0,
                no_mask,
                0usize,
            )
        };
        // A failure can only be an interruption: the next poll sees the same state.
        for event in events.iter().take(usize::try_from(count).unwrap_or(0)) {
            let flags = event.events as c_int;
            let error = flags & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
            let Ok(port) = u16::try_from(event.u64) else { continue };
            if error || flags & libc::EPOLLIN != 0 {
                found(Ready { port, error });
            }
        }
    }

    /// Sleeps until a socket is ready, [`wake`](Self::wake) is called, or the time is up.
    pub fn wait(&self, timeout: Option<Duration>) -> Wakeup {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_MAX];
        let count = match usize::try_from(self.sleep(timeout, &mut events)) {
            Ok(0) => return Wakeup::TimedOut,
            Ok(count) => count,
            Err(_) => return Wakeup::Woken,
        };
        let mut wakeup = Wakeup::Woken;
        for event in &events[..count] {
            if event.u64 == WAKE_TOKEN {
                self.clear();
            } else {
                wakeup = Wakeup::Ready;
            }
        }
        wakeup
    }

    /// `epoll_pwait2` (Linux 5.11) for nanoseconds, else `epoll_wait` for whole milliseconds.
    fn sleep(&self, timeout: Option<Duration>, events: &mut [libc::epoll_event]) -> c_long {
        /// `struct __kernel_timespec`: 64 bits each on every architecture.
        #[repr(C)]
        struct KernelTimespec {
            seconds: i64,
            nanoseconds: i64,
        }
        let timeout = timeout.filter(|t| *t < WAIT_MAX);
        let spec = timeout.map(|t| KernelTimespec {
            seconds: t.as_secs() as i64,
            nanoseconds: i64::from(t.subsec_nanos()),
        });
        let pointer = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let epoll = self.epoll.as_raw_fd();
        let no_mask: *const libc::sigset_t = std::ptr::null();
        // SAFETY: `events` and the timespec (or null) outlive the call; a null signal mask is
        // allowed, with the size that the kernel expects of one.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                epoll,
                events.as_mut_ptr(),
                events.len() as c_int,
                pointer,
                no_mask,
                0usize,
            )
        };
        if count >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS) {
            return count;
        }
        let millis = timeout.map_or(-1, |t| {
            c_int::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
        });
        // SAFETY: the pointer and count describe `events`.
        c_long::from(unsafe {
            libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as c_int, millis)
        })
    }

    /// Wakes the sleeper, or the next one.
    pub fn wake(&self) {
        let one: u64 = 1;
        // A failure can only mean that the counter is full: then a wake-up is already waiting.
        // SAFETY: the pointer and length describe `one`.
        let _ = unsafe { libc::write(self.event.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    fn clear(&self) {
        let mut counter: u64 = 0;
        // A failure can only mean that another sleeper cleared it first.
        // SAFETY: the pointer and length describe `counter`.
        let _ = unsafe { libc::read(self.event.as_raw_fd(), (&raw mut counter).cast(), 8) };
    }
}

/// Owns a descriptor that a system call just returned.
///
/// # Safety
/// `fd` must be negative (a failure), or open and owned by nobody else.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller promises that the descriptor is open and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
