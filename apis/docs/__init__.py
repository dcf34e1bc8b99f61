"""Docs pages of an API: read from its objects or written in the portal, and shown together."""
