//! Opening a device: from its name to queue pairs that carry datagrams.

use std::io;
use std::sync::Arc;

use crate::choose::{Candidate, Choice, choose};
use crate::config::VerbsConfig;
use crate::error::VerbsError;
use crate::sys::{Caps, Channel, CompletionQueue, Context, Domain, QueuePair};
use crate::waiter::{Shared, Waiter};

use super::list;

/// Send requests that a queue pair holds.
const SENDS: u32 = 256;

/// Packets up to this many bytes are copied into their work request where the device can: an
/// acknowledgement is no longer.
const INLINE_BYTES: u32 = 192;

/// What every part of a device is made of.
#[derive(Debug)]
pub struct Opened {
    pub choice: Choice,
    pub context: Arc<Context>,
    pub domain: Arc<Domain>,
    pub shared: Arc<Shared>,
    pub pairs: Vec<QueuePair>,
    /// What the queue pairs were granted.
    pub caps: Caps,
}

/// Turns an operating-system error into ours.
pub struct Failing<'a>(pub &'a Candidate);

impl Failing<'_> {
    /// The failure of a step.
    pub fn at(&self, what: &'static str) -> impl FnOnce(io::Error) -> VerbsError {
        let device = self.0.device.clone();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied => VerbsError::Permission { device },
            _ => VerbsError::System { what, device, source },
        }
    }

    /// The failure of registering memory.
    pub fn registering(&self, bytes: usize) -> impl FnOnce(io::Error) -> VerbsError {
        let device = self.0.device.clone();
        move |source| match source.kind() {
            io::ErrorKind::OutOfMemory => VerbsError::LockedMemory { device, bytes },
            _ => VerbsError::System { what: "registering memory", device, source },
        }
    }
}

/// Opens what `config` asks for. The queue pairs are in the state INIT: post receives, then start them.
pub fn open(config: &VerbsConfig) -> Result<Opened, VerbsError> {
    config.validate()?;
    let choice = choose(&list::candidates()?, &config.selection, &config.addresses)?;
    let chosen = &choice.candidate;
    let failing = Failing(chosen);
    let devices = list::devices()?.ok_or(VerbsError::NoDevices)?;
    let index = devices.names().iter().position(|name| *name == chosen.device);
    let context = devices
        .open(index.ok_or(VerbsError::NoDevices)?)
        .map_err(failing.at("opening the device"))?;
    let limits = context.limits().map_err(failing.at("asking for the device's limits"))?;
    let mut caps = Caps {
        send: SENDS.min(limits.max_qp_wr),
        receive: config.receive_slots.min(limits.max_qp_wr),
        inline_bytes: INLINE_BYTES,
    };
    let entries = (caps.send + caps.receive).saturating_mul(config.queue_pairs as u32);
    if entries > limits.max_cqe || config.queue_pairs as u32 > limits.max_qp {
        let why = format!(
            "{} queue pairs need {entries} completions, and it has {} and {}: use fewer paths",
            config.queue_pairs, limits.max_qp, limits.max_cqe
        );
        return Err(VerbsError::Unusable { name: chosen.name(), why });
    }
    let domain = Domain::new(&context).map_err(failing.at("making a protection domain"))?;
    let channel = Channel::new(&context).map_err(failing.at("making a completion channel"))?;
    let queue = CompletionQueue::new(&channel, entries)
        .map_err(failing.at("making the completion queue"))?;
    let asked = caps;
    let mut pairs = Vec::with_capacity(config.queue_pairs);
    for _ in 0..config.queue_pairs {
        let pair = pair(&domain, &queue, asked, &mut caps);
        let pair = pair.map_err(failing.at("making a queue pair"))?;
        pair.init(chosen.port, config.qkey).map_err(failing.at("moving a queue pair to INIT"))?;
        pairs.push(pair);
    }
    let shared = Shared::new(queue, Arc::clone(&context))
        .map_err(failing.at("preparing to sleep on the device"))?;
    // What was granted may be more; we keep to what we asked for.
    let caps = Caps { send: asked.send, receive: asked.receive, ..caps };
    Ok(Opened { choice, context, domain, shared, pairs, caps })
}

/// A queue pair, without inlining where the device has none.
fn pair(
    domain: &Arc<Domain>,
    queue: &Arc<CompletionQueue>,
    asked: Caps,
    granted: &mut Caps,
) -> io::Result<QueuePair> {
    *granted = asked;
    match QueuePair::new(domain, queue, granted) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            *granted = Caps { inline_bytes: 0, ..asked };
            QueuePair::new(domain, queue, granted)
        }
        other => other,
    }
}

impl Opened {
    /// A handle to sleep on the device.
    pub fn waiter(&self) -> Waiter {
        Waiter::new(Arc::clone(&self.shared))
    }
}
