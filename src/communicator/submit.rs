//! Operations that do not wait: one by one, or in groups.

use std::mem;
use std::sync::Arc;

use sealane_kernels::Element;
use sealane_transport::{Rank, Tag};

use super::request::{Request, What};
use super::work::{everything, output};
use super::{Communicator, Work};
use crate::error::{Error, Operation};
use crate::runtime::engine::messages::TAG_BIT;
use crate::runtime::slot::{Done, Received, Slot};

impl Communicator {
    /// Starts an operation, and returns at once. All ranks must start the same collectives in the same
    /// order; independent ones overlap.
    ///
    /// ```
    /// use sealane::{Collective, Dtype, ReduceOp, Request, local};
    ///
    /// local::run(2, |communicator| {
    ///     let gradient = vec![1.0_f32, 2.0];
    ///     let sum = Collective::AllReduce(ReduceOp::Sum);
    ///     let work = communicator.submit(Request::in_place(sum, Dtype::F32, 2, gradient))?;
    ///     // Compute something else meanwhile.
    ///     let done = work.wait()?;
    ///     assert_eq!(done.output.into_vec::<f32>().unwrap(), [2.0, 4.0]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start; the buffers are then freed.
    pub fn submit(&self, request: Request) -> Result<Work<Done>, Error> {
        self.check(&request)?;
        let slot = Slot::new(request.name());
        let within = request.timeout.unwrap_or(self.operation_timeout);
        self.driver.command(|engine| engine.launch(request, &slot, within))?;
        Ok(Work::new(slot, self.driver.clone(), everything))
    }

    /// A group of operations that start together: what they send leaves together, and none waits for
    /// another to be called. Their order is that in which they were given to the group.
    ///
    /// ```
    /// use sealane::{Rank, ReduceOp, Request, Tag, local};
    ///
    /// local::run(2, |communicator| {
    ///     let peer = Rank(1 - communicator.rank().0);
    ///     let mut group = communicator.group();
    ///     let sent = group.submit(Request::send(vec![communicator.rank().0], peer, Tag(0)))?;
    ///     let came = group.submit(Request::recv(vec![0_u32], peer, Tag(0)))?;
    ///     group.launch()?;
    ///     sent.wait()?;
    ///     assert_eq!(came.wait()?.output.into_vec::<u32>().unwrap(), [peer.0]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    pub const fn group(&self) -> Group<'_> {
        Group { communicator: self, requests: Vec::new() }
    }

    /// Starts a [`send`](Self::send) of a vector, which comes back from [`Work::wait`].
    ///
    /// ```
    /// use sealane::{Rank, Tag, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(0) {
    ///         let first = communicator.send_start(vec![1_u32; 1000], Rank(1), Tag(1))?;
    ///         let second = communicator.send_start(vec![2_u32], Rank(1), Tag(2))?;
    ///         second.wait()?;
    ///         first.wait()?;
    ///         return Ok(());
    ///     }
    ///     let second = communicator.recv_start(vec![0_u32; 4], None, Tag(2))?.wait()?;
    ///     assert_eq!((second.source, second.data[..second.count].to_vec()), (Rank(0), vec![2]));
    ///     let first = communicator.recv_start(vec![0_u32; 1000], Rank(0), Tag(1))?.wait()?;
    ///     assert_eq!(first.data, [1; 1000]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub fn send_start<T: Element>(
        &self,
        data: Vec<T>,
        to: Rank,
        tag: Tag,
    ) -> Result<Work<Vec<T>>, Error> {
        Ok(self.submit(Request::send(data, to, tag))?.unpacked(output))
    }

    /// Starts a [`recv`](Self::recv) into a vector, from a rank or from any; see
    /// [`send_start`](Self::send_start).
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub fn recv_start<T: Element>(
        &self,
        data: Vec<T>,
        from: impl Into<Option<Rank>>,
        tag: Tag,
    ) -> Result<Work<Message<T>>, Error> {
        Ok(self.submit(Request::recv(data, from, tag))?.unpacked(message))
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        let (peer, tag) = match &request.what {
            What::Collective { .. } => return Ok(()),
            What::Send { to, tag, .. } => (Some(*to), *tag),
            What::Recv { from, tag, .. } => (*from, *tag),
        };
        self.check_message(request.name(), peer.as_slice(), tag)
    }

    /// Checks the ranks and the tag of a message.
    pub(super) fn check_message(
        &self,
        name: &'static str,
        peers: &[Rank],
        tag: Tag,
    ) -> Result<(), Error> {
        if let Some(peer) = peers.iter().find(|peer| peer.0 >= self.world || **peer == self.rank) {
            return Err(Error::Argument(format!(
                "{name}: {peer} is not another rank of a world of {}",
                self.world
            )));
        }
        if tag.0 & TAG_BIT != 0 {
            return Err(Error::Argument(format!("{name}: {tag} is not below 2^63")));
        }
        Ok(())
    }
}

/// A message that came, in the vector that it was received into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<T> {
    /// The vector, as long as it was given.
    pub data: Vec<T>,
    /// How many elements of it came.
    pub count: usize,
    /// Who sent them.
    pub source: Rank,
}

fn message<T: Element>(mut done: Done, operation: Operation) -> Result<Message<T>, Error> {
    let nothing = || Error::Failed { operation, cause: "nothing came".to_owned() };
    let Received { source, bytes } = done.received.take().ok_or_else(nothing)?;
    let count = super::messages::elements::<T>(bytes, operation)?;
    Ok(Message { data: output(done, operation)?, count, source })
}

/// Operations that start together; see [`Communicator::group`]. Dropped without
/// [`launch`](Self::launch), its operations end with [`Error::Aborted`].
#[derive(Debug)]
#[must_use = "nothing starts until launch()"]
pub struct Group<'a> {
    communicator: &'a Communicator,
    requests: Vec<(Request, Arc<Slot>)>,
}

impl Group<'_> {
    /// Adds an operation.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a message that makes no sense.
    pub fn submit(&mut self, request: Request) -> Result<Work<Done>, Error> {
        self.communicator.check(&request)?;
        let slot = Slot::new(request.name());
        self.requests.push((request, slot.clone()));
        Ok(Work::new(slot, self.communicator.driver.clone(), everything))
    }

    /// Starts all of them.
    ///
    /// # Errors
    ///
    /// Why the first that did not start did not. It has ended with that, those after it with
    /// [`Error::Aborted`]; those before it are under way.
    pub fn launch(mut self) -> Result<(), Error> {
        let requests = mem::take(&mut self.requests);
        let default = self.communicator.operation_timeout;
        let mut failure = None;
        let refused = self.communicator.driver.command(|engine| {
            let mut refused = Vec::new();
            for (request, slot) in requests {
                let within = request.timeout.unwrap_or(default);
                match &failure {
                    None => {
                        if let Err(error) = engine.launch(request, &slot, within) {
                            refused.push((None, slot, error.clone()));
                            failure = Some(error);
                        }
                    }
                    Some(error) => {
                        let operation = slot.operation();
                        let reason = format!("a call of its group before it failed: {error}");
                        refused.push((Some(request), slot, Error::Aborted { operation, reason }));
                    }
                }
            }
            refused
        });
        refused.into_iter().for_each(|(request, slot, error)| give_up(request, &slot, error));
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        for (request, slot) in self.requests.drain(..) {
            let reason = "its group was not launched".to_owned();
            let operation = slot.operation();
            give_up(Some(request), &slot, Error::Aborted { operation, reason });
        }
    }
}

/// Ends an operation that never started. No lock is held.
fn give_up(request: Option<Request>, slot: &Arc<Slot>, error: Error) {
    drop(request);
    let listeners = vec![slot.end(Err(error))];
    crate::runtime::slot::Aftermath { listeners, spent: Vec::new() }.run();
}
