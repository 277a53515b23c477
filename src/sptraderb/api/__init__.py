"""HTTP and WebSocket: the only package that knows the web framework."""
