# SPDX-License-Identifier: Apache-2.0
"""A trained model as files that run nothing when they are read: JSON, NumPy arrays, LightGBM's own text.

    model.json      the dataclasses of the model, their plain values, and where the rest lies
    arrays.npz      numbers; read with pickling switched off
    booster_N.txt   trees

`digest` is the SHA-256 of a folder's files, compared before anything is parsed: the parsers are not for hostile files.
Only dataclasses of this service are built again, by the fields they have: what another release stored and this one no
longer understands is refused like a damaged file.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from ai_service.forecasting.errors import ArtifactDamaged
from ai_service.forecasting.types import Floats

STRUCTURE = "model.json"
ARRAYS = "arrays.npz"
OURS = "ai_service."
DEEPEST = 20
UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    ImportError,
    zipfile.BadZipFile,
    lightgbm.basic.LightGBMError,
)


def write(model: Any, folder: Path) -> str:
    """Write `model` (a dataclass) into an empty folder; return its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Floats] = {}
    boosters: list[str] = []
    structure = _told(model, arrays, boosters)
    np.savez_compressed(folder / ARRAYS, **arrays)
    for place, text in enumerate(boosters):
        (folder / f"booster_{place}.txt").write_text(text)
    (folder / STRUCTURE).write_text(json.dumps(structure))
    return digest(folder)


def read(folder: Path, *, sha256: str) -> Any:
    """The model of a folder. Raises ArtifactDamaged when its files are not those that `sha256` was taken of."""
    try:
        found = digest(folder)
        if found != sha256:
            raise ArtifactDamaged("The files are not those that were stored", folder=folder.name, sha256=found)
        structure = json.loads((folder / STRUCTURE).read_text())
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return _built(structure, folder, arrays, 0)
    except UNREADABLE as problem:
        raise ArtifactDamaged(f"{type(problem).__name__}: {problem}", folder=folder.name) from problem


def digest(folder: Path) -> str:
    """SHA-256 over names, lengths and bytes of the folder's files, in order of their names."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        total.update(f"{path.name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _told(value: Any, arrays: dict[str, Floats], boosters: list[str]) -> Any:
    """The JSON of a value; arrays and boosters are put aside under the names that it mentions."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, lightgbm.Booster):
        boosters.append(value.model_to_string())
        return {"booster": len(boosters) - 1}
    if is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: _told(getattr(value, each.name), arrays, boosters) for each in fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": inner}
    if isinstance(value, dict):
        return {"dict": {str(key): _told(inner, arrays, boosters) for key, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_told(inner, arrays, boosters) for inner in value]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a model cannot keep a {type(value).__name__}")


def _built(told: Any, folder: Path, arrays: dict[str, Floats], depth: int) -> Any:
    if not isinstance(told, dict):
        return told
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    match told:
        case {"array": name}:
            return arrays[name]
        case {"booster": int(place)}:
            return lightgbm.Booster(model_str=(folder / f"booster_{place}.txt").read_text())
        case {"class": str(name), "fields": dict(inner)}:
            return _class_of(name)(**{key: _built(each, folder, arrays, depth + 1) for key, each in inner.items()})
        case {"dict": dict(inner)}:
            return {key: _built(each, folder, arrays, depth + 1) for key, each in inner.items()}
        case {"list": list(inner)}:
            return [_built(each, folder, arrays, depth + 1) for each in inner]
        case {"tuple": list(inner)}:
            return tuple(_built(each, folder, arrays, depth + 1) for each in inner)
    raise ValueError(f"unknown part: {sorted(told)}")


def _class_of(name: str) -> Any:
    """A dataclass of this service by its full name. Raises ValueError for anything else."""
    module, _, qualified = name.partition(":")
    found = getattr(import_module(module), qualified, None) if module.startswith(OURS) else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{name} is no model of this service")
    return found
