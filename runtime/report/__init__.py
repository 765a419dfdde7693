"""The page of lg-run report: what compression keeps of a person's own vectors, for a decision."""
