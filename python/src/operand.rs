//! Memory of Python objects, lent without a copy.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::{buffer, dlpack};

/// Where an object's elements are.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) start: *mut u8,
    pub(crate) bytes: usize,
    pub(crate) count: usize,
    pub(crate) dtype: &'static str,
}

/// What keeps them there; given back when it is dropped.
#[expect(dead_code, reason = "they are kept, not used")]
enum Keep {
    Buffer(buffer::View),
    DlPack(dlpack::Held),
}

/// The elements of an object, contiguous, in host memory; the object keeps them where they are for as
/// long as this exists.
#[pyclass(frozen, module = "sealane._sealane")]
pub(crate) struct Operand {
    memory: Memory,
    _keep: Keep,
}

// SAFETY: the address is used only by operations, which the caller has promised the memory to.
unsafe impl Send for Operand {}
// SAFETY: as above; the struct itself is never written to.
unsafe impl Sync for Operand {}

impl Operand {
    pub(crate) const fn memory(&self) -> Memory {
        self.memory
    }
}

#[pymethods]
impl Operand {
    /// `writable`: results will be put there.
    #[new]
    fn new(object: &Bound<'_, PyAny>, writable: bool) -> PyResult<Self> {
        if let Some((memory, view)) = buffer::view(object, writable)? {
            return Ok(Self { memory, _keep: Keep::Buffer(view) });
        }
        if let Some((memory, held)) = dlpack::view(object)? {
            return Ok(Self { memory, _keep: Keep::DlPack(held) });
        }
        let kind = object.get_type().name()?;
        let message =
            format!("{kind} is neither a buffer nor a DLPack tensor: give an array or a tensor");
        Err(PyTypeError::new_err(message))
    }

    /// Elements.
    #[getter]
    const fn count(&self) -> usize {
        self.memory.count
    }

    /// Bytes.
    #[getter]
    const fn nbytes(&self) -> usize {
        self.memory.bytes
    }

    /// The name of their type.
    #[getter]
    const fn dtype(&self) -> &'static str {
        self.memory.dtype
    }
}
