"""What publishers ask of whoever wants access to their API, and the answers."""
