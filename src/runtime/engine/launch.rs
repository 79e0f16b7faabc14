//! Operations that run by themselves, from their launch to their end.

use std::sync::Arc;
use std::time::Duration;

use sealane_collectives::Operands;
use sealane_kernels::{HostBuffer, RegionId};

use super::messages::{Arrival, MessageKey};
use super::pending::{Entry, Key};
use super::{Engine, Lines, executor};
use crate::communicator::request::{Request, What};
use crate::error::{Error, Operation};
use crate::runtime::slot::{Aftermath, Done, Received, Slot};

/// What comes with a good end.
pub(super) enum Outcome {
    Nothing,
    Received(Received),
    /// What an atomic operation found.
    Found(u64),
}

impl Engine {
    /// Starts what was asked for. Its end goes to the slot.
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start; its buffers are then freed.
    pub(crate) fn launch(
        &mut self,
        request: Request,
        slot: &Arc<Slot>,
        within: Duration,
    ) -> Result<(), Error> {
        match request.what {
            What::Collective { call, counts, input, output } => {
                slot.number(u64::from(self.executor.next_sequence()));
                let regions = self.admit(slot.operation(), input, output)?;
                let operands =
                    Operands { input: regions.0.unwrap_or(regions.1), output: regions.1 };
                let now = self.net.clock.now();
                match executor!(self, submit_counts(call, &counts, operands)) {
                    Ok(id) => {
                        let key = Key::Collective(id);
                        self.pending.insert(key, slot.clone(), regions, (now, within));
                        self.settle();
                        Ok(())
                    }
                    Err(error) => {
                        self.discard(regions);
                        self.settle();
                        Err(self.explain(error))
                    }
                }
            }
            What::Send { data, to, tag } => {
                let (length, to) = (data.len() as u64, self.members.job(to));
                self.message(slot, data, within, |engine, region| {
                    let (messages, endpoint, buffers, now) = engine.message_parts();
                    messages.send((now, endpoint, buffers), to, tag, region, length)
                })
            }
            What::Recv { data, from, tag } => {
                let (capacity, from) = (data.len() as u64, from.map(|rank| self.members.job(rank)));
                self.message(slot, data, within, |engine, region| {
                    let (messages, endpoint, buffers, now) = engine.message_parts();
                    messages.recv((now, endpoint, buffers), from, tag, region, capacity)
                })
            }
        }
    }

    fn message(
        &mut self,
        slot: &Arc<Slot>,
        data: HostBuffer,
        within: Duration,
        start: impl FnOnce(&mut Self, RegionId) -> Result<MessageKey, sealane_transport::Error>,
    ) -> Result<(), Error> {
        slot.number(self.next_message());
        let operation = slot.operation();
        if let Some(broken) = self.broken(operation) {
            self.aftermath.spent.push(data);
            return Err(broken);
        }
        let regions = self.admit(operation, None, data)?;
        match start(self, regions.1) {
            Ok(key) => {
                let now = self.net.clock.now();
                self.pending.insert(Key::Message(key), slot.clone(), regions, (now, within));
                Ok(())
            }
            Err(error) => {
                self.discard(regions);
                Err(self.refused(operation, error))
            }
        }
    }

    /// Messages are numbered apart from collectives, on each rank for itself.
    pub(crate) fn next_message(&mut self) -> u64 {
        self.message_sequence += 1;
        self.message_sequence - 1
    }

    /// Takes over the buffers of an operation: both or none.
    pub(super) fn admit(
        &mut self,
        operation: Operation,
        input: Option<HostBuffer>,
        output: HostBuffer,
    ) -> Result<(Option<RegionId>, RegionId), Error> {
        let overlap = || {
            Error::Argument(format!(
                "{}: a buffer overlaps another one that is in use, and may be written: give memory \
                 that serves as input and output once, in place",
                operation.name
            ))
        };
        let output = self.buffers.0.admit(output).map_err(|refused| {
            self.aftermath.spent.push(refused);
            overlap()
        });
        let output = match (output, input) {
            (Ok(output), None) => return Ok((None, output)),
            (Ok(output), Some(input)) => match self.buffers.0.admit(input) {
                Ok(input) => return Ok((Some(input), output)),
                Err(refused) => {
                    self.aftermath.spent.push(refused);
                    self.discard((None, output));
                    overlap()
                }
            },
            (Err(error), input) => {
                self.aftermath.spent.extend(input);
                error
            }
        };
        Err(output)
    }

    /// Frees the buffers of an operation, when no lock is held any more.
    pub(super) fn discard(&mut self, (input, output): (Option<RegionId>, RegionId)) {
        for region in input.into_iter().chain([output]) {
            self.aftermath.spent.extend(self.buffers.0.release(region));
        }
    }

    /// Fills the slot of an operation that has ended. Whoever drives tells of it when it has left the
    /// lock.
    pub(super) fn finish(&mut self, key: Key, result: Result<(), Error>) {
        let Some(entry) = self.pending.remove(key) else { return };
        self.fill(entry, result.map(|()| Outcome::Nothing));
    }

    pub(super) fn fill(&mut self, entry: Entry, result: Result<Outcome, Error>) {
        self.completed = true;
        let Entry { slot, input, output, .. } = entry;
        let result = result.and_then(|outcome| {
            let gone = || Error::Failed {
                operation: slot.operation(),
                cause: "the buffer is gone".to_owned(),
            };
            let input = input.map(|region| self.buffers.0.release(region).ok_or_else(gone));
            let output = self.buffers.0.release(output).ok_or_else(gone)?;
            let (received, found) = match outcome {
                Outcome::Nothing => (None, None),
                Outcome::Received(received) => (Some(received), None),
                Outcome::Found(value) => (None, Some(value)),
            };
            Ok(Done { input: input.transpose()?, output, received, found })
        });
        if result.is_err() {
            self.discard((input, output));
        }
        self.aftermath.listeners.push(slot.end(result));
    }

    /// A message of ours has ended.
    pub(super) fn message_ended(&mut self, key: MessageKey) {
        self.completed = true;
        if !self.pending.contains(Key::Message(key)) {
            return;
        }
        let Some(ended) = self.messages.end(key) else { return };
        let Some(entry) = self.pending.remove(Key::Message(key)) else { return };
        let result = ended
            .map(|Arrival { length, source }| match source {
                Some(source) => Outcome::Received(Received { source, bytes: length }),
                None => Outcome::Nothing,
            })
            .map_err(|error| self.failed(entry.slot.operation(), error));
        self.fill(entry, result);
    }

    /// Ends what has taken longer than allowed. After a collective that did, the ranks no longer agree
    /// on what has happened, so all of it ends.
    pub(super) fn expire(&mut self) {
        while let Some(at) = self.pending.next_deadline() {
            let now = self.net.clock.now();
            if at > now {
                return;
            }
            let Some(key) = self.pending.overdue(now) else { return };
            let Some(entry) = self.pending.remove(key) else { return };
            let (operation, within) = (entry.slot.operation(), entry.within);
            let waiting_for = match key {
                Key::Collective(id) => {
                    let waiting_for = self.give_up(operation, within);
                    self.done.remove(&id);
                    waiting_for
                }
                Key::Message(message) => {
                    self.messages.cancel(&mut self.net.endpoint, message);
                    Vec::new()
                }
                Key::OneSided(rma) => {
                    self.cancel_rma(rma);
                    Vec::new()
                }
            };
            self.fill(entry, Err(Error::Timeout { operation, within, waiting_for }));
        }
    }

    /// What is to be done when the lock is free again.
    pub(crate) fn take_aftermath(&mut self) -> Aftermath {
        std::mem::take(&mut self.aftermath)
    }

    pub(crate) fn has_aftermath(&self) -> bool {
        !self.aftermath.is_empty()
    }
}
