//! The ranks of a job, as Python sees them.

use std::sync::{Arc, PoisonError, RwLock};

use pyo3::prelude::*;
use sealane::{Communicator as Core, Rank, Request, Tag};

use crate::connect::{self, Settings};
use crate::errors;
use crate::guard::Guarded;
use crate::request::{self, Lent, Terms};
use crate::work::Work;

/// The ranks of a job. `sealane.Communicator` adds arrays and defaults.
#[pyclass(frozen, subclass, module = "sealane._sealane")]
pub(crate) struct Communicator {
    core: RwLock<Option<Arc<Guarded<Core>>>>,
    rank: u32,
    size: u32,
}

impl Communicator {
    fn core(&self) -> PyResult<Arc<Guarded<Core>>> {
        let core = self.core.read().unwrap_or_else(PoisonError::into_inner);
        core.clone().ok_or_else(errors::closed)
    }

    /// Runs `f` on the communicator, detached from the interpreter.
    fn detached<R: Send>(&self, py: Python<'_>, f: impl FnOnce(&Core) -> R + Send) -> PyResult<R> {
        let core = self.core()?;
        py.detach(move || {
            let value = core.get().map(f);
            // The last handle ends the communicator, which waits.
            drop(core);
            value
        })
    }

    fn submit(&self, py: Python<'_>, request: Request) -> PyResult<Work> {
        let submitted = self.detached(py, |core| core.submit(request))?;
        submitted.map(Work::new).map_err(|error| errors::raise(&error))
    }
}

#[pymethods]
impl Communicator {
    /// `settings`: values by environment variable; `master`: host and port of rank 0, whose port may be
    /// 0 if `announce` tells the others.
    #[new]
    #[pyo3(signature = (settings, master=None, announce=None))]
    fn new(
        py: Python<'_>,
        settings: Settings,
        master: Option<(String, u16)>,
        announce: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let core = connect::connect(py, &settings, master, announce)?;
        let (rank, size) = (core.rank().0, core.size());
        Ok(Self { core: RwLock::new(Some(Arc::new(Guarded::new(core)))), rank, size })
    }

    /// Our rank.
    #[getter]
    const fn rank(&self) -> u32 {
        self.rank
    }

    /// How many ranks there are.
    #[getter]
    const fn size(&self) -> u32 {
        self.size
    }

    /// How many hosts they are on.
    #[getter]
    fn hosts(&self, py: Python<'_>) -> PyResult<usize> {
        self.detached(py, Core::hosts)
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.core.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Starts a collective; see `_sealane.pyi`.
    #[pyo3(signature = (name, dtype, count, input=None, output=None, *, op=None, root=None, to=None,
                        from_=None, timeout=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of a Python call")]
    fn start(
        &self,
        py: Python<'_>,
        name: &str,
        dtype: &str,
        count: usize,
        input: Option<Lent>,
        output: Option<Lent>,
        op: Option<String>,
        root: Option<u32>,
        to: Option<Vec<u64>>,
        from_: Option<Vec<u64>>,
        timeout: Option<f64>,
    ) -> PyResult<Work> {
        let terms = Terms { op, root, to, from: from_ };
        let collective = request::collective(name, &terms)?;
        let mut request = request::request(collective, (dtype, count), input, output)?;
        if let Some(counts) = request::counts(terms) {
            request = request.counts(counts);
        }
        self.submit(py, request::limit(request, timeout)?)
    }

    /// Starts sending to a rank.
    #[pyo3(signature = (data, to, tag, timeout=None))]
    fn start_send(
        &self,
        py: Python<'_>,
        data: Lent,
        to: u32,
        tag: u64,
        timeout: Option<f64>,
    ) -> PyResult<Work> {
        let request = Request::send(data.input(), Rank(to), Tag(tag));
        self.submit(py, request::limit(request, timeout)?)
    }

    /// Starts receiving from a rank, or from any.
    #[pyo3(signature = (data, source, tag, timeout=None))]
    fn start_recv(
        &self,
        py: Python<'_>,
        data: Lent,
        source: Option<u32>,
        tag: u64,
        timeout: Option<f64>,
    ) -> PyResult<Work> {
        let request = Request::recv(data.output(), source.map(Rank), Tag(tag));
        self.submit(py, request::limit(request, timeout)?)
    }

    /// Whether a message of a rank waits to be received under a tag.
    fn arrived(&self, py: Python<'_>, source: u32, tag: u64) -> PyResult<bool> {
        self.detached(py, |core| core.has_arrived(Rank(source), Tag(tag)))
    }

    /// Ends every operation, here and on all ranks.
    #[pyo3(signature = (reason="by the caller"))]
    fn abort(&self, py: Python<'_>, reason: &str) -> PyResult<()> {
        self.detached(py, |core| core.abort(reason))
    }

    /// Ends the communicator in good order; not an error if it has ended.
    fn close(&self, py: Python<'_>) {
        let core = self.core.write().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(core));
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        let core = self.core.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Ending waits for others, and callbacks may need the interpreter meanwhile. Where there is none
        // any more, `core` goes with the closure that is not called.
        Python::try_attach(|py| py.detach(move || drop(core)));
    }
}
