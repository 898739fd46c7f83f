"""The audit: attacks on a published folder that know nothing but files; one file an attack in `audit/attacks/`."""
