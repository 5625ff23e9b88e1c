"""Gateway processes: which snapshot each has, and when it was last heard of."""
