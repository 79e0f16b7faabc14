//! Who a process is, for what it says where others can write.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sealane::Rank;

use crate::connect::Settings;
use crate::errors;

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock is an argument of the core")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The identity of a rank of a job.
#[pyclass(frozen, module = "sealane._sealane")]
pub(crate) struct Identity(sealane_transport::identity::Identity);

#[pymethods]
impl Identity {
    /// Settings as of [`Communicator`](crate::communicator::Communicator).
    #[new]
    #[pyo3(signature = (rank, settings))]
    fn new(rank: u32, settings: Settings) -> PyResult<Self> {
        let rank = Rank(rank);
        let credentials = settings.credentials(rank)?;
        let job = settings.get("SEALANE_JOB");
        let run = settings.get("TORCHELASTIC_RUN_ID").filter(|run| run != "none");
        let identity = credentials.identity(rank, job.as_deref(), run.as_deref(), now());
        identity.map(Self).map_err(|error| errors::credentials(&error.to_string()))
    }

    /// The job that it is of.
    #[getter]
    fn job(&self) -> &str {
        self.0.job().as_str()
    }

    /// `content`, signed for where `context` is expected. It is not hidden.
    fn sign<'py>(
        &self,
        py: Python<'py>,
        context: &[u8],
        content: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let signed = self.0.sign_statement(context, content);
        let signed = signed.map_err(|error| errors::statement(&error.to_string()))?;
        Ok(PyBytes::new(py, &signed))
    }

    /// What rank `by` of the same job signed for `context`; raises `StatementError` otherwise.
    fn open<'py>(
        &self,
        py: Python<'py>,
        by: u32,
        context: &[u8],
        statement: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let opened = self.0.open_statement(Rank(by), context, statement, now());
        let opened = opened.map_err(|error| errors::statement(&error.to_string()))?;
        Ok(PyBytes::new(py, opened))
    }
}
