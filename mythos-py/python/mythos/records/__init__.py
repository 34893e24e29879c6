"""What the services take and answer: dicts, with the fields of the core's types.

Ids, digests and commitments are `str`; ids of entries and operations are UUIDs, digests lower-case hexadecimal.
Timestamps are aware `datetime`s in UTC. A key that is `NotRequired` may be left out of what you give, and has its
default; in what you get, every key is there.
"""

from .anchors import *
from .assessments import *
from .audits import *
from .codices import *
from .deployments import *
from .effects import *
from .groups import *
from .healing import *
from .pages import *
from .policies import *
from .rituals import *
from .steps import *
from .stores import *
from .views import *
