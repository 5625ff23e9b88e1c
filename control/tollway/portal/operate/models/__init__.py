"""Models: what is offered, at which prices, by which routes."""
