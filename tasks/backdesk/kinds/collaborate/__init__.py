"""`team.collaborate`: several agents answer one question as jobs of their own, and their answers are put together."""
