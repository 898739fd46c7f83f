"""What the audit has the attacked program load at its start: a folder for PYTHONPATH."""
