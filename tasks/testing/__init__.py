"""What a test of an agent needs besides the bench (`worker.testing`): a model that does as it is told, and a shop.

with sample_shop(), scripted(Call("look_up_order", {"order_number": 10003}), Say("It is on its way.")) as model:
job = bench.run("support.request", {"message": "Where is order 10003?"})
assert "look_up_order" in model.requests[0].tools
"""

from tasks.agents.situation import Call, Fail, Say, Situation
from tasks.testing.script import ScriptedModel, ScriptExhausted, scripted
from tasks.testing.shop import sample_shop

__all__ = ["Call", "Fail", "Say", "ScriptExhausted", "ScriptedModel", "Situation", "sample_shop", "scripted"]
