"""By what images are judged: the same for each image, platform and saved report of one run."""

import datetime
from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.auditing.baseline import Baseline
from auditor.auditing.waivers import Waiver
from auditor.rules import Options
from auditor.spec import Spec


class Terms(Struct, frozen=True):
    """`today` (UTC) decides which waivers still count, None: the day it is. With a `baseline` only what it doesn't
    have fails.
    """

    spec: Spec
    options: Options = field(default_factory=Options)
    waivers: Sequence[Waiver] = ()
    today: datetime.date | None = None
    baseline: Baseline | None = None

    @property
    def day(self) -> datetime.date:
        """The day that waivers are held to."""
        return self.today or datetime.datetime.now(datetime.UTC).date()

    def of_chosen_platform(self, chosen: bool = True) -> "Terms":
        """The same, where it is known which platform is meant: none is missed then."""
        return replace(self, options=replace(self.options, chosen_platform=chosen))
