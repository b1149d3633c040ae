"""The kinds of this deployment, one folder each: whoever deletes the folder deletes the kind."""
