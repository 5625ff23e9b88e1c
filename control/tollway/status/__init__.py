"""Status over time: what the gateway was found to be, and how often each model's providers served."""
