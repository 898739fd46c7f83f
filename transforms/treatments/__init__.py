"""Treatments: one file per `[treatment.*]` of schemas/fields.toml, each with TAKES, GIVES and a class Treatment."""
