"""Speech as samples and rules: what is heard, when a turn ends, what can be read aloud. Pure: numbers in, events out."""
