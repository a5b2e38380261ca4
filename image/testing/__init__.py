"""What image/test stands on: an appliance in qemu, and a community around it on this machine's loopback."""
