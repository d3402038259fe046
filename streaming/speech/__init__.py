"""Speech engines: one file each, behind the interfaces of `base`."""
