"""Where and in what precision to compute."""

from __future__ import annotations

import torch

from codeindex.errors import OptionError

# PyTorch has no public ones; where these are gone, float32 is what is left.
_BFLOAT16_PROBES = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


def choose_device(name: str) -> torch.device:
    """``auto`` → the accelerator if there is one; else what was named.

    Raises:
        OptionError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(f"no device {name!r} here ({reason}); say auto, or cpu") from None
    return device


def bfloat16_is_faster(device: torch.device) -> bool:
    """Whether it multiplies matrices in bfloat16: AMX or AVX512-BF16 on CPU, Ampere and later."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        # Without such instructions bfloat16 is emulated, at a hundredth of the speed.
        probes = (getattr(torch.cpu, name, None) for name in _BFLOAT16_PROBES)
        return any(probe() for probe in probes if probe)
    return False


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """``float32``, ``bfloat16``, or ``auto``: the second where it is faster."""
    if name == "auto":
        return torch.bfloat16 if bfloat16_is_faster(device) else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32
