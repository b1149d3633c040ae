"""The other systems, each as its users would write it. Run as processes of their own; nothing here imports backdesk."""
