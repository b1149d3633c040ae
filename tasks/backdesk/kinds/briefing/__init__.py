"""`briefing.daily`: weather, news and markets of the day, summed up with where each comes from."""
