"""What Prometheus is told: figures of the deployment, read at each scrape, and those of this process."""
