//! Tagged messages between two ranks.

use sealane_kernels::{Element, lend};
use sealane_transport::{OperationError, Rank, Tag};

use super::Communicator;
use crate::error::{Error, Operation};
use crate::runtime::engine::Engine;
use crate::runtime::engine::messages::{Arrival, MessageKey};

/// How a set of messages ended: lengths in bytes, or the first failure.
type Ends = Result<Vec<u64>, OperationError>;

impl Communicator {
    /// Sends `data` to a rank that receives it under `tag`. Returns when all of it has arrived, or is
    /// held for the receiver within its eager budget.
    ///
    /// ```
    /// use sealane::{Rank, Tag, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(0) {
    ///         return communicator.send(&[3_u32, 1, 4], Rank(1), Tag(7));
    ///     }
    ///     let mut inbox = [0_u32; 8];
    ///     let count = communicator.recv(&mut inbox, Rank(0), Tag(7))?;
    ///     assert_eq!(inbox[..count], [3, 1, 4]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn send<T: Element>(&self, data: &[T], to: Rank, tag: Tag) -> Result<(), Error> {
        let operation = self.message("send", &[to], tag)?;
        let length = size_of_val(data) as u64;
        lend::lend(&*self.driver, data, |region| {
            self.exchange(operation, |engine| {
                let to = engine.job(to);
                let (messages, endpoint, buffers, now) = engine.message_parts();
                Ok(vec![messages.send((now, endpoint, buffers), to, tag, region, length)?])
            })
        })?;
        Ok(())
    }

    /// Receives what `from` (or anyone, with `None`) sends under `tag`; returns how many elements.
    /// [`recv_start`](Self::recv_start) also tells who sent them.
    ///
    /// ```
    /// use sealane::{Rank, Tag, local};
    ///
    /// local::run(3, |communicator| {
    ///     if communicator.rank() != Rank(0) {
    ///         return communicator.send(&[communicator.rank().0], Rank(0), Tag(0));
    ///     }
    ///     let mut inbox = [0];
    ///     let mut sum = 0;
    ///     for _ in 1..communicator.size() {
    ///         communicator.recv(&mut inbox, None, Tag(0))?;
    ///         sum += inbox[0];
    ///     }
    ///     assert_eq!(sum, 3);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], also when the message is longer than `data` or not of whole elements.
    pub fn recv<T: Element>(
        &self,
        data: &mut [T],
        from: impl Into<Option<Rank>>,
        tag: Tag,
    ) -> Result<usize, Error> {
        let from = from.into();
        let operation = self.message("recv", from.as_slice(), tag)?;
        let capacity = size_of_val(data) as u64;
        let ended = lend::lend_mut(&*self.driver, data, |region| {
            self.exchange(operation, |engine| {
                let from = from.map(|from| engine.job(from));
                let (messages, endpoint, buffers, now) = engine.message_parts();
                Ok(vec![messages.recv((now, endpoint, buffers), from, tag, region, capacity)?])
            })
        })?;
        elements::<T>(ended.last().copied().unwrap_or(0), operation)
    }

    /// Sends to one rank and receives from another (or the same) at once, as rings do; returns how many
    /// elements came. A rank may send to itself.
    ///
    /// ```
    /// use sealane::{Rank, Tag, local};
    ///
    /// let around = local::run(3, |communicator| {
    ///     let (rank, size) = (communicator.rank().0, communicator.size());
    ///     let (next, previous) = (Rank((rank + 1) % size), Rank((rank + size - 1) % size));
    ///     let mut from = [0];
    ///     communicator.send_recv(&[rank], next, &mut from, previous, Tag(0))?;
    ///     Ok(from[0])
    /// })?;
    /// assert_eq!(around, [2, 0, 1]);
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], as [`recv`](Self::recv).
    pub fn send_recv<T: Element>(
        &self,
        data: &[T],
        to: Rank,
        into: &mut [T],
        from: Rank,
        tag: Tag,
    ) -> Result<usize, Error> {
        if to == self.rank && from == self.rank {
            let length = data.len().min(into.len());
            into[..length].copy_from_slice(&data[..length]);
            return Ok(length);
        }
        let operation = self.message("send_recv", &[to, from], tag)?;
        let (length, capacity) = (size_of_val(data) as u64, size_of_val(into) as u64);
        let ended = lend::lend(&*self.driver, data, |out| {
            lend::lend_mut(&*self.driver, into, |region| {
                self.exchange(operation, |engine| {
                    let (to, from) = (engine.job(to), engine.job(from));
                    let (messages, endpoint, buffers, now) = engine.message_parts();
                    let recv = messages.recv(
                        (now, endpoint, buffers),
                        Some(from),
                        tag,
                        region,
                        capacity,
                    )?;
                    match messages.send((now, endpoint, buffers), to, tag, out, length) {
                        Ok(send) => Ok(vec![send, recv]),
                        Err(error) => {
                            messages.cancel(endpoint, recv);
                            Err(error)
                        }
                    }
                })
            })
        })?;
        elements::<T>(ended.last().copied().unwrap_or(0), operation)
    }

    /// Checks ranks and tag, and numbers the message.
    fn message(&self, name: &'static str, peers: &[Rank], tag: Tag) -> Result<Operation, Error> {
        self.check_message(name, peers, tag)?;
        Ok(self.numbered(name))
    }

    /// The next number of what is not a collective.
    pub(super) fn numbered(&self, name: &'static str) -> Operation {
        Operation { name, sequence: self.driver.inspect(Engine::next_message) }
    }

    /// Starts messages and waits for all of them. After this nothing uses their memory.
    fn exchange(
        &self,
        operation: Operation,
        start: impl FnOnce(&mut Engine) -> Result<Vec<MessageKey>, sealane_transport::Error>,
    ) -> Result<Vec<u64>, Error> {
        let within = self.operation_timeout;
        let deadline = self.driver.clock().now() + within;
        let keys = self.driver.command(|engine| {
            if let Some(broken) = engine.broken(operation) {
                return Err(broken);
            }
            start(engine).map_err(|error| engine.refused(operation, error))
        })?;
        let ended = self.driver.run(deadline, |_| {}, |engine| ends(engine, &keys));
        let Some(ended) = ended else {
            self.driver.command(|engine| cancel(engine, &keys));
            return Err(Error::Timeout { operation, within, waiting_for: Vec::new() });
        };
        ended.map_err(|error| {
            self.driver.command(|engine| {
                cancel(engine, &keys);
                engine.failed(operation, error)
            })
        })
    }
}

/// The ends of all messages, when there are; or the first failure.
fn ends(engine: &mut Engine, keys: &[MessageKey]) -> Option<Ends> {
    let messages = &mut engine.messages;
    if !keys.iter().all(|key| messages.is_ended(*key)) {
        return keys.iter().find_map(|key| messages.failure(*key)).map(Err);
    }
    let lengths = |ended: Result<Arrival, _>| ended.map(|arrival| arrival.length);
    Some(keys.iter().filter_map(|key| messages.end(*key)).map(lengths).collect())
}

fn cancel(engine: &mut Engine, keys: &[MessageKey]) {
    let (messages, endpoint, _, _) = engine.message_parts();
    for key in keys {
        messages.cancel(endpoint, *key);
    }
}

/// How many elements so many bytes are.
pub(super) fn elements<T>(length: u64, operation: Operation) -> Result<usize, Error> {
    let (length, size) = (length as usize, size_of::<T>());
    if length % size == 0 {
        return Ok(length / size);
    }
    let cause = format!("{length} bytes came, which are not whole elements of {size}");
    Err(Error::Failed { operation, cause })
}
