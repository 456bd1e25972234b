"""An application whose `flush` takes the place of Django's after each transactional test."""
