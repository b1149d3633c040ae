"""`report.export`: a long table as a file, which goes on after a crash where it was, and comes out the same."""
