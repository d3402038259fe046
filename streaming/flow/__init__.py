"""Flow of a stream: segmentation, credit, priority; pure arithmetic on sizes and times."""
