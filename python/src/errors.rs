//! Failures as Python exceptions (`sealane.errors`), each with rank, operation and cause.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use sealane::{Cause, Error};

/// What Python is told beside the message.
#[derive(Default)]
struct Details {
    rank: Option<u32>,
    operation: Option<(&'static str, u64)>,
    cause: Option<String>,
}

/// The exception for an error of the library.
pub(crate) fn raise(error: &Error) -> PyErr {
    let (class, details) = classify(error);
    make(class, &error.to_string(), details)
}

/// In a child of `fork`.
pub(crate) fn forked() -> PyErr {
    let message = "this communicator belongs to the parent of a fork: its keys must not be used by two \
                   processes; make one of your own in the child";
    make("ForkedError", message, Details::default())
}

/// After `close`.
pub(crate) fn closed() -> PyErr {
    make("ClosedError", "the communicator is closed", Details::default())
}

/// Arguments that make no sense.
pub(crate) fn argument(message: &str) -> PyErr {
    make("ArgumentError", message, Details::default())
}

/// An identity that cannot be had or does not fit.
pub(crate) fn credentials(message: &str) -> PyErr {
    make("CredentialsError", message, Details::default())
}

/// A signed statement that is not believed.
pub(crate) fn statement(message: &str) -> PyErr {
    make("StatementError", message, Details::default())
}

fn classify(error: &Error) -> (&'static str, Details) {
    let of = |operation: &sealane::Operation| Some((operation.name, operation.sequence));
    match error {
        Error::Environment(_) => ("EnvironmentError", Details::default()),
        Error::Credentials(_) => ("CredentialsError", Details::default()),
        Error::Rendezvous(_) => ("RendezvousError", Details::default()),
        Error::Argument(_) => ("ArgumentError", Details::default()),
        Error::PeerLost { rank, operation, cause } => {
            let cause = match cause {
                Cause::Observed(cause) => cause.to_string(),
                other => other.to_string(),
            };
            let details =
                Details { rank: Some(rank.0), operation: of(operation), cause: Some(cause) };
            ("PeerLostError", details)
        }
        Error::Mismatch { rank, theirs, operation, .. } => {
            let details = Details {
                rank: Some(rank.0),
                operation: of(operation),
                cause: theirs.clone().map(|theirs| format!("it called {theirs}")),
            };
            ("MismatchError", details)
        }
        Error::Timeout { operation, within, waiting_for } => {
            let cause = Some(format!("not finished within {within:?}"));
            let rank = waiting_for.first().map(|rank| rank.0);
            ("OperationTimeoutError", Details { rank, operation: of(operation), cause })
        }
        Error::Aborted { operation, reason } => {
            let cause = Some(reason.clone());
            ("AbortedError", Details { rank: None, operation: of(operation), cause })
        }
        Error::Failed { operation, cause } => {
            let cause = Some(cause.clone());
            ("Error", Details { rank: None, operation: of(operation), cause })
        }
        _ => ("Error", Details::default()),
    }
}

fn make(class: &str, message: &str, details: Details) -> PyErr {
    let made = Python::try_attach(|py| {
        let module = py.import("sealane.errors")?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("rank", details.rank)?;
        kwargs.set_item("operation", details.operation.map(|(name, _)| name))?;
        kwargs.set_item("sequence", details.operation.map(|(_, sequence)| sequence))?;
        kwargs.set_item("cause", details.cause)?;
        let exception =
            module.getattr(class)?.call((PyString::new(py, message),), Some(&kwargs))?;
        Ok(PyErr::from_value(exception))
    });
    match made {
        Some(Ok(exception)) => exception,
        Some(Err(error)) => error,
        None => pyo3::exceptions::PyRuntimeError::new_err(message.to_owned()),
    }
}
