//! What hosts do: flows of all shapes, and collectives.

mod collective;
mod flows;
mod patterns;

pub use collective::{CollectiveSpec, Collectives, all_reduce};
pub use flows::{FlowResult, FlowSpec, Flows, Repeat};
pub use patterns::{all_to_all, incast, permutation};
