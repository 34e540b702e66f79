"""Why a bill line differs: one file a cause, each a what-if of the one calculation."""
