"""Scrub: log lines in their own format, without what names or follows a person; pseudonymised, still personal data."""
