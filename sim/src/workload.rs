//! What hosts do: flows of all shapes, and collectives.

mod arrivals;
mod collective;
mod flows;
mod patterns;
mod sizes;

pub use arrivals::Arrivals;
pub use collective::{CollectiveSpec, Collectives, all_reduce};
pub use flows::{FlowResult, FlowSpec, Flows, Repeat};
pub use patterns::{all_to_all, incast, permutation};
pub use sizes::{SizeDistribution, SizesError};
