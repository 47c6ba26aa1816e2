"""What answers each address: each module has its ``ROUTES``."""
