"""`/status`, public: gateway and models now, over a day and over a month."""
