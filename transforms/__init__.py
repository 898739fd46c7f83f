"""HOW lines become crowds: pure functions on Arrow and numpy batches, and one thin PTransform per stage."""
