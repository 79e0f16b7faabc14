//! The buffer protocol (PEP 3118): NumPy arrays, `bytes`, `bytearray`, `array.array`, `memoryview`.
//!
//! The two functions and the struct became part of the stable ABI in 3.11 with the layout that they have
//! had since 3.3; older interpreters export them all the same, so they are declared here.

use std::ffi::{CStr, c_char, c_int, c_void};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use crate::operand::Memory;

#[repr(C)]
struct PyBuffer {
    start: *mut c_void,
    object: *mut PyObject,
    length: isize,
    item_size: isize,
    read_only: c_int,
    dimensions: c_int,
    format: *mut c_char,
    shape: *mut isize,
    strides: *mut isize,
    suboffsets: *mut isize,
    internal: *mut c_void,
}

unsafe extern "C" {
    fn PyObject_GetBuffer(object: *mut PyObject, view: *mut PyBuffer, flags: c_int) -> c_int;
    fn PyBuffer_Release(view: *mut PyBuffer);
    fn PyObject_CheckBuffer(object: *mut PyObject) -> c_int;
}

const WRITABLE: c_int = 0x0001;
const FORMAT: c_int = 0x0004;
const C_CONTIGUOUS: c_int = 0x0020 | 0x0010 | 0x0008;

/// A view that the exporter keeps alive until it is dropped.
pub(crate) struct View(Box<PyBuffer>);

// SAFETY: the view is not used but for its release, which takes the interpreter's lock first.
unsafe impl Send for View {}
// SAFETY: as above; nothing in it is reachable by a shared reference.
unsafe impl Sync for View {}

impl Drop for View {
    fn drop(&mut self) {
        // Without an interpreter there is nobody left to give it back to.
        Python::try_attach(|_| {
            // SAFETY: it was filled by PyObject_GetBuffer, is released once, and the lock is held.
            unsafe { PyBuffer_Release(&mut *self.0) };
        });
    }
}

/// The contiguous memory of `object`; `None` if it does not speak the protocol for what it holds.
pub(crate) fn view(object: &Bound<'_, PyAny>, writable: bool) -> PyResult<Option<(Memory, View)>> {
    // SAFETY: the object is alive and the lock is held.
    if unsafe { PyObject_CheckBuffer(object.as_ptr()) } == 0 {
        return Ok(None);
    }
    let mut raw = Box::new(PyBuffer {
        start: std::ptr::null_mut(),
        object: std::ptr::null_mut(),
        length: 0,
        item_size: 0,
        read_only: 0,
        dimensions: 0,
        format: std::ptr::null_mut(),
        shape: std::ptr::null_mut(),
        strides: std::ptr::null_mut(),
        suboffsets: std::ptr::null_mut(),
        internal: std::ptr::null_mut(),
    });
    let flags = C_CONTIGUOUS | FORMAT | if writable { WRITABLE } else { 0 };
    // SAFETY: the object is alive, `raw` has the struct's layout and a stable address, the lock is held.
    if unsafe { PyObject_GetBuffer(object.as_ptr(), &mut *raw, flags) } != 0 {
        let error = PyErr::fetch(object.py());
        // NumPy says ValueError for types that the protocol has no letter for: DLPack may have one.
        let unknown = error.is_instance_of::<pyo3::exceptions::PyValueError>(object.py())
            && !error.is_instance_of::<PyBufferError>(object.py())
            && object.hasattr("__dlpack__")?
            && !error.to_string().contains("contiguous")
            && !error.to_string().contains("read-only");
        return if unknown { Ok(None) } else { Err(error) };
    }
    let view = View(raw);
    let format = if view.0.format.is_null() {
        "B"
    } else {
        // SAFETY: the exporter gave a string that ends in NUL and lives as long as the view.
        unsafe { CStr::from_ptr(view.0.format) }.to_str().unwrap_or("?!")
    };
    let item = view.0.item_size.unsigned_abs();
    let Some(dtype) = dtype(format, item) else {
        let message = format!("elements of format {format:?} ({item} bytes) cannot be sent");
        return Err(PyBufferError::new_err(message));
    };
    let bytes = view.0.length.unsigned_abs();
    let memory = Memory { start: view.0.start.cast(), bytes, count: bytes / item.max(1), dtype };
    Ok(Some((memory, view)))
}

/// The name of a format of one native element (the `struct` module's letters).
fn dtype(format: &str, size: usize) -> Option<&'static str> {
    let native = if cfg!(target_endian = "little") { '<' } else { '>' };
    let letters = format.trim_start_matches(['@', '=', native]);
    // Of one byte, the order does not matter.
    let letters =
        if size == 1 { letters.trim_start_matches(['<', '>', '|', '!']) } else { letters };
    Some(match (letters, size) {
        ("e", 2) => "float16",
        ("f", 4) => "float32",
        ("d", 8) => "float64",
        ("?", 1) => "bool",
        ("b", 1) => "int8",
        ("B" | "c", 1) => "uint8",
        ("h", 2) => "int16",
        ("H", 2) => "uint16",
        ("i" | "l" | "q" | "n", 4) => "int32",
        ("I" | "L" | "Q" | "N", 4) => "uint32",
        ("i" | "l" | "q" | "n", 8) => "int64",
        ("I" | "L" | "Q" | "N", 8) => "uint64",
        ("Zf", 8) => "complex64",
        ("Zd", 16) => "complex128",
        _ => return None,
    })
}
