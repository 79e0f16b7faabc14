//! DLPack: tensors of PyTorch, JAX and others that have no buffer protocol, such as those of bfloat16.

use std::ffi::{CStr, c_void};

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::operand::Memory;

/// `kDLCPU`, and the host memory that CUDA pins (`kDLCUDAHost`).
const HOST: [i32; 2] = [1, 3];

#[repr(C)]
struct Tensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    dimensions: i32,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *const i64,
    strides: *const i64,
    byte_offset: u64,
}

#[repr(C)]
struct Managed {
    tensor: Tensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
}

/// A tensor that its producer keeps alive until it is dropped.
pub(crate) struct Held(*mut Managed);

// SAFETY: it is not used but for its deleter, which is called with the interpreter's lock held, as
// producers written in Python need it.
unsafe impl Send for Held {}
// SAFETY: as above; nothing in it is reachable by a shared reference.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        Python::try_attach(|_| {
            // SAFETY: the capsule was renamed, so that this deleter is ours to call, once.
            unsafe {
                if let Some(deleter) = (*self.0).deleter {
                    deleter(self.0);
                }
            }
        });
    }
}

const FRESH: &CStr = c"dltensor";
const USED: &CStr = c"used_dltensor";

/// The contiguous host memory of `object`, by `__dlpack__`.
pub(crate) fn view(object: &Bound<'_, PyAny>) -> PyResult<Option<(Memory, Held)>> {
    if !object.hasattr("__dlpack__")? {
        return Ok(None);
    }
    let capsule = object.call_method0("__dlpack__")?;
    // SAFETY: the object is alive; a wrong name or type gives null and sets an exception.
    let managed = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), FRESH.as_ptr()) };
    if managed.is_null() {
        return Err(PyErr::fetch(object.py()));
    }
    // SAFETY: the capsule is a fresh one, as was just seen; by this name the producer knows that the
    // tensor is now ours.
    if unsafe { ffi::PyCapsule_SetName(capsule.as_ptr(), USED.as_ptr()) } != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    let held = Held(managed.cast());
    // SAFETY: a capsule of this name holds a tensor of this layout, alive until its deleter is called.
    let tensor = unsafe { &(*held.0).tensor };
    // SAFETY: as above.
    let memory = unsafe { memory(tensor) }?;
    Ok(Some((memory, held)))
}

/// # Safety
///
/// `tensor` must be one that a producer filled.
unsafe fn memory(tensor: &Tensor) -> PyResult<Memory> {
    if !HOST.contains(&tensor.device_type) {
        let message = "the tensor is not in host memory: copy it there first";
        return Err(PyTypeError::new_err(message));
    }
    let dimensions = tensor.dimensions.unsigned_abs() as usize;
    let (mut shape, mut strides): (&[i64], Option<&[i64]>) = (&[], None);
    if dimensions > 0 {
        // SAFETY: both have as many entries as there are dimensions; strides may be null.
        unsafe {
            shape = std::slice::from_raw_parts(tensor.shape, dimensions);
            strides = (!tensor.strides.is_null())
                .then(|| std::slice::from_raw_parts(tensor.strides, dimensions));
        }
    }
    if !is_contiguous(shape, strides) {
        return Err(PyBufferError::new_err(
            "the tensor is not contiguous: call contiguous() first",
        ));
    }
    let Some(dtype) = dtype(tensor.code, tensor.bits, tensor.lanes) else {
        let message = format!(
            "elements of DLPack type ({}, {} bits, {} lanes) cannot be sent",
            tensor.code, tensor.bits, tensor.lanes
        );
        return Err(PyBufferError::new_err(message));
    };
    let count = shape.iter().map(|length| length.unsigned_abs() as usize).product::<usize>();
    let bytes = count * usize::from(tensor.bits) / 8;
    let start = tensor.data.cast::<u8>().wrapping_add(tensor.byte_offset as usize);
    Ok(Memory { start, bytes, count, dtype })
}

/// Row-major without gaps; a dimension of one may have any stride.
fn is_contiguous(shape: &[i64], strides: Option<&[i64]>) -> bool {
    let Some(strides) = strides else { return true };
    if shape.contains(&0) {
        return true;
    }
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(length, stride)| {
        let fits = *length == 1 || *stride == expected;
        expected *= length;
        fits
    })
}

/// The name of a type code (`DLDataTypeCode`).
fn dtype(code: u8, bits: u8, lanes: u16) -> Option<&'static str> {
    Some(match (code, bits, lanes) {
        (0, 8, 1) => "int8",
        (0, 16, 1) => "int16",
        (0, 32, 1) => "int32",
        (0, 64, 1) => "int64",
        (1, 8, 1) => "uint8",
        (1, 16, 1) => "uint16",
        (1, 32, 1) => "uint32",
        (1, 64, 1) => "uint64",
        (2, 16, 1) => "float16",
        (2, 32, 1) => "float32",
        (2, 64, 1) => "float64",
        (4, 16, 1) => "bfloat16",
        (5, 64, 1) => "complex64",
        (5, 128, 1) => "complex128",
        (6, 8, 1) => "bool",
        (10, 8, 1) => "float8e4m3",
        (12, 8, 1) => "float8e5m2",
        _ => return None,
    })
}
