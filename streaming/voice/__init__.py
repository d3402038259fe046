"""Voice: what is heard becomes questions, answers are read aloud while they are written, and who speaks is let speak."""
