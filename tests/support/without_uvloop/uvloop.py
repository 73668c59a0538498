"""Stands before the real one on PYTHONPATH, so that a whole suite runs as where there is none."""

message = "uvloop is hidden"
raise ImportError(message)
