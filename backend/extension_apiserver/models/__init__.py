"""A resource from a pydantic model: its schema, defaults, columns and validation; functions get and return models.

class Cat(BaseModel):
    '''A cat.'''
    spec: CatSpec

cats = resource(Cat, plural="cats", store=True)
"""

try:
    import pydantic  # noqa: F401
except ImportError:
    raise ImportError("extension_apiserver.models needs pydantic: install extension-apiserver[pydantic]") from None

from .functions import Verbs
from .marks import ListMap, Shown
from .object_meta import ObjectMeta
from .resource import Options, resource

__all__ = ["ListMap", "ObjectMeta", "Options", "Shown", "Verbs", "resource"]
