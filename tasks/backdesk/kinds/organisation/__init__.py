"""`org.assistant`: an organisation's assistant, on that organisation's data alone."""
