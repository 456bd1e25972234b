"""What calls of models took, and what may be used in a day: over REST and in the admin."""
