"""A process that has the engine gives large blocks back, whatever it has freed before."""

import platform
import subprocess
import sys

import pytest

# Frees a block of 8 MB, which would raise glibc's threshold, then asks for one of 1 MB: how many
# blocks stand outside the heap then.
PROBE = """
import ctypes, {module}

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                 "uordblks", "fordblks", "keepcost")]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.mallinfo2.restype = [ctypes.c_void_p], Mallinfo
libc.free(libc.malloc(8 << 20))
before = libc.mallinfo2().hblks
libc.malloc(1 << 20)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc raises its threshold")
@pytest.mark.parametrize(("module", "outside"), [("crossbill.engine.duckdb", 1), ("os", 0)])
def test_large_blocks_stand_outside_the_heap(module, outside):
    words = [sys.executable, "-c", PROBE.format(module=module)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) == outside
