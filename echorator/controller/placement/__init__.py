"""Which agents serve which models: decided purely, then told to the agents."""
