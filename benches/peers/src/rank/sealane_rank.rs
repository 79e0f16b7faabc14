//! Sealane itself.

use std::collections::{HashMap, VecDeque};

use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Message, Rank, ReduceOp, Tag, Work};

use crate::Failure;
use crate::options;

/// How many messages of a stream are under way: two, so that the wire does not rest between them, and of
/// small ones as many as caches hold.
const STREAM_DEPTH: std::ops::RangeInclusive<usize> = 2..=8;
const STREAM_BYTES: usize = 16 << 20;

/// A rank, and what it streams.
pub struct Sealane {
    communicator: Communicator,
    under_way: VecDeque<Going>,
    spare: Vec<Vec<f32>>,
}

/// A message under way.
enum Going {
    Out(Work<Vec<f32>>),
    In(Work<Message<f32>>),
}

/// Joins the others.
pub fn connect(options: &options::Rank) -> Result<Sealane, Failure> {
    let master = options.addresses.first().ok_or("no addresses")?;
    let variables = HashMap::from([
        ("SEALANE_RANK", options.rank.to_string()),
        ("SEALANE_WORLD_SIZE", options.addresses.len().to_string()),
        ("SEALANE_MASTER", master.to_string()),
    ]);
    let launch = Launch::detect(&|name| variables.get(name).cloned())?;
    let text = std::fs::read_to_string(options.identity.join("secret"))?.into();
    let credentials = Credentials::Secret { text, origin: "the bench".to_owned() };
    let communicator = Communicator::builder().launch(launch).credentials(credentials).connect()?;
    Ok(Sealane { communicator, under_way: VecDeque::new(), spare: Vec::new() })
}

impl Sealane {
    /// Waits for the oldest message.
    fn finish(&mut self) -> Result<(), Failure> {
        let values = match self.under_way.pop_front() {
            Some(Going::Out(work)) => work.wait()?,
            Some(Going::In(work)) => work.wait()?.data,
            None => return Ok(()),
        };
        self.spare.push(values);
        Ok(())
    }
}

impl super::Peer for Sealane {
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), Failure> {
        Ok(self.communicator.all_reduce(values, ReduceOp::Sum)?)
    }

    fn stream(&mut self, values: &[f32]) -> Result<(), Failure> {
        let (least, most) = STREAM_DEPTH.into_inner();
        let depth = (STREAM_BYTES / size_of_val(values).max(1)).clamp(least, most);
        // Here once, not while messages are timed: fresh pages cost more than sending them.
        self.spare.retain(|spare| spare.len() == values.len());
        while self.spare.len() + self.under_way.len() < depth {
            self.spare.push(values.to_vec());
        }
        if self.under_way.len() == depth {
            self.finish()?;
        }
        let values = self.spare.pop().ok_or("all buffers are under way")?;
        self.under_way.push_back(match self.communicator.rank() {
            Rank(0) => Going::Out(self.communicator.send_start(values, Rank(1), Tag(1))?),
            _ => Going::In(self.communicator.recv_start(values, Rank(0), Tag(1))?),
        });
        Ok(())
    }

    fn drain(&mut self) -> Result<&[f32], Failure> {
        while !self.under_way.is_empty() {
            self.finish()?;
        }
        Ok(self.spare.last().map_or(&[], Vec::as_slice))
    }
}
