"""The blocking client. Generated from `backdesk.client.aio` by `make generate`: change it there."""
