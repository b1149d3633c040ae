"""The kind `service.desk`."""
