"""Independent answers to compare the platform with; nothing here imports its calculations."""
