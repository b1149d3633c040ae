"""`research.report`: a question becomes a report whose every sentence names its sources, which were checked by code."""
