"""Models that steer an image by another one: ControlNet, T2I-Adapter, IP-Adapter."""
