"""The documentation as pages: read from `docs/`, rendered here, served at `/docs/` or written as files."""
