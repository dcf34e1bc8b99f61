"""Try it: one call of an operation from its page, sent by the portal to the gateway's own listeners and nowhere else."""
