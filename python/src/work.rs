//! An operation under way.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use sealane::{Done, Error, Received};

use crate::callbacks;
use crate::errors;
use crate::guard::Guarded;

/// How often a wait looks whether Ctrl-C was pressed.
const SIGNALS: Duration = Duration::from_millis(50);

/// How the operation stands.
enum Stage {
    Running(Guarded<sealane::Work<Done>>),
    Ended(Ended),
}

struct Ended {
    result: Result<Option<Received>, Error>,
    sequence: Option<u64>,
}

/// An operation under way. Dropping it does not cancel the operation; its memory stays lent until the
/// end.
#[pyclass(frozen, module = "sealane._sealane")]
pub(crate) struct Work {
    stage: RwLock<Stage>,
    name: &'static str,
}

impl Work {
    pub(crate) fn new(work: sealane::Work<Done>) -> Self {
        let name = work.name();
        Self { stage: RwLock::new(Stage::Running(Guarded::new(work))), name }
    }

    /// Runs `f` on the operation while it runs; `None` if its end has been taken.
    fn running<R>(&self, f: impl FnOnce(&sealane::Work<Done>) -> R) -> PyResult<Option<R>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Running(work) => Ok(Some(f(work.get()?))),
            Stage::Ended(_) => Ok(None),
        }
    }

    fn ended_within(&self, limit: Duration) -> PyResult<bool> {
        Ok(self.running(|work| work.ended_within(limit))?.unwrap_or(true))
    }

    /// Takes the end of an operation that has ended, and gives its memory back.
    fn settle(&self) -> Result<Option<Received>, Error> {
        let mut stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Running(running) = &mut *stage {
            // In a child of a fork there is nothing to take.
            let Some(work) = running.take() else { return Ok(None) };
            let sequence = work.sequence();
            let result = work.wait().map(|done| done.received);
            *stage = Stage::Ended(Ended { result, sequence });
        }
        match &*stage {
            Stage::Ended(ended) => ended.result.clone(),
            Stage::Running(_) => Ok(None),
        }
    }
}

#[pymethods]
impl Work {
    /// Waits for the end, at most `timeout` seconds; whether it has come. Raises what the operation
    /// failed with.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        #[expect(clippy::disallowed_methods, reason = "a caller's deadline, outside the core")]
        let begin = Instant::now();
        let limit = timeout.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
        loop {
            let left = limit.map_or(SIGNALS, |limit| limit.saturating_sub(begin.elapsed()));
            if py.detach(|| self.ended_within(left.min(SIGNALS)))? {
                return py.detach(|| self.settle()).map(|_| true).map_err(|e| errors::raise(&e));
            }
            py.check_signals()?;
            if left.is_zero() {
                return Ok(false);
            }
        }
    }

    /// Whether it has ended, well or not.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| Ok(self.running(sealane::Work::test)?.unwrap_or(true)))
    }

    /// What it failed with, once it has ended.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let error = py.detach(|| {
            let running = self.running(sealane::Work::error)?;
            Ok::<_, PyErr>(running.unwrap_or_else(|| self.settle().err()))
        })?;
        Ok(error.map(|error| errors::raise(&error).into_value(py).into_any()))
    }

    /// Of a receive that has ended: from whom how many bytes came.
    fn received(&self, py: Python<'_>) -> PyResult<Option<(u32, u64)>> {
        if !self.done(py)? {
            return Ok(None);
        }
        let received = py.detach(|| self.settle()).map_err(|error| errors::raise(&error))?;
        Ok(received.map(|received| (received.source.0, received.bytes)))
    }

    /// Has `call` called once it has ended, with `None` or the exception, on a thread of its own.
    fn on_end(&self, py: Python<'_>, call: Py<PyAny>) -> PyResult<()> {
        let early = py.detach(|| {
            let mut call = Some(call);
            self.running(|work| {
                if let Some(call) = call.take() {
                    work.on_end(move |ended| callbacks::dispatch(call, ended.err().cloned()));
                }
            })?;
            Ok::<_, PyErr>(call)
        })?;
        if let Some(call) = early {
            callbacks::dispatch(call, py.detach(|| self.settle()).err());
        }
        Ok(())
    }

    /// What it is, such as `all_reduce`.
    #[getter]
    const fn name(&self) -> &'static str {
        self.name
    }

    /// Its number among the communicator's operations, equal on all ranks for collectives.
    #[getter]
    fn sequence(&self) -> PyResult<Option<u64>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Running(work) => Ok(work.get()?.sequence()),
            Stage::Ended(ended) => Ok(ended.sequence),
        }
    }
}
