"""What the apps share of the database, below all of them."""
