"""One measured search, in a process of its own; prints one JSON object.

Run as ``python -m benchmarks.inference.run infer FOLDER``.
"""

import json
import sys
import time
from pathlib import Path

from crossbill.replacement.reconciliation.inference.infer_policy import infer_policy


def main() -> None:
    """Infer the policy of the folder."""
    began, used = time.perf_counter(), time.process_time()
    document = infer_policy(Path(sys.argv[2])).document
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    (found,) = document["policies"]
    print(json.dumps({"policy": found["policy"], "lines": document["lines"]} | spent))


if __name__ == "__main__":
    main()
