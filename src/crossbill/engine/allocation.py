"""How the C library keeps memory that the engine has given back."""

import ctypes

M_MMAP_THRESHOLD = -3  # malloc.h
LARGE_BYTES = 128 * 1024  # where glibc begins


def return_large_blocks() -> bool:
    """Let large blocks go back to the system when they are freed; False where it is not glibc.

    Left alone, glibc raises the size from which it does so with every larger block that is freed.
    The engine's blocks then stay in its heap, which only ends where its last block does: in a
    process that lives long it grew to seven times what was in use, until the kernel refused to
    fork it. Stating the size once stops the raising.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES))
