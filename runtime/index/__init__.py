"""Search: the rows that are nearest to a query."""
