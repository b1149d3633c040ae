"""`team.route`: a message goes to the specialist whose field it is, and the result says why."""
