//! Sealane itself.

use std::collections::HashMap;

use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Rank, ReduceOp, Tag};

use crate::Failure;
use crate::options;

/// Joins the others.
pub fn connect(options: &options::Rank) -> Result<Communicator, Failure> {
    let master = options.addresses.first().ok_or("no addresses")?;
    let variables = HashMap::from([
        ("SEALANE_RANK", options.rank.to_string()),
        ("SEALANE_WORLD_SIZE", options.addresses.len().to_string()),
        ("SEALANE_MASTER", master.to_string()),
    ]);
    let launch = Launch::detect(&|name| variables.get(name).cloned())?;
    let text = std::fs::read_to_string(options.identity.join("secret"))?.into();
    let credentials = Credentials::Secret { text, origin: "the bench".to_owned() };
    Ok(Communicator::builder().launch(launch).credentials(credentials).connect()?)
}

impl super::Peer for Communicator {
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), Failure> {
        Ok(Self::all_reduce(self, values, ReduceOp::Sum)?)
    }

    fn stream(&mut self, values: &mut [f32]) -> Result<(), Failure> {
        match self.rank() {
            Rank(0) => Ok(self.send(values, Rank(1), Tag(1))?),
            _ => {
                self.recv(values, Rank(0), Tag(1))?;
                Ok(())
            }
        }
    }
}
