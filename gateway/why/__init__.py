"""Why was I refused? The failing link of the gateway's chain in plain words, and what to do about it."""
