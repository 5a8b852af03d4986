"""A job that ends the process that takes it up."""

import signal


class Deadly:
    """Whoever unpickles it is killed, as the kernel does it where memory runs out."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)
