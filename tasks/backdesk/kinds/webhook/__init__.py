"""The kind `webhook.deliver`."""
