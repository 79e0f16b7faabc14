//! The extension module `sealane._sealane`: what the Python package `sealane` is built on.
//!
//! Thin on purpose. Python names collectives, types and reductions by their usual names and lends
//! memory as an [`Operand`](operand::Operand) or as an address with an owner; everything that waits
//! does so detached from the interpreter.

mod buffer;
mod callbacks;
mod communicator;
mod connect;
mod dlpack;
mod errors;
mod guard;
mod identity;
mod operand;
mod request;
mod work;

use pyo3::prelude::*;

/// The module's initialisation.
#[pymodule]
fn _sealane(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<communicator::Communicator>()?;
    module.add_class::<identity::Identity>()?;
    module.add_class::<operand::Operand>()?;
    module.add_class::<work::Work>()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
