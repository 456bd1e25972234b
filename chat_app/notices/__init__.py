"""Telling those who have no connection: webhooks, and browsers by Web Push."""
