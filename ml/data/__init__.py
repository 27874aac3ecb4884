"""Getting data in (loaders, landing zone) and handing it out as arrays."""
