"""Load for a server as users make it: arrivals that wait for nobody, and latency from when each was meant to be sent."""
