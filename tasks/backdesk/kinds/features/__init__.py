"""`data.features`: plans the extraction of features out of a data set, has it run step by step, and checks it."""
