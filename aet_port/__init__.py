"""Atomic electron tomography: from a tilt series to atoms, their structure and a SQL bank."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # What finds the public names is loaded with the first of them: the entry point of `aet`, which
    # has to take care of signals at once, needs none.
    import lazy_loader as lazy

    found = globals()
    found["__getattr__"], found["__dir__"], found["__all__"] = lazy.attach_stub(__name__, __file__)
    return found[name] if name in found else found["__getattr__"](name)


def __dir__() -> list[str]:
    __getattr__("__all__")
    return list(globals()["__dir__"]())
