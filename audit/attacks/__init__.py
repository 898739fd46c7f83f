"""The attacks, one file each: `ID`, `TITLE`, `NEEDS` (fields of Case that it cannot do without) and `attack(case)`."""
