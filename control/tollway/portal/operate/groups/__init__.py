"""Groups: who may call which models at which multiplier."""
