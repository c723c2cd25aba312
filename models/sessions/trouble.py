"""What a run may fail of, told from ONNX Runtime's words: it has no types for these."""

from __future__ import annotations

import re

from models.errors import LikenessError, ModelError

# As its CPU arena, its CUDA arena, cuBLAS, cuDNN, CUDA itself, DirectML and C++ say it.
_MEMORY = re.compile(r"failed to allocate memory|out of memory|bad_alloc|cublas_status_alloc_failed|"
                     r"cudnn_status_alloc_failed|cudaerrormemoryallocation|e_outofmemory|bfc_?arena", re.IGNORECASE)
# A device that is gone, reset, or whose context is broken for good (CUDA 700, 719, 999 and DXGI's own).
_LOST = re.compile(r"cuda failure (?:46|100|700|719|999)\b|cudaerror(?:devicesunavailable|nodevice|illegaladdress|"
                   r"launchfailure|unknown)|an illegal memory access|unspecified launch failure|device_removed|"
                   r"device removed|device_hung|device is lost", re.IGNORECASE)


class OutOfMemory(ModelError, MemoryError):
    """One row alone does not fit beside what has to stay. Who works in tiles tries smaller ones."""

    code = "DEVICE.OUT_OF_MEMORY"


class DeviceLost(ModelError):
    """The device failed, not the model: the same work succeeds on another one."""

    code = "DEVICE.LOST"


def is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or bool(_MEMORY.search(str(error)))


def is_loss(error: BaseException) -> bool:
    return bool(_LOST.search(str(error)))


def unreadable(name: str, error: Exception) -> ModelError:
    return ModelError(f"The model {name} cannot be loaded: {first_line(error)}.", subject=name,
                      code="MODEL.UNREADABLE", remedy="Get the file again; it may be damaged, or of a newer kind than "
                                                      "this ONNX Runtime reads.")


def failed(name: str, device: str, error: Exception) -> LikenessError:
    """The error that people see for one of the runtime's."""
    if is_memory(error):
        return OutOfMemory(f"{device} has too little memory for {name}.", subject=name,
                           remedy="Close other programs that use the device, or choose a smaller model or tile.")
    if is_loss(error):
        return DeviceLost(f"{device} failed while it ran {name}: {first_line(error)}.", subject=device,
                          remedy="Render again: another device is taken, if there is one. If it happens again, see "
                                 "the driver.")
    return ModelError(f"The model {name} failed: {first_line(error)}.", subject=name, code="MODEL.FAILED",
                      remedy="Check that it is the model that its name says.")


def closed(name: str) -> ModelError:
    return ModelError(f"The model {name} was given back already.", subject=name, code="MODEL.CLOSED",
                      remedy="Lease it again.")


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
