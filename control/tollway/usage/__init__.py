"""Usage: what each request counted and cost, read from the rows that settlements left."""
