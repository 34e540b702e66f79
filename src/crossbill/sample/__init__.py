"""The sample carrier OptiCom: its estate in an old system, and the truth about it."""
