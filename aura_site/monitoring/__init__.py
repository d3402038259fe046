"""What an operator sees: figures, metrics, the dashboard, logs and traces. Nothing here knows the text of a message."""
