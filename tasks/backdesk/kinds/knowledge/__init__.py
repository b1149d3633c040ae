"""The kind `service.knowledge`."""
