//! Completion channels and queues, queue pairs, address handles.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use super::check;
use super::context::{Context, Domain};
use super::memory::{Slot, SlotPool};
use super::raw::{
    self, Caps, Completion, Destination, Receive, SEND_INLINE, SEND_SIGNALLED, Send as RawSend,
};

/// What tells a sleeper of completions.
#[derive(Debug)]
pub struct Channel {
    channel: NonNull<c_void>,
    context: Arc<Context>,
}

// SAFETY: verbs calls are thread-safe, and the pointer is ours alone.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

impl Channel {
    pub fn new(context: &Arc<Context>) -> io::Result<Arc<Self>> {
        // SAFETY: the context lives.
        let channel = unsafe { raw::sl_create_channel(context.as_ptr()) };
        let channel = NonNull::new(channel).ok_or_else(io::Error::last_os_error)?;
        Ok(Arc::new(Self { channel, context: Arc::clone(context) }))
    }

    /// Readable when a completion queue that was armed has a completion.
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open as long as the channel, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(raw::sl_channel_fd(self.channel.as_ptr())) }
    }

    /// Takes the events that wait; returns how many. The descriptor must not block.
    pub fn drain(&self) -> c_int {
        // SAFETY: the channel lives; its queues hold an `Arc` of it and are destroyed first, which
        // waits until their events are acknowledged, as the shim does at once.
        unsafe { raw::sl_drain(self.channel.as_ptr()) }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // SAFETY: its queues held an `Arc` and are gone.
        unsafe { raw::sl_destroy_channel(self.channel.as_ptr()) }
    }
}

/// A completion queue.
#[derive(Debug)]
pub struct CompletionQueue {
    queue: NonNull<c_void>,
    channel: Arc<Channel>,
}

// SAFETY: as for `Channel`.
unsafe impl Send for CompletionQueue {}
// SAFETY: as above.
unsafe impl Sync for CompletionQueue {}

impl CompletionQueue {
    pub fn new(channel: &Arc<Channel>, entries: u32) -> io::Result<Arc<Self>> {
        let (context, at) = (channel.context.as_ptr(), channel.channel.as_ptr());
        // SAFETY: context and channel live.
        let queue = unsafe { raw::sl_create_cq(context, entries, at) };
        let queue = NonNull::new(queue).ok_or_else(io::Error::last_os_error)?;
        Ok(Arc::new(Self { queue, channel: Arc::clone(channel) }))
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The next completion makes the channel readable.
    pub fn arm(&self) -> io::Result<()> {
        // SAFETY: the queue lives.
        check(unsafe { raw::sl_arm(self.queue.as_ptr()) }).map(drop)
    }

    /// Takes completions, as many as `out` has room for or fewer; returns how many.
    pub fn poll(&self, out: &mut [Completion]) -> usize {
        let most = u32::try_from(out.len()).unwrap_or(u32::MAX);
        // SAFETY: the pointer and count describe `out`.
        let count = unsafe { raw::sl_poll(self.queue.as_ptr(), out.as_mut_ptr(), most) };
        // A failure of the queue is told by an asynchronous event too.
        usize::try_from(count).unwrap_or(0)
    }
}

impl Drop for CompletionQueue {
    fn drop(&mut self) {
        // SAFETY: its queue pairs held an `Arc` and are gone.
        unsafe { raw::sl_destroy_cq(self.queue.as_ptr()) }
    }
}

/// A send that a chain is made of. It holds nothing: what it points to is held by the ring.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct ChainedSend(RawSend);

impl ChainedSend {
    /// A send of `length` bytes from `offset` of a slot.
    pub fn new(
        id: u64,
        (pool, slot): (&SlotPool, &Slot),
        (offset, length): (usize, usize),
        (handle, remote_qpn): (&AddressHandle, u32),
        (signalled, inline): (bool, bool),
    ) -> Self {
        debug_assert!(offset + length <= pool.slot_bytes());
        let mut flags = 0;
        if signalled {
            flags |= SEND_SIGNALLED;
        }
        if inline {
            flags |= SEND_INLINE;
        }
        Self(RawSend {
            id,
            address: pool.address(slot) + offset as u64,
            destination: handle.handle.as_ptr(),
            length: length as u32,
            remote_qpn,
            flags,
            reserved: 0,
        })
    }

    /// Bytes of the datagram.
    pub const fn length(&self) -> usize {
        self.0.length as usize
    }

    /// Whether the bytes are copied into the request.
    pub const fn is_inline(&self) -> bool {
        self.0.flags & SEND_INLINE != 0
    }
}

// SAFETY: the pointer in it is followed by the device alone, when it is posted.
unsafe impl Send for ChainedSend {}

/// An unreliable-datagram queue pair.
#[derive(Debug)]
pub struct QueuePair {
    pair: NonNull<c_void>,
    _queue: Arc<CompletionQueue>,
    _domain: Arc<Domain>,
}

// SAFETY: as for `Channel`.
unsafe impl Send for QueuePair {}

impl QueuePair {
    /// A queue pair in the state RESET; `caps` says what was asked for, then what was granted.
    pub fn new(
        domain: &Arc<Domain>,
        queue: &Arc<CompletionQueue>,
        caps: &mut Caps,
    ) -> io::Result<Self> {
        let (pd, cq) = (domain.as_ptr(), queue.queue.as_ptr());
        // SAFETY: domain and queue live, and the pointer is to a live structure.
        let pair = unsafe { raw::sl_create_qp(pd, cq, caps) };
        let pair = NonNull::new(pair).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { pair, _queue: Arc::clone(queue), _domain: Arc::clone(domain) })
    }

    /// Its number, 24 bits.
    pub fn number(&self) -> u32 {
        // SAFETY: the pair lives.
        unsafe { raw::sl_qp_number(self.pair.as_ptr()) }
    }

    /// To RESET: everything posted is thrown out, without completions.
    pub fn reset(&self) -> io::Result<()> {
        // SAFETY: the pair lives.
        check(unsafe { raw::sl_qp_reset(self.pair.as_ptr()) }).map(drop)
    }

    /// To ERROR: everything posted is completed as flushed.
    #[cfg(test)]
    pub fn fail(&self) -> io::Result<()> {
        // SAFETY: the pair lives.
        check(unsafe { raw::sl_qp_fail(self.pair.as_ptr()) }).map(drop)
    }

    /// RESET to INIT: receives can be posted.
    pub fn init(&self, port: u8, qkey: u32) -> io::Result<()> {
        // SAFETY: the pair lives.
        check(unsafe { raw::sl_qp_init(self.pair.as_ptr(), port, qkey) }).map(drop)
    }

    /// INIT to RTS by way of RTR: datagrams come and go.
    pub fn start(&self) -> io::Result<()> {
        // SAFETY: the pair lives.
        check(unsafe { raw::sl_qp_ready_to_receive(self.pair.as_ptr()) })?;
        // SAFETY: the pair lives.
        check(unsafe { raw::sl_qp_ready_to_send(self.pair.as_ptr()) }).map(drop)
    }

    /// Posts a chain of sends from `pool`; returns how many were taken, and why no more were.
    pub fn post_send(
        &self,
        qkey: u32,
        pool: &SlotPool,
        chain: &[ChainedSend],
    ) -> (usize, io::Result<()>) {
        let mut error = 0;
        let count = chain.len() as u32;
        // SAFETY: `ChainedSend` is transparent, so pointer and count describe `chain`; address handles
        // and slots that it names are held by the caller's ring until they complete.
        let posted = unsafe {
            let chain = chain.as_ptr().cast::<RawSend>();
            raw::sl_post_send(self.pair.as_ptr(), qkey, pool.lkey(), chain, count, &raw mut error)
        };
        (posted as usize, check(-error.abs()).map(drop))
    }

    /// Posts receives into slots of `pool`. The slots belong to the device until they complete.
    pub fn post_receive(&self, pool: &SlotPool, receives: &[Receive]) -> (usize, io::Result<()>) {
        let mut error = 0;
        let (count, length) = (receives.len() as u32, pool.slot_bytes() as u32);
        let (pair, lkey) = (self.pair.as_ptr(), pool.lkey());
        // SAFETY: the pointer and count describe `receives`; addresses are of slots of the pool, which
        // outlives the pair, and which the caller has given away.
        let posted = unsafe {
            raw::sl_post_receive(pair, lkey, length, receives.as_ptr(), count, &raw mut error)
        };
        (posted as usize, check(-error.abs()).map(drop))
    }
}

impl Drop for QueuePair {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { raw::sl_destroy_qp(self.pair.as_ptr()) }
    }
}

/// A resolved destination.
#[derive(Debug)]
pub struct AddressHandle {
    handle: NonNull<c_void>,
    _domain: Arc<Domain>,
}

// SAFETY: as for `Channel`.
unsafe impl Send for AddressHandle {}
// SAFETY: as above.
unsafe impl Sync for AddressHandle {}

impl AddressHandle {
    /// Resolves a destination. On RoCE the kernel asks for the neighbour's address and may take a
    /// second to learn that there is none.
    pub fn new(domain: &Arc<Domain>, to: &Destination) -> io::Result<Self> {
        // SAFETY: the domain lives, and the pointer is to a live structure.
        let handle = unsafe { raw::sl_create_ah(domain.as_ptr(), to) };
        let handle = NonNull::new(handle).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { handle, _domain: Arc::clone(domain) })
    }
}

impl Drop for AddressHandle {
    fn drop(&mut self) {
        // SAFETY: sends that name it held an `Arc` in their ring and are complete.
        unsafe { raw::sl_destroy_ah(self.handle.as_ptr()) }
    }
}
