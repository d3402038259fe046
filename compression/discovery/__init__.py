"""Mining of templates from text; pure."""
