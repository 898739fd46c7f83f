"""Chunks of log files to Events: one file a kind of format."""
