"""The causal engine: graphs, identification, models, the three rungs, estimates, discovery. No torch.

```python
from butfor.scm import Graph, SCM, identify
g = Graph.parse("X -> M -> Y; X <-> Y")     # `<->`: a latent common cause
e = identify("P(Y | do(X))", g)
print(e, *e.steps, sep="\n")
```
"""
