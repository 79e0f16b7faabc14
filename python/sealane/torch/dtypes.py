"""Types and reductions of PyTorch by the names that Sealane has for them."""

from __future__ import annotations

import torch
import torch.distributed as dist

NAMES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.int16: "int16",
    torch.uint16: "uint16",
    torch.int32: "int32",
    torch.uint32: "uint32",
    torch.int64: "int64",
    torch.uint64: "uint64",
    torch.bool: "bool",
    torch.complex64: "complex64",
    torch.complex128: "complex128",
    torch.float8_e4m3fn: "float8e4m3",
    torch.float8_e5m2: "float8e5m2",
}

_RedOp = dist.ReduceOp.RedOpType
_OPS = {
    _RedOp.SUM.value: "sum",
    _RedOp.AVG.value: "avg",
    _RedOp.PRODUCT.value: "prod",
    _RedOp.MIN.value: "min",
    _RedOp.MAX.value: "max",
    _RedOp.BAND.value: "band",
    _RedOp.BOR.value: "bor",
    _RedOp.BXOR.value: "bxor",
}
_BITWISE = ("band", "bor", "bxor")
_LINEAR = ("sum", "avg", "premulsum")


def moved(tensor: torch.Tensor) -> tuple[str, int]:
    """Type and number of elements for an operation that only moves them: any type will do."""
    name = NAMES.get(tensor.dtype)
    if name is not None:
        return name, tensor.numel()
    return "uint8", tensor.numel() * tensor.element_size()


def reduced(tensor: torch.Tensor, op: str) -> tuple[str, int]:
    """The same for a reduction."""
    dtype = tensor.dtype
    if op in _BITWISE and (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"Cannot use ReduceOp.{op.upper()} with non-integral dtype {dtype}")
    if dtype.is_complex:
        # Sums are those of the parts, which is also how torch.distributed itself treats them.
        if op.partition(":")[0] in _LINEAR:
            part = "float32" if dtype == torch.complex64 else "float64"
            if dtype in (torch.complex64, torch.complex128):
                return part, tensor.numel() * 2
        elif op in ("min", "max"):
            raise RuntimeError(f"ReduceOp.{op.upper()} does not support complex tensors")
    name = NAMES.get(dtype)
    if name is None:
        raise RuntimeError(f"sealane does not reduce tensors of {dtype}")
    return name, tensor.numel()


def op_name(op: object) -> str:
    """The name of a ``ReduceOp`` or one of its types."""
    kind = getattr(op, "op", op)
    if kind == _RedOp.PREMUL_SUM:
        factor = getattr(op, "factor", None)
        if isinstance(factor, torch.Tensor):
            factor = factor.item()
        if factor is None:
            raise RuntimeError("ReduceOp.PREMUL_SUM needs a factor")
        return f"premulsum:{float(factor)!r}"
    name = _OPS.get(kind.value)
    if name is None:
        raise RuntimeError(f"sealane has no reduction {op}")
    return name
