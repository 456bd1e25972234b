"""`make attack`: every test that attacks, by the class of hole that it tries, as one table."""
