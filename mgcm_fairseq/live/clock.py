"""What time of a stream it is, of which an agent does not hear everything."""


class Clock:
    """Of one stream. Where sound never came, an agent hears less silence than the time that it took."""

    def __init__(self, rate: int) -> None:
        """`rate`: samples a second."""
        self.rate = rate
        self._skipped: list[tuple[int, int]] = []  # (samples heard before, samples that are not heard)

    def skip(self, heard: int, samples: int) -> None:
        """So many samples are not heard behind the first `heard` that are."""
        if samples:
            self._skipped.append((heard, samples))

    def seconds(self, heard: int) -> float:
        """The time of the stream once so many samples have been heard."""
        return (heard + sum(samples for before, samples in self._skipped if before <= heard)) / self.rate
