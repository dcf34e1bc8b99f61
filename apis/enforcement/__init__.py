"""What the gateway does with the calls of a version, and the part of it that is changed from the portal, on the object."""
