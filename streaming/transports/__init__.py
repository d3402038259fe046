"""One file a transport; each moves the frames of a session, or the events of a stream, to a client."""
