"""Networks in a folder: what builds them as JSON, their weights as safetensors.

The two files have the names that the Hugging Face Hub knows, ``config.json`` and
``model.safetensors``. Nothing is unpickled and nothing is imported because a file says so: a
configuration names one of the networks of this package, or one that the program has defined.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import tempfile
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import safetensors.torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from typing_extensions import Self

from graphpoly import registry
from graphpoly.errors import unknown
from graphpoly.files import naming, replacing, write_atomically
from graphpoly.versions import versions

__all__ = ["Pretrained", "from_pretrained", "needs"]

FORMAT = 1
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_NO_FORM = object()


class Pretrained(nn.Module):
    """A network that goes into a folder and comes back, built from its recorded arguments.

    The arguments that the constructor is given are recorded: numbers, words, and networks of this
    kind within; those that are left to their defaults are not. What JSON has no form for (a layer
    of another library, a function, a tensor) is asked for again by :meth:`from_pretrained`. A class
    of your own that inherits from this one saves and loads likewise.

    >>> import torch
    >>> folder = tempfile.mkdtemp()
    >>> class Scale(Pretrained):
    ...     def __init__(self, channels: int) -> None:
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(channels))
    >>> Scale(3).save_pretrained(folder)
    >>> sorted(os.listdir(folder))
    ['config.json', 'model.safetensors']
    >>> Scale.from_pretrained(folder).weight.tolist()
    [1.0, 1.0, 1.0]
    """

    _classes: ClassVar[dict[str, type[Pretrained]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Remember the class by the name that a configuration has for it."""
        super().__init_subclass__(**kwargs)
        Pretrained._classes[_name_of(cls)] = cls

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record the arguments before the constructor reads them."""
        rest = super().__new__
        made: Self = rest(cls) if rest is object.__new__ else rest(cls, *args, **kwargs)
        object.__setattr__(made, "_built_by", _recorded(cls, args, kwargs))
        return made

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder, which is made.

        Attributes that were changed after the network was built are not arguments, and are not
        kept; parameters and persistent buffers are, in their precision.

        Args:
            folder: Where the two files go, in place of those that are there.

        Raises:
            ValueError: If parameters have no size yet.
            OSError: If the disk does not take the files; the message names the one.
        """
        state = {}
        for name, value in self.state_dict().items():
            if not isinstance(value, Tensor) or is_lazy(value):
                raise ValueError(f"{name}: has no size yet; call the network once, then save it")
            # cloned, because safetensors refuses entries that share memory, such as tied weights
            state[name] = value.detach().cpu().contiguous().clone()
        weights = safetensors.torch.save(state)
        config = {"format": FORMAT, **_description(self), "versions": versions()}
        config["sha256"] = hashlib.sha256(weights).hexdigest()
        target = Path(folder)
        with naming(target):
            target.mkdir(parents=True, exist_ok=True)
        with replacing(target / _WEIGHTS) as temporary:
            temporary.write_bytes(weights)
        # last, so that the pair is whole or is told to be of two savings
        write_atomically(target / _CONFIG, json.dumps(config, indent=2) + "\n")

    @classmethod
    def from_pretrained(
        cls, place: str | os.PathLike[str], *, revision: str | None = None, **arguments: Any
    ) -> Self:
        """Build a network as it was saved, with its weights, on the CPU and in evaluation mode.

        Args:
            place: A folder, or ``owner/name`` on the Hugging Face Hub where ``huggingface_hub`` is
                installed.
            revision: Branch, tag or commit, on the Hub.
            **arguments: Of the constructor, what JSON had no form for; others replace the recorded
                ones.

        Raises:
            FileNotFoundError: If there is no such folder, or a file is missing in it.
            ValueError: If a file is cut short or altered, an argument is needed, the network is of
                another class, or the weights do not fit; the message names the file.
        """
        net = from_pretrained(place, revision=revision, **arguments)
        if not isinstance(net, cls):
            raise ValueError(f"{place}: holds a {type(net).__name__}, not a {cls.__name__}")
        return net

    def push_to_hub(self, repository: str, **options: Any) -> Any:
        """Save the network and upload it to the Hugging Face Hub, as ``huggingface_hub`` does.

        Args:
            repository: ``owner/name``; it is made where there is none.
            **options: Of ``huggingface_hub.HfApi.upload_folder``, such as ``commit_message``.

        Raises:
            ImportError: If ``huggingface_hub`` is missing; the message names the extra.
        """
        try:
            from huggingface_hub import HfApi
        except ImportError as error:
            raise ImportError(
                "the Hub needs huggingface_hub: pip install 'graphpoly[hub]'"
            ) from error
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            hub = HfApi()
            hub.create_repo(repository, exist_ok=True)
            return hub.upload_folder(repo_id=repository, folder_path=folder, **options)


def from_pretrained(
    place: str | os.PathLike[str], *, revision: str | None = None, **arguments: Any
) -> Any:
    """Build whatever network a folder holds: see :meth:`Pretrained.from_pretrained`."""
    folder = _folder(place, revision)
    config = _config(folder / _CONFIG)
    missing = [name for name in config["needs"] if name not in arguments]
    if missing:
        words = ", ".join(missing)
        raise ValueError(f"{folder / _CONFIG}: JSON has no form for {words}; pass it by name")
    weights = _bytes(folder / _WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != config["sha256"]:
        raise ValueError(f"{folder / _WEIGHTS}: cut short, or not of this {_CONFIG}")
    try:
        net = _built({**config, "arguments": {**config["arguments"], **arguments}})
        state = safetensors.torch.load(weights)
        _as_saved(net, state)
        net.load_state_dict(state)
    except (
        *(KeyError, TypeError, ValueError, RuntimeError),
        safetensors.SafetensorError,
    ) as error:
        raise ValueError(f"{folder}: {error}") from error
    return net.eval()


def needs(net: Pretrained) -> list[str]:
    """Return the arguments of a network that JSON has no form for: loading it asks for them."""
    found: list[str] = net.__dict__["_built_by"]["needs"]
    return found


def _name_of(cls: type) -> str:
    ours = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
    return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"


def _recorded(cls: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the arguments JSON has a form for, and the names of the others."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    try:
        bound = signature.bind_partial(None, *args, **kwargs)
    except TypeError:  # which the constructor says better
        return {"arguments": {}, "networks": {}, "needs": []}
    given = dict(list(bound.arguments.items())[1:])
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(given.pop(name, {}))
    told, networks = {}, {}
    for name, value in given.items():
        if isinstance(value, Pretrained) and not needs(value):
            networks[name] = _description(value)
        else:
            told[name] = _told(value)
    missing = [name for name, form in told.items() if form is _NO_FORM]
    arguments = {name: form for name, form in told.items() if form is not _NO_FORM}
    return {"arguments": arguments, "networks": networks, "needs": missing}


def _told(value: Any) -> Any:
    """Return what JSON gives back as it was, but for tuples; else :data:`_NO_FORM`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):  # numpy's, too
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple):
        forms = [_told(item) for item in value]
        return _NO_FORM if any(form is _NO_FORM for form in forms) else forms
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        told = {key: _told(item) for key, item in value.items()}
        return _NO_FORM if any(form is _NO_FORM for form in told.values()) else told
    return _NO_FORM


def _description(net: Pretrained) -> dict[str, Any]:
    return {"class": _name_of(type(net)), **net.__dict__["_built_by"]}


def _built(description: Mapping[str, Any]) -> Pretrained:
    name = description["class"]
    if name not in Pretrained._classes:
        registry.load_all()
    if name not in Pretrained._classes:
        raise unknown("network", name, Pretrained._classes)
    networks = {
        key: _built(within)
        for key, within in description["networks"].items()
        if key not in description["arguments"]  # given anew
    }
    return Pretrained._classes[name](**description["arguments"], **networks)


def _as_saved(net: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a network the precision of what it is to hold."""
    dtypes = {value.dtype for value in state.values() if value.is_floating_point()}
    if len(dtypes) == 1:  # buffers that are not saved follow
        net.to(dtypes.pop())
    for name, held in net.state_dict(keep_vars=True).items():
        if name in state and not is_lazy(held):
            held.data = held.data.to(state[name].dtype)


def _folder(place: str | os.PathLike[str], revision: str | None) -> Path:
    folder = Path(place)
    if folder.is_dir():
        return folder
    parts = str(place).split("/")
    if len(parts) != 2 or not all(parts) or "." in parts[0] or folder.exists():
        raise FileNotFoundError(f"{place}: no such folder")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise FileNotFoundError(
            f"{place}: no such folder, and to ask the Hub: pip install 'graphpoly[hub]'"
        )
    from huggingface_hub import snapshot_download

    found = snapshot_download(str(place), revision=revision, allow_patterns=[_CONFIG, _WEIGHTS])
    return Path(found)


def _bytes(path: Path) -> bytes:
    with naming(path):
        return path.read_bytes()


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(_bytes(path))
        if config["format"] != FORMAT:
            words = json.dumps(config["format"])
            raise ValueError(f"{path}: format {words}, but this version reads {FORMAT}")
        shapes = {"class": str, "arguments": dict, "networks": dict, "needs": list, "sha256": str}
        if not all(isinstance(config[key], kind) for key, kind in shapes.items()):
            raise TypeError
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: cut short or altered; it is not JSON") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not written by save_pretrained") from error
    return dict(config)
