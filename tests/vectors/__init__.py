"""Figures that other billing systems assert, answered by the engine: one module a kind."""
