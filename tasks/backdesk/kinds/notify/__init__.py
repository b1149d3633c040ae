"""The kind `notify.send`."""
