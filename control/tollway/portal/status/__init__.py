"""`/status`, public: gateway and models now, over a day and a month; and the words of what is live on other pages."""
