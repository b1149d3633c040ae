"""`voice.schedule`: appointments over the telephone."""
