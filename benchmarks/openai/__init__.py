"""An endpoint, a pass-through and a load client in OpenAI's shape, for the benchmark `gateway`."""
