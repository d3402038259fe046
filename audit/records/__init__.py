"""Events, their canonical bytes, their chain, and the transcripts folded from them; pure."""
