"""installer doctor: a module for each area of what can go wrong, and one table of them (see `table`)."""
