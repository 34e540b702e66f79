"""What workers are forked from: their modules, read with nobody looking for garbage among them."""

import gc

gc.disable()

from crossbill.platform.rating import shard_workers  # noqa: E402 - not before

gc.freeze()
gc.enable()

__all__ = ["shard_workers"]
